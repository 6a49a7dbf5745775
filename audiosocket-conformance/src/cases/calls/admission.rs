//! Refused peers and refused calls.

use audiosocket_server::{Admission, Refusal};

use crate::Runner;
use crate::acceptor::panic;
use crate::cases::{NOTHING, call};
use crate::frames::{audio, dtmf, uuid};
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_refused_peer
    a_panic_about_a_peer
    a_refused_call
    a_call_after_refused_ones
    a_panic_in_accept
    a_handler_is_let_go_at_the_end
}

/// A refused caller gets a hangup. What it sends after that reaches no callback.
fn a_refused_call(runner: &Runner) {
    let server = TestServer::new(runner);
    not_taken(&server, "refuse", &["accept refuse"]);
}

/// A peer that is not admitted gets a hangup before it sends a byte. A UUID that it sends begins no
/// call.
fn a_refused_peer(runner: &Runner) {
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

/// A panic in `admit_peer` reaches the acceptor's `on_exception`, and the peer gets a hangup.
fn a_panic_about_a_peer(runner: &Runner) {
    let panicking = Admission::new().admit_peer(|_| panic("admit_peer"));
    let server = TestServer::with_admission(runner, panicking);
    for _ in 0..2 {
        let mut connection = server.connect();
        connection.expect_hangup();
        connection.close();
        connection.transcript(&["no call: the handler panicked: \"admit_peer\""]);
    }
}

/// Refusing one call after another, and then taking one.
fn a_call_after_refused_ones(runner: &Runner) {
    let server = TestServer::new(runner);
    for _ in 0..20 {
        not_taken(&server, "refuse", &["accept refuse"]);
    }
    crate::cases::survives(&server, "echo", b"", b"", &NOTHING);
}

/// A panic in `accept` reaches the acceptor's `on_exception`, and the caller gets a hangup.
fn a_panic_in_accept(runner: &Runner) {
    let server = TestServer::new(runner);
    let records = [
        "accept panic in accept",
        "no call: the handler panicked: \"accept\"",
    ];
    not_taken(&server, "panic in accept", &records);
    not_taken(&server, "panic in accept", &records);
}

/// The handler is let go when its call is over, and not when the connection closes.
fn a_handler_is_let_go_at_the_end(runner: &Runner) {
    let server = TestServer::new(runner);
    let name = "record drop";
    let mut connection = server.call(name);
    connection.send(&audio(b"hangup"));
    let mut records = call(name, &["audio slin \"hangup\""], "hung up by this side");
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
