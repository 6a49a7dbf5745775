//! The answers of the status server, by an independent HTTP client.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use crate::support::{
    PATIENCE, TestServer, UUID_TEXT, call, echo, echo_server, get, json, send, wait_for,
};
use audiosocket_status::StatusServer;
use audiosocket_tokio::admission::{Limits, WhenFull};
use audiosocket_tokio::{
    Audio, Call, CallRequest, Callbacks, Handler, Refusal, Response, SampleRate, acceptor_fn,
};
use serde_json::Value;

const GUIDE: &str = include_str!("../../../docs/src/metrics.md");

/// The JSON examples of the guide, in their order.
fn examples() -> Vec<Value> {
    let blocks = GUIDE.split("```json\n").skip(1);
    blocks
        .map(|block| json(block.split("```").next().unwrap()))
        .collect()
}

/// Asserts that two values have the same keys, and the same types except for null.
#[track_caller]
fn assert_same_shape(value: &Value, example: &Value, place: &str) {
    match (value, example) {
        (Value::Object(value), Value::Object(example)) => {
            let keys = |map: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                map.keys().cloned().collect()
            };
            assert_eq!(keys(value), keys(example), "{place}");
            for (key, value) in value {
                assert_same_shape(value, &example[key], &format!("{place}.{key}"));
            }
        }
        (Value::Array(value), Value::Array(example)) => {
            for value in value {
                assert_same_shape(value, &example[0], &format!("{place}[]"));
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (value, example) => assert_eq!(
            std::mem::discriminant(value),
            std::mem::discriminant(example),
            "{place}: {value} {example}"
        ),
    }
}

#[test]
fn each_path_has_its_type_and_other_requests_are_refused() {
    let server = echo_server();
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/livez", "text/plain; charset=utf-8"),
        ("/readyz", "text/plain; charset=utf-8"),
        (
            "/metrics",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        ("/calls?x=1", "application/json"),
        ("/summary", "application/json"),
    ] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, &answer.content_type[..]),
            (200, content_type),
            "{path}"
        );
    }
    assert_eq!(server.get("/livez").body, "ok\n");
    assert_eq!(server.get("/calls/").status, 404);
    let addr = server.status.local_addr();
    assert_eq!(
        exchange(addr, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        405
    );
    assert_eq!(
        exchange(addr, "HEAD / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"),
        200
    );
    // A page of another site, whose name leads to 127.0.0.1.
    assert_eq!(
        exchange(addr, "GET /calls HTTP/1.1\r\nHost: example.org\r\n\r\n"),
        403
    );
    assert_eq!(exchange(addr, "nonsense\r\n\r\n"), 400);
}

/// Sends a request, and returns the status of the answer.
fn exchange(addr: std::net::SocketAddr, request: &str) -> u16 {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // The server may close before it has read all.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn open_calls_are_reported_as_the_guide_says() {
    let server = echo_server();
    let mut caller = call(server.addr);
    for _ in 0..3 {
        echo(&mut caller);
    }
    send(&mut caller, 0x03, b"7");
    echo(&mut caller);
    let handle = server.handle.open_calls().remove(0);
    handle
        .try_play((SampleRate::Hz8000, vec![1; 16_000]))
        .unwrap();
    handle.clear();
    let report = wait_for(|| {
        let report = json(&server.get("/calls").body);
        let is_current = report.pointer("/calls/0/frames_in")? == 4
            && report.pointer("/calls/0/barge_ins")? == 1;
        is_current.then_some(report)
    });
    assert_same_shape(&report, &examples()[0], "/calls");
    let call = &report["calls"][0];
    assert_eq!(report["total"], 1);
    assert_eq!(call["uuid"], UUID_TEXT);
    assert_eq!(call["peer"], caller.local_addr().unwrap().to_string());
    assert_eq!(
        (&call["rate_in"], &call["bytes_in"]),
        (&8000.into(), &1280.into())
    );
    // A frame can leave between `try_play` and `clear`. It counts as sent a moment after it counts as played.
    let frames_out = call["frames_out"].as_u64().unwrap();
    assert!(frames_out >= 4, "{report}");
    assert_eq!(call["bytes_out"], 320 * frames_out);
    let played = call["frames_played"].as_u64().unwrap();
    let cleared = call["cleared_ms"].as_f64().unwrap();
    assert_eq!(cleared, 1000.0 - 20.0 * played as f64);
    assert_eq!(call["last_event"]["kind"], "key");
    drop(caller);
    wait_for(|| (json(&server.get("/calls").body)["total"] == 0).then_some(()));
}

