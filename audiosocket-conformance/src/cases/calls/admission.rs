//! Refused peers and refused calls.

use audiosocket_server::{Admission, Refusal};

use crate::Runner;
use crate::acceptor::panic;
use crate::cases::{NOTHING, OURS, call};
use crate::frames::{audio, dtmf, uuid};
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_refused_peer_gets_a_hangup_before_it_sends
    a_panic_in_admit_peer_refuses_the_peer
    a_refused_call_gets_a_hangup
    a_server_takes_a_call_after_refused_calls
    a_panic_in_accept_refuses_the_call
    a_handler_is_dropped_at_the_end_of_its_call
}

/// Frames after the hangup reach no callback.
fn a_refused_call_gets_a_hangup(server: &TestServer) {
    not_taken(server, "refuse", &["accept refuse"]);
}

/// A UUID after the hangup begins no call.
fn a_refused_peer_gets_a_hangup_before_it_sends(runner: &Runner) {
    let refusing = Admission::new().admit_peer(|_| Err(Refusal::new("no peer may connect")));
    let server = TestServer::with_admission(runner, refusing);
    for _ in 0..20 {
        let mut connection = server.connect();
        connection.expect_hangup();
        connection.send(&[uuid("echo"), audio(b"hello?")].concat());
        connection.close();
        connection.transcript(&NOTHING);
    }
}

/// The panic reaches the acceptor's `on_exception`.
fn a_panic_in_admit_peer_refuses_the_peer(runner: &Runner) {
    let panicking = Admission::new().admit_peer(|_| panic("admit_peer"));
    let server = TestServer::with_admission(runner, panicking);
    for _ in 0..2 {
        let mut connection = server.connect();
        connection.expect_hangup();
        connection.close();
        connection.transcript(&["no call: the handler panicked: \"admit_peer\""]);
    }
}

fn a_server_takes_a_call_after_refused_calls(server: &TestServer) {
    for _ in 0..20 {
        not_taken(server, "refuse", &["accept refuse"]);
    }
    server.survives("echo", b"", b"", &NOTHING);
}

/// The panic reaches the acceptor's `on_exception`.
fn a_panic_in_accept_refuses_the_call(server: &TestServer) {
    let records = [
        "accept panic in accept",
        "no call: the handler panicked: \"accept\"",
    ];
    not_taken(server, "panic in accept", &records);
    not_taken(server, "panic in accept", &records);
}

/// The connection is still open at that time.
fn a_handler_is_dropped_at_the_end_of_its_call(server: &TestServer) {
    let name = "record drop";
    let mut connection = server.call(name);
    connection.send(&audio(b"hangup"));
    let mut records = call(name, &["audio slin \"hangup\""], OURS);
    records.push("drop".to_owned());
    connection.transcript(&records);
    connection.expect_hangup();
}

fn not_taken(server: &TestServer, name: &str, records: &[&str]) {
    let mut connection = server.call(name);
    connection.send(&[audio(b"hello?"), dtmf(b'1')].concat());
    connection.expect_hangup();
    connection.send(&audio(b"hello?"));
    connection.close();
    connection.transcript(records);
}
