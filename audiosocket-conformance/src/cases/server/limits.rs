//! More connections than there may be: the newest is refused, with a hangup, and those that there are do
//! not notice.

use std::net::Ipv4Addr;

use audiosocket_server::Limits;

use crate::Runner;
use crate::cases::{NOTHING, call};
use crate::frames::{audio, uuid};
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    more_calls_than_there_may_be
    more_without_a_uuid_than_there_may_be
    more_from_one_address_than_there_may_be
    many_connections_at_once_beyond_the_limit
    a_call_right_after_the_end_of_another
}

/// A call beyond the most is refused whatever it has sent, until another has ended.
fn more_calls_than_there_may_be(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_calls(2));
    let mut calls = [server.call("echo"), server.call("echo")];
    calls
        .iter()
        .for_each(|connection| connection.wait_for("start"));
    let refused = [server.connect(), server.call("echo")];
    refused.into_iter().for_each(is_refused);
    for connection in &mut calls {
        connection.send(&audio(b"hello"));
        connection.expect(&audio(b"hello"));
    }
    let records = ["audio slin \"hello\""];
    let [mut first, mut second] = calls;
    first.close();
    first.transcript(&call("echo", &records, "closed by the peer"));
    server.open(1);
    crate::cases::survives(&server, "echo", b"", b"", &NOTHING);
    second.close();
    second.transcript(&call("echo", &records, "closed by the peer"));
}

/// Connections without a UUID are counted apart, wherever they are from. Calls do not count, and
/// neither does a connection that has become one.
fn more_without_a_uuid_than_there_may_be(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_pending(2));
    let talking = server.call("echo");
    talking.wait_for("start");
    let (mut first, mut second) = (server.connect(), server.connect_from(Some(ELSEWHERE)));
    server.open(3);
    is_refused(server.connect());
    is_refused(server.connect_from(Some(ELSEWHERE)));

    second.send(&uuid("echo"));
    second.wait_for("start");
    crate::cases::survives(&server, "echo", b"", b"", &NOTHING);
    first.close();
    first.transcript(&NOTHING);
    for mut connection in [talking, second] {
        connection.close();
        connection.transcript(&call("echo", &NOTHING, "closed by the peer"));
    }
}

/// The same limit for each address. An address at its limit keeps no other out.
fn more_from_one_address_than_there_may_be(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_pending_per_addr(2));
    let mut silent = [server.connect(), server.connect()];
    server.open(2);
    is_refused(server.connect());

    let mut other = server.connect_from(Some(ELSEWHERE));
    other.send(&uuid("echo"));
    other.wait_for("start");
    other.close();
    other.transcript(&call("echo", &NOTHING, "closed by the peer"));
    for connection in &mut silent {
        connection.close();
        connection.transcript(&NOTHING);
    }
    server.open(0);
    crate::cases::survives(&server, "echo", b"", b"", &NOTHING);
}

/// Each of many connections gets a hangup, also those that are closed at once because too many linger
/// already.
fn many_connections_at_once_beyond_the_limit(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_calls(1));
    let mut talking = server.call("echo");
    talking.wait_for("start");
    let crowd: Vec<_> = (0..400).map(|_| server.connect()).collect();
    crowd.into_iter().for_each(is_refused);
    talking.send(&audio(b"hello"));
    talking.expect(&audio(b"hello"));
    talking.close();
    let records = ["audio slin \"hello\""];
    talking.transcript(&call("echo", &records, "closed by the peer"));
}

/// The place of a call is free before its last callback. A caller that learns of the end and calls again at once is not
/// refused, although the connection of the first call still waits for its peer to close.
fn a_call_right_after_the_end_of_another(runner: &Runner) {
    let server = TestServer::with_admission(runner, Limits::new().max_calls(1));
    for _ in 0..20 {
        let mut ended = server.call("echo");
        ended.send(&audio(b"hangup"));
        let records = ["audio slin \"hangup\""];
        ended.transcript(&call("echo", &records, "hung up by this side"));
        let mut next = server.call("echo");
        next.send(&audio(b"hello"));
        next.expect(&audio(b"hello"));
        ended.expect_hangup();
        ended.close();
        next.close();
        let records = ["audio slin \"hello\""];
        next.transcript(&call("echo", &records, "closed by the peer"));
    }
}

/// Another address than that of all others.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// It hears a hangup and nothing else, and the handler nothing at all.
fn is_refused(mut connection: ScriptedConnection) {
    connection.expect_hangup();
    connection.close();
    connection.transcript(&NOTHING);
}
