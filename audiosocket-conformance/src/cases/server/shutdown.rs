//! A server that stops in order: it accepts no more, gives calls their time, and hangs up the rest.

use std::time::Duration;

use crate::Runner;
use crate::cases::{NOTHING, SHORT, call};
use crate::frames::{HANGUP, audio, uuid};
use crate::test_server::TestServer;

cases! {
    on every runner:
    while_idle
    after_calls
    while_a_call_goes_on
    with_calls_that_do_not_end
    with_a_connection_without_uuid
    with_answers_that_wait
    with_a_stuck_peer
    with_a_peer_that_does_not_close
    announced_to_handlers
    ended_by_a_handler
    hurried
    not_delayed
    with_a_handler_that_panics
}

const LONG: Duration = Duration::from_secs(3600);

/// Without connections it returns at once, however long the grace.
fn while_idle(runner: &Runner) {
    let server = TestServer::new(runner);
    server.shut_down(LONG);
    server.returned();
    server.refuses_connections();
}

/// After calls that have ended it returns at once, too.
fn after_calls(runner: &Runner) {
    let server = TestServer::new(runner);
    for _ in 0..3 {
        crate::cases::survives(&server, "echo", b"", b"", &NOTHING);
    }
    server.open(0);
    server.shut_down(LONG);
    server.returned();
}

/// A call that is going on goes on, new ones are not accepted, and the server returns when the
/// call has ended by itself.
fn while_a_call_goes_on(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    server.shut_down(LONG);
    server.refuses_connections();
    connection.send(&audio(b"still here"));
    connection.expect(&audio(b"still here"));
    assert!(!server.has_stopped());
    connection.close();
    server.returned();
    let records = ["audio slin \"still here\""];
    connection.transcript(&call("echo", &records, "closed by the peer"));
}

/// Calls that do not end in time are hung up, each of them.
fn with_calls_that_do_not_end(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connections: Vec<_> = (0..10).map(|_| server.call("echo")).collect();
    for connection in &connections {
        connection.wait_for("start");
    }
    server.shut_down(SHORT);
    for connection in &mut connections {
        connection.expect_hangup();
        connection.close();
    }
    server.returned();
    for connection in &connections {
        connection.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
    }
}

/// Without grace they are hung up at once, and so is a connection that sent no UUID yet. No callback
/// runs for that one.
fn with_a_connection_without_uuid(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut silent = server.connect();
    let mut begun = server.connect();
    begun.send(&uuid("echo")[..5]);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    server.open(3);
    server.shut_down(Duration::ZERO);
    for connection in [&mut silent, &mut begun, &mut connection] {
        connection.expect_hangup();
    }
    // Too late.
    silent.send(&uuid("echo"));
    for connection in [&mut silent, &mut begun, &mut connection] {
        connection.close();
    }
    server.returned();
    silent.transcript(&NOTHING);
    begun.transcript(&NOTHING);
    connection.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// The answers that wait for a call are sent before its hangup.
fn with_answers_that_wait(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(1 << 24));
    let mut connection = server.call("echo");
    for _ in 0..200 {
        connection.send(&audio(b"flood"));
    }
    connection.wait_for_unrecorded(200);
    server.shut_down(Duration::ZERO);
    let last = call("echo", &NOTHING, "hung up by shutdown");
    connection.transcript(&last);
    for _ in 0..200 {
        connection.expect(&audio(&[0x55; crate::orders::FLOOD]));
    }
    connection.expect(&HANGUP);
    connection.expect_end();
    connection.close();
    server.returned();
}

/// A peer that reads nothing and never closes does not keep the server: it is closed to after the
/// linger.
fn with_a_stuck_peer(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.linger(SHORT).max_unsent(usize::MAX)
    });
    let mut connection = server.call("echo");
    for _ in 0..400 {
        connection.send(&audio(b"flood"));
    }
    connection.wait_for_unrecorded(400);
    server.shut_down(Duration::ZERO);
    server.returned();
    connection.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A peer that reads its hangup and does not close does not keep the server either.
fn with_a_peer_that_does_not_close(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.linger(SHORT));
    let mut connection = server.call("echo");
    connection.wait_for("start");
    server.shut_down(Duration::ZERO);
    connection.expect_hangup();
    server.returned();
    connection.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// Every handler gets `on_shutdown` once. The call goes on.
fn announced_to_handlers(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connections = [(), ()].map(|()| server.call("note shutdown"));
    for connection in &connections {
        connection.wait_for("start");
    }
    server.shut_down(LONG);
    for connection in &connections {
        connection.wait_for("shutdown");
    }
    server.shut_down(LONG);
    for connection in &mut connections {
        connection.send(&audio(b"still here"));
        connection.expect(&audio(b"still here"));
        connection.close();
    }
    server.returned();
    let records = ["shutdown", "audio slin \"still here\""];
    for connection in &connections {
        connection.transcript(&call("note shutdown", &records, "closed by the peer"));
    }
}

/// A handler can hang up when the shutdown begins. Then the server does not wait for the grace.
fn ended_by_a_handler(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("end at shutdown");
    connection.wait_for("start");
    server.shut_down(LONG);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.transcript(&call("end at shutdown", &NOTHING, "hung up by this side"));
}

/// A second shutdown can shorten the grace of the first.
fn hurried(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    server.shut_down(Duration::MAX);
    server.refuses_connections();
    assert!(!server.has_stopped());
    server.shut_down(Duration::ZERO);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A second shutdown cannot extend the grace of the first.
fn not_delayed(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    server.shut_down(SHORT);
    server.shut_down(LONG);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A panic in `on_end` does not delay the shutdown.
fn with_a_handler_that_panics(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("panic in end");
    connection.wait_for("start");
    server.shut_down(Duration::ZERO);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.transcript(&call("panic in end", &NOTHING, "hung up by shutdown"));
}
