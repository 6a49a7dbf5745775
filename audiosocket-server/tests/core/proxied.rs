//! Connections through a proxy: the limits and counters, which are about the client of the proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
use audiosocket_server::{Admission, AllowList, CallDriver, Calls, Limits, Refusal};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{RecordingAcceptor, Transcript};

type Driver = CallDriver<RecordingAcceptor>;

const PROXY: &str = "10.0.0.1:5000";

/// A server behind the proxies of 10.0.0.0/24.
struct ProxiedServer {
    calls: Calls,
    acceptor: Arc<RecordingAcceptor>,
    transcript: Transcript,
}

impl ProxiedServer {
    fn new(configure: impl FnOnce(Admission) -> Admission) -> Self {
        let proxies: AllowList = "10.0.0.0/24".parse().unwrap();
        let acceptor = RecordingAcceptor::new();
        Self {
            calls: Calls::new(configure(Admission::new().proxy_protocol(proxies))),
            transcript: acceptor.transcript.clone(),
            acceptor: Arc::new(acceptor),
        }
    }

    fn connect(&self, from: &str) -> Driver {
        let from: SocketAddr = from.parse().unwrap();
        CallDriver::new(
            Arc::clone(&self.acceptor),
            from.into(),
            SessionConfig::default(),
            &self.calls,
            Timestamp::ZERO,
        )
    }

    /// A connection through the proxy, whose header has arrived.
    fn through_the_proxy(&self, client: &str) -> Driver {
        let mut driver = self.connect(PROXY);
        driver.receive(Timestamp::ZERO, &header(client));
        driver
    }
}

fn header(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let (ip, port) = (client.ip(), client.port());
    format!("PROXY TCP4 {ip} 198.51.100.1 {port} 9092\r\n").into_bytes()
}

#[track_caller]
fn assert_refused(driver: &Driver, why: &str) {
    assert_eq!(
        driver.refusal().map(ToString::to_string).as_deref(),
        Some(why)
    );
    assert_eq!(driver.poll_transmit(), Transmit::Bytes(&HANGUP));
}

#[test]
fn pending_connections_count_for_the_client_of_a_proxy() {
    let server =
        ProxiedServer::new(|admission| admission.limits(Limits::new().max_pending_per_addr(1)));
    let unknown = [server.connect(PROXY), server.connect(PROXY)];
    assert!(unknown.iter().all(|driver| driver.refusal().is_none()));
    let mut first = server.through_the_proxy("192.0.2.7:1");
    assert_eq!(first.refusal(), None);
    let why = "too many connections without a UUID from this address";
    assert_refused(&server.through_the_proxy("192.0.2.7:2"), why);
    assert_eq!(server.calls.counters().over_max_pending_per_addr, 1);
    assert_eq!(server.through_the_proxy("192.0.2.8:1").refusal(), None);
    // A client that connects itself counts for the same address.
    assert_refused(&server.connect("192.0.2.7:3"), why);

    first.receive(Timestamp::ZERO, &uuid_frame());
    let second = server.through_the_proxy("192.0.2.7:4");
    assert_eq!(second.refusal(), None, "a call is not pending");
    drop(second);
    assert_eq!(server.through_the_proxy("192.0.2.7:5").refusal(), None);
    assert_eq!(server.calls.admitted(), 3, "two unknown clients and a call");
    drop((unknown, first));
    assert_eq!((server.calls.admitted(), server.calls.len()), (0, 0));
}

#[test]
fn the_limits_without_an_address_hold_when_the_proxy_connects() {
    let server = ProxiedServer::new(|admission| admission.limits(Limits::new().max_pending(1)));
    let unknown = server.connect(PROXY);
    let why = "too many connections without a UUID";
    assert_refused(&server.connect(PROXY), why);
    drop(unknown);
    let mut check = server.connect(PROXY);
    check.receive(Timestamp::ZERO, b"PROXY UNKNOWN\r\n");
    assert_refused(&server.connect(PROXY), why);
    check.receive(Timestamp::ZERO, &uuid_frame());
    assert_eq!(server.connect(PROXY).refusal(), None);
}

