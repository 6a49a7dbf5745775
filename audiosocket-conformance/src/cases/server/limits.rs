//! Connections beyond a limit. The newest is refused, and the others continue.

use std::net::Ipv4Addr;

use audiosocket_server::{Limits, WhenFull};

use crate::Runner;
use crate::cases::{NOTHING, OURS};
use crate::frames::{audio, uuid};
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    connections_are_refused_while_max_calls_are_open
    a_call_beyond_max_calls_is_hung_up
    a_connection_beyond_max_pending_is_refused
    a_connection_beyond_max_pending_per_addr_is_refused
    each_of_many_refused_connections_gets_a_hangup
    a_call_is_taken_right_after_the_end_of_another
}

/// The system refuses connections while there is no place, three times in a row. The calls continue.
fn connections_are_refused_while_max_calls_are_open(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_calls(2));
    let mut stays = server.started("echo");
    let mut leaves = server.started("echo");
    for _ in 0..3 {
        server.refuses_connections();
        stays.echoes(b"hello");
        leaves.closes(&NOTHING);
        leaves = server.started_when_open("echo");
    }
    leaves.closes(&NOTHING);
    stays.closes(&["audio slin \"hello\""; 3]);
}

/// New calls are refused until another call has ended. The bytes of the peer have no effect.
fn a_call_beyond_max_calls_is_hung_up(runner: &Runner) {
    let server = TestServer::with_admission(runner, hangs_up(2));
    let mut calls = [server.call("echo"), server.call("echo")];
    calls
        .iter()
        .for_each(|connection| connection.wait_for("start"));
    let refused = [server.connect(), server.call("echo")];
    refused.into_iter().for_each(is_refused);
    for connection in &mut calls {
        connection.echoes(b"hello");
    }
    let records = ["audio slin \"hello\""];
    let [mut first, mut second] = calls;
    first.closes(&records);
    server.open(1);
    server.survives("echo", b"", b"", &NOTHING);
    second.closes(&records);
}

/// The limit holds for all addresses together. Calls do not count, and a connection that became a call does not count.
fn a_connection_beyond_max_pending_is_refused(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_pending(2));
    let talking = server.started("echo");
    let (mut first, mut second) = (server.connect(), server.connect_from(Some(ELSEWHERE)));
    server.open(3);
    is_refused(server.connect());
    is_refused(server.connect_from(Some(ELSEWHERE)));

    second.send(&uuid("echo"));
    second.wait_for("start");
    server.survives("echo", b"", b"", &NOTHING);
    first.close();
    first.transcript(&NOTHING);
    for mut connection in [talking, second] {
        connection.closes(&NOTHING);
    }
}

/// Connections from another address are admitted.
fn a_connection_beyond_max_pending_per_addr_is_refused(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_pending_per_addr(2));
    let mut silent = [server.connect(), server.connect()];
    server.open(2);
    is_refused(server.connect());

    let mut other = server.connect_from(Some(ELSEWHERE));
    other.send(&uuid("echo"));
    other.wait_for("start");
    other.closes(&NOTHING);
    for connection in &mut silent {
        connection.close();
        connection.transcript(&NOTHING);
    }
    server.open(0);
    server.survives("echo", b"", b"", &NOTHING);
}

/// These include connections that the server closes at once because too many connections linger.
fn each_of_many_refused_connections_gets_a_hangup(runner: &Runner) {
    let server = TestServer::with_admission(runner, hangs_up(1));
    let mut talking = server.started("echo");
    let crowd: Vec<_> = (0..400).map(|_| server.connect()).collect();
    crowd.into_iter().for_each(is_refused);
    talking.echoes(b"hello");
    talking.closes(&["audio slin \"hello\""]);
}

/// A call stops counting before its last callback. Its connection may still wait for the peer to
/// close.
fn a_call_is_taken_right_after_the_end_of_another(runner: &Runner) {
    let server = TestServer::with_admission(runner, hangs_up(1));
    for _ in 0..20 {
        let mut ended = server.call("echo");
        ended.send(&audio(b"hangup"));
        let records = ["audio slin \"hangup\""];
        ended.check(&records, OURS);
        let mut next = server.call("echo");
        next.echoes(b"hello");
        ended.expect_hangup();
        ended.close();
        next.closes(&["audio slin \"hello\""]);
    }
}

/// The limits of a server that accepts this many calls, and hangs up others.
fn hangs_up(max_calls: usize) -> Limits {
    Limits::new()
        .max_calls(max_calls)
        .when_full(WhenFull::HangUp)
}

/// A second address of this machine.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Checks that the peer gets only a hangup frame, and that no callback runs.
fn is_refused(mut connection: ScriptedConnection) {
    connection.expect_hangup();
    connection.close();
    connection.transcript(&NOTHING);
}
