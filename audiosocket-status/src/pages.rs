//! The answers to requests.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use audiosocket_server::ServerHandle;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::metrics::Metrics;
use crate::report;

/// Within this time, the same answer is given again.
const MAX_AGE: Duration = Duration::from_millis(250);

const PAGE: &str = include_str!("page.html");

/// The page loads nothing, and its script asks this server only.
const PAGE_POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; \
     style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answers to all requests about a server.
#[derive(Debug)]
pub(crate) struct Pages {
    server: ServerHandle,
    started: Instant,
    /// Whether the server listens on the loopback address.
    is_local: bool,
    metrics: Metrics,
    kept: Mutex<KeptAnswers>,
}

/// The last answers that are costly to make.
#[derive(Debug, Default)]
struct KeptAnswers {
    metrics: KeptAnswer,
    calls: KeptAnswer,
    summary: KeptAnswer,
}

#[derive(Debug, Default)]
struct KeptAnswer(Option<(Instant, Bytes)>);

impl KeptAnswer {
    fn get(&mut self, make: impl FnOnce() -> String) -> Bytes {
        match &self.0 {
            Some((at, answer)) if at.elapsed() < MAX_AGE => answer.clone(),
            _ => {
                let answer = Bytes::from(make());
                self.0 = Some((Instant::now(), answer.clone()));
                answer
            }
        }
    }
}

type Answer = Response<Full<Bytes>>;

impl Pages {
    pub(crate) fn new(server: ServerHandle, is_local: bool) -> Self {
        Self {
            metrics: Metrics::new(server.clone()),
            server,
            started: Instant::now(),
            is_local,
            kept: Mutex::default(),
        }
    }

    /// Answers a request. Does not read its body.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Answer {
        let mut answer = self.route(request);
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer
    }

    fn route<B>(&self, request: &Request<B>) -> Answer {
        if self.is_local && !is_local_host(request.headers().get(HOST)) {
            let why = "the status is for requests to an IP address or to localhost";
            return text(StatusCode::FORBIDDEN, why);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "use GET");
            let allowed = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(ALLOW, allowed);
            return answer;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match request.uri().path() {
            "/" => page(),
            "/livez" => text(StatusCode::OK, "ok"),
            "/readyz" => self.readiness(),
            "/metrics" => ok(OPEN_METRICS, kept.metrics.get(|| self.metrics.render())),
            "/calls" => ok(JSON, kept.calls.get(|| report::calls(&self.server))),
            "/summary" => {
                let make = || report::summary(&self.server, self.started.elapsed());
                ok(JSON, kept.summary.get(make))
            }
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /, /metrics, /livez, /readyz, /calls and /summary",
            ),
        }
    }

    fn readiness(&self) -> Answer {
        let readiness = self.server.readiness();
        let status = if readiness.is_ready() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        text(status, &readiness.to_string())
    }
}

/// A web page can have a name that leads to 127.0.0.1, and read what it finds there. Its requests have that name as their
/// host.
fn is_local_host(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host else {
        return true;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let has_port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host
        .rsplit_once(':')
        .filter(has_port)
        .map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

fn text(status: StatusCode, line: &str) -> Answer {
    let mut answer = ok(TEXT, Bytes::from(format!("{line}\n")));
    *answer.status_mut() = status;
    answer
}

fn page() -> Answer {
    let mut answer = ok(
        "text/html; charset=utf-8",
        Bytes::from_static(PAGE.as_bytes()),
    );
    let policy = HeaderValue::from_static(PAGE_POLICY);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

fn ok(content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    let content_type = HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_host_is_not_local() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:9100",
            "[::1]",
            "[::1]:9100",
            "localhost:9100",
            "LocalHost",
        ] {
            assert!(
                is_local_host(Some(&HeaderValue::from_static(host))),
                "{host}"
            );
        }
        for host in [
            "example.org",
            "localhost.example.org:9100",
            "127.0.0.1.example.org",
            "",
        ] {
            assert!(
                !is_local_host(Some(&HeaderValue::from_static(host))),
                "{host}"
            );
        }
        assert!(is_local_host(None), "HTTP/1.0 has no host");
    }
}