#[test]
fn the_summary_is_as_the_guide_says_and_has_the_last_refusals() {
    let acceptor = acceptor_fn(|request: &CallRequest<'_>| {
        if request.uuid.is_nil() {
            let reason = "\"<b>no</b>\"\n".repeat(100);
            return Err(Refusal::new(reason));
        }
        Ok(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}))
    });
    // With the listener open all the time, a connection is never refused before the UUID.
    let limits = Limits::new().max_calls(2).when_full(WhenFull::HangUp);
    let server = TestServer::start(acceptor, |builder| builder.limits(limits));
    let mut first = call(server.addr);
    echo(&mut first);
    let mut refused = TcpStream::connect(server.addr).unwrap();
    send(&mut refused, 0x01, &[0; 16]);
    refused.read_to_end(&mut Vec::new()).unwrap();
    let mut second = call(server.addr);
    echo(&mut second);
    let summary = wait_for(|| {
        let summary = json(&server.get("/summary").body);
        (summary["started"] == 2).then_some(summary)
    });
    assert_same_shape(&summary, &examples()[1], "/summary");
    assert_eq!(summary["state"], "full");
    assert_eq!(summary["reason"], "too many calls");
    assert_eq!(
        (&summary["calls"], &summary["max_calls"]),
        (&2.into(), &2.into())
    );
    assert_eq!(summary["refused"]["admission"], 1);
    let refusal = &summary["last_refusals"][0];
    assert_eq!(refusal["uuid"], "00000000-0000-0000-0000-000000000000");
    let reason = refusal["reason"].as_str().unwrap();
    assert!(reason.starts_with("\"<b>no</b>\""), "{reason}");
    assert_eq!(reason.chars().count(), 201, "the reason is cut");
}

/// Returns the metrics of the guide's table, as (name, type).
#[test]
fn readiness_ends_before_the_server_stops_accepting() {
    let server = echo_server();
    let ready = || {
        let answer = server.get("/readyz");
        (answer.status, answer.body)
    };
    assert_eq!(ready(), (200, "ready\n".to_owned()));
    server.handle.refuse_calls(true);
    let refuses = "full: the application refuses calls at present\n";
    assert_eq!(ready(), (503, refuses.to_owned()));
    server.handle.refuse_calls(false);
    server.handle.announce_drain();
    assert_eq!(ready(), (503, "drain announced\n".to_owned()));
    let mut caller = call(server.addr);
    echo(&mut caller);
    server.handle.shutdown(PATIENCE);
    wait_for(|| (ready() == (503, "shutting down\n".to_owned())).then_some(()));
    echo(&mut caller);
    assert_eq!(server.get("/livez").status, 200);
}

/// Blocks the thread of all calls until a message comes.
struct Blocking(Mutex<mpsc::Receiver<()>>);

impl Handler for Blocking {
    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.0.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        audio.into()
    }
}

#[test]
fn the_status_answers_while_all_threads_are_busy() {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(Some(released));
    let server = TestServer::start(
        acceptor_fn(move |_| {
            let released = released.lock().unwrap().take().unwrap();
            Ok(Blocking(Mutex::new(released)))
        }),
        |builder| builder,
    );
    let mut caller = call(server.addr);
    send(&mut caller, 0x10, &[7; 320]);
    wait_for(|| (json(&server.get("/calls").body)["total"] == 1).then_some(()));
    assert_eq!(server.get("/readyz").status, 200);
    release.send(()).unwrap();
    let mut frame = [0; 323];
    caller.read_exact(&mut frame).unwrap();
}

#[test]
fn a_flood_of_connections_and_requests_does_not_reach_the_calls() {
    let server = echo_server();
    let addr = server.status.local_addr();
    let mut caller = call(server.addr);
    let idle: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect();
    for _ in 0..100 {
        echo(&mut caller);
    }
    drop(idle);
    let long = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    assert_eq!(exchange(addr, &long), 431);
    let many = "X: y\r\n".repeat(1_000);
    assert_eq!(
        exchange(addr, &format!("GET / HTTP/1.1\r\n{many}\r\n")),
        431
    );
    // An answer is kept, and made again only after a while.
    let bodies: BTreeSet<_> = (0..200).map(|_| server.get("/summary").body).collect();
    assert!(bodies.len() < 200, "{} different answers", bodies.len());
    echo(&mut caller);
}

#[test]
fn it_serves_servers_on_smol_and_on_threads() {
    let echo_calls = || Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
    let server = audiosocket_blocking::Server::builder()
        .bind("127.0.0.1:0")
        .start(echo_calls())
        .unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let thread = std::thread::spawn(move || server.serve_forever());
    assert_one_call(addr, &handle);
    thread.join().unwrap().unwrap();

    let builder = audiosocket_smol::Server::builder().bind("127.0.0.1:0");
    let server = smol::block_on(builder.start(echo_calls())).unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let thread = std::thread::spawn(move || smol::block_on(server.serve_forever()));
    assert_one_call(addr, &handle);
    thread.join().unwrap().unwrap();
}

/// Calls the server, and shuts it down.
fn assert_one_call(addr: std::net::SocketAddr, handle: &audiosocket_tokio::ServerHandle) {
    let status = StatusServer::start("127.0.0.1:0", handle.clone()).unwrap();
    let caller = call(addr);
    wait_for(|| {
        let report = json(&get(status.local_addr(), "/calls").body);
        (report["calls"][0]["uuid"] == UUID_TEXT).then_some(())
    });
    drop(caller);
    handle.shutdown(Duration::ZERO);
}

#[test]
fn a_dropped_status_server_frees_its_port() {
    let server = echo_server();
    let addr = server.status.local_addr();
    assert!(StatusServer::start(&addr.to_string(), server.handle.clone()).is_err());
    drop(server.status);
    let again = StatusServer::start(&addr.to_string(), server.handle.clone()).unwrap();
    assert_eq!(get(again.local_addr(), "/livez").status, 200);
}
