//! An orderly shutdown: the server accepts no connection, waits for calls, and hangs up the others.

use std::time::Duration;

use crate::Runner;
use crate::cases::{BY_SHUTDOWN, NOTHING, OURS, SHORT, THEIRS, call};
use crate::frames::{HANGUP, audio, uuid};
use crate::test_server::TestServer;

cases! {
    on every runner:
    shutdown_without_connections_returns_at_once
    shutdown_after_calls_returns_at_once
    shutdown_waits_for_a_call
    shutdown_hangs_up_calls_after_the_grace
    shutdown_hangs_up_connections_without_a_uuid
    shutdown_sends_unsent_answers_before_the_hangup
    shutdown_does_not_wait_for_a_peer_that_does_not_read
    shutdown_does_not_wait_for_a_peer_that_does_not_close
    shutdown_calls_on_shutdown_once
    on_shutdown_can_hang_up
    a_second_shutdown_can_shorten_the_grace
    a_second_shutdown_cannot_extend_the_grace
    a_panic_in_on_end_does_not_delay_shutdown
}

const LONG: Duration = Duration::from_secs(3600);

/// The length of the grace has no effect.
fn shutdown_without_connections_returns_at_once(server: &TestServer) {
    server.shut_down(LONG);
    server.returned();
    server.refuses_connections();
}

fn shutdown_after_calls_returns_at_once(server: &TestServer) {
    for _ in 0..3 {
        server.survives("echo", b"", b"", &NOTHING);
    }
    server.open(0);
    server.shut_down(LONG);
    server.returned();
}

/// New connections are not accepted. The server returns when the call has ended.
fn shutdown_waits_for_a_call(server: &TestServer) {
    let mut connection = server.started("echo");
    server.shut_down(LONG);
    server.refuses_connections();
    connection.echoes(b"still here");
    assert!(!server.has_stopped());
    connection.close();
    server.returned();
    connection.check(&["audio slin \"still here\""], THEIRS);
}

fn shutdown_hangs_up_calls_after_the_grace(server: &TestServer) {
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
        connection.check(&NOTHING, BY_SHUTDOWN);
    }
}

/// No callback runs for such a connection.
fn shutdown_hangs_up_connections_without_a_uuid(server: &TestServer) {
    let mut silent = server.connect();
    let mut begun = server.connect();
    begun.send(&uuid("echo")[..5]);
    let mut connection = server.started("echo");
    server.open(3);
    server.shut_down(Duration::ZERO);
    for connection in [&mut silent, &mut begun, &mut connection] {
        connection.expect_hangup();
    }
    // This UUID is too late.
    silent.send(&uuid("echo"));
    for connection in [&mut silent, &mut begun, &mut connection] {
        connection.close();
    }
    server.returned();
    silent.transcript(&NOTHING);
    begun.transcript(&NOTHING);
    connection.check(&NOTHING, BY_SHUTDOWN);
}

fn shutdown_sends_unsent_answers_before_the_hangup(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(1 << 24));
    let mut connection = server.call("echo");
    for _ in 0..200 {
        connection.send(&audio(b"flood"));
    }
    connection.wait_for_unrecorded(200);
    server.shut_down(Duration::ZERO);
    let last = call("echo", &NOTHING, BY_SHUTDOWN);
    connection.transcript(&last);
    for _ in 0..200 {
        connection.expect(&audio(&[0x55; crate::orders::FLOOD]));
    }
    connection.expect(&HANGUP);
    connection.expect_end();
    connection.close();
    server.returned();
}

/// The server closes the connection after the linger.
fn shutdown_does_not_wait_for_a_peer_that_does_not_read(runner: &Runner) {
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
    connection.check(&NOTHING, BY_SHUTDOWN);
}

fn shutdown_does_not_wait_for_a_peer_that_does_not_close(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.linger(SHORT));
    let mut connection = server.started("echo");
    server.shut_down(Duration::ZERO);
    connection.expect_hangup();
    server.returned();
    connection.check(&NOTHING, BY_SHUTDOWN);
}

/// The calls go on.
fn shutdown_calls_on_shutdown_once(server: &TestServer) {
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
        connection.echoes(b"still here");
        connection.close();
    }
    server.returned();
    let records = ["shutdown", "audio slin \"still here\""];
    for connection in &connections {
        connection.check(&records, THEIRS);
    }
}

/// The server does not wait for the grace.
fn on_shutdown_can_hang_up(server: &TestServer) {
    let mut connection = server.started("end at shutdown");
    server.shut_down(LONG);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.check(&NOTHING, OURS);
}

fn a_second_shutdown_can_shorten_the_grace(server: &TestServer) {
    let mut connection = server.started("echo");
    server.shut_down(Duration::MAX);
    server.refuses_connections();
    assert!(!server.has_stopped());
    server.shut_down(Duration::ZERO);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.check(&NOTHING, BY_SHUTDOWN);
}

fn a_second_shutdown_cannot_extend_the_grace(server: &TestServer) {
    let mut connection = server.started("echo");
    server.shut_down(SHORT);
    server.shut_down(LONG);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.check(&NOTHING, BY_SHUTDOWN);
}

fn a_panic_in_on_end_does_not_delay_shutdown(server: &TestServer) {
    let mut connection = server.started("panic in end");
    server.shut_down(Duration::ZERO);
    connection.expect_hangup();
    connection.close();
    server.returned();
    connection.check(&NOTHING, BY_SHUTDOWN);
}