#[test]
fn the_checks_of_the_peer_get_the_client_and_run_once() {
    let server = ProxiedServer::new(|admission| {
        admission.admit_peer(|peer| match peer.to_string().as_str() {
            "192.0.2.7:1" => Ok(()),
            other => Err(Refusal::new(format!("{other} is a stranger"))),
        })
    });
    let mut admitted = server.through_the_proxy("192.0.2.7:1");
    admitted.receive(Timestamp::ZERO, &uuid_frame());
    let line = "accept 40325ec2-5efd-4bd3-805f-53576e581d13 from 192.0.2.7:1";
    assert_eq!(server.transcript.take(), [line, "start"]);
    let refused = server.through_the_proxy("192.0.2.9:1");
    assert_refused(&refused, "192.0.2.9:1 is a stranger");
    assert_eq!(refused.peer().to_string(), "192.0.2.9:1");

    // A connection of the proxy itself is checked when it becomes a call.
    let mut check = server.connect(PROXY);
    check.receive(Timestamp::ZERO, b"PROXY UNKNOWN\r\n");
    assert_eq!(check.refusal(), None);
    check.receive(Timestamp::ZERO, &uuid_frame());
    assert_refused(&check, "10.0.0.1:5000 is a stranger");
    let counters = server.calls.counters();
    assert_eq!((counters.started, counters.refused), (1, 2));
    assert_eq!(server.calls.admitted(), 1);
    drop(admitted);
    assert_eq!(server.transcript.take().len(), 2, "the end and the drop");
    drop((refused, check));
    assert_eq!(server.transcript.take(), [""; 0]);
}

#[test]
fn connections_with_a_wrong_header_count_as_refused() {
    let server = ProxiedServer::new(|admission| admission);
    let mut without = server.connect(PROXY);
    without.receive(Timestamp::ZERO, &uuid_frame());
    let mut forged = server.connect("192.0.2.7:1");
    forged.receive(Timestamp::ZERO, b"PROXY TCP4 192.0.2.9 192.0.2.1 1 2\r\n");
    let counters = server.calls.counters();
    assert_eq!((counters.bad_proxy_headers, counters.refused), (2, 0));
    assert!(counters.refusals().contains(&("proxy_header", 2)));
}

#[test]
fn a_panic_of_the_check_refuses_the_client() {
    let server = ProxiedServer::new(|admission| admission.admit_peer(|_| panic!("in admit_peer")));
    let driver = server.through_the_proxy("192.0.2.7:1");
    let report = "no call from 192.0.2.7:1: HandlerPanicked(\"in admit_peer\")";
    assert_eq!(server.transcript.take(), [report]);
    assert_eq!(driver.poll_transmit(), Transmit::Bytes(&HANGUP));
    drop(driver);
    assert_eq!(server.calls.admitted(), 0);
}

/// A header in any pieces, also in one piece with the first frames.
#[test]
fn a_header_in_pieces_is_taken_off() {
    let stream = [header("192.0.2.7:1"), uuid_frame()].concat();
    for len in 1..stream.len() {
        let server = ProxiedServer::new(|admission| admission);
        let mut driver = server.connect(PROXY);
        for piece in stream.chunks(len) {
            driver.receive(Timestamp::ZERO, piece);
        }
        let lines = server.transcript.take();
        assert!(lines[0].ends_with(" from 192.0.2.7:1"), "{len}: {lines:?}");
        assert_eq!(lines[1..], ["start"], "{len}");
    }
}

#[test]
fn only_a_part_of_a_header_or_a_silent_proxy_is_an_exception() {
    type End = fn(&mut Driver);
    let timeout: End = |driver| driver.handle_timeout(Timestamp::ZERO + Duration::from_secs(5));
    let eof: End = |driver| driver.handle_eof(Timestamp::ZERO);
    let incomplete = ["no call from 10.0.0.1:5000: ProxyHeader(Incomplete)"];
    let cases: [(&[u8], End, &[&str]); 6] = [
        (b"PROXY TCP4 192", timeout, &incomplete),
        (b"PROXY TCP4 192", eof, &incomplete),
        (b"", timeout, &incomplete),
        // A check that only connects.
        (b"", eof, &[]),
        (b"PROXY UNKNOWN\r\n", eof, &[]),
        (b"PROXY UNKNOWN\r\n", timeout, &[]),
    ];
    for (sent, end, expected) in cases {
        let server = ProxiedServer::new(|admission| admission);
        let mut driver = server.connect(PROXY);
        driver.receive(Timestamp::ZERO, sent);
        end(&mut driver);
        assert_eq!(server.transcript.take(), expected, "{sent:?}");
        driver.receive(Timestamp::ZERO, &uuid_frame());
        drop(driver);
        assert_eq!(server.transcript.take(), [""; 0]);
        assert_eq!(server.calls.admitted(), 0);
    }
}
