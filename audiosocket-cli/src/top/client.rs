//! Gets the status of a server by HTTP.

use std::io;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::Agent;

use super::report::{ShownCalls, ShownStatus, ShownSummary};

/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum size of an answer. The server lists at most 1,000 calls, of about 600 bytes each.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;

/// A client of the status server at one address.
#[derive(Debug)]
pub(super) struct StatusClient {
    addr: String,
    agent: Agent,
}

impl StatusClient {
    /// Creates a client for `PORT`, `:PORT` or `HOST:PORT`, or for the URL that `audiosocket serve` prints.
    pub(super) fn new(addr: &str) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .proxy(None)
            .build();
        Self {
            addr: audiosocket_status::with_host(without_scheme(addr)),
            agent: config.into(),
        }
    }

    /// Returns the address of the server.
    pub(super) fn addr(&self) -> &str {
        &self.addr
    }

    /// Returns the status of the server.
    pub(super) fn fetch(&self) -> io::Result<ShownStatus> {
        let summary: ShownSummary = self.get("summary")?;
        let calls: ShownCalls = self.get("calls")?;
        Ok(ShownStatus { summary, calls })
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> io::Result<T> {
        let url = format!("http://{}/{path}", self.addr);
        let answer = self.agent.get(&url).call();
        let body = answer.and_then(|mut answer| {
            let body = answer.body_mut().with_config().limit(MAX_ANSWER);
            body.read_to_vec()
        });
        let body = body.map_err(|error| {
            io::Error::other(format!(
                "no status from {url}: {error}; start the server with --status-listen, and give its address"
            ))
        })?;
        serde_json::from_slice(&body).map_err(|error| {
            io::Error::other(format!(
                "{url} is not the status of an AudioSocket server: {error}; give the address of --status-listen"
            ))
        })
    }
}

/// Returns the address in a URL. Other texts stay as they are.
fn without_scheme(addr: &str) -> &str {
    match addr.strip_prefix("http://") {
        Some(rest) => rest.trim_end_matches('/'),
        None => addr,
    }
}
