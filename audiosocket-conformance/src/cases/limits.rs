//! Connections beyond a limit: the newest is refused with a hangup, and open ones do not notice.

use std::net::Ipv4Addr;

use audiosocket_server::Limits;

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{audio, uuid};
use crate::line::Line;

/// A call beyond the limit is refused, whatever it has sent, until another call ends.
pub(crate) fn more_calls_than_there_may_be(runner: &Runner) {
    let bench = Bench::with_admission(runner, Limits::new().max_calls(2));
    let mut calls = [bench.call("echo"), bench.call("echo")];
    calls.iter().for_each(|line| line.told("start"));
    let refused = [bench.connect(), bench.call("echo")];
    refused.into_iter().for_each(is_refused);
    for line in &mut calls {
        line.send(&audio(b"hello"));
        line.expect(&audio(b"hello"));
    }
    let told = ["audio slin \"hello\""];
    let [mut first, mut second] = calls;
    first.close();
    first.transcript(&call("echo", &told, "closed by the peer"));
    bench.open(1);
    super::survives(&bench, "echo", b"", b"", &NOTHING);
    second.close();
    second.transcript(&call("echo", &told, "closed by the peer"));
}

/// Connections without a UUID have a limit of their own, for all addresses. Calls do not count.
pub(crate) fn more_without_a_uuid_than_there_may_be(runner: &Runner) {
    let bench = Bench::with_admission(runner, Limits::new().max_pending(2));
    let talking = bench.call("echo");
    talking.told("start");
    let (mut first, mut second) = (bench.connect(), bench.connect_from(Some(ELSEWHERE)));
    bench.open(3);
    is_refused(bench.connect());
    is_refused(bench.connect_from(Some(ELSEWHERE)));

    second.send(&uuid("echo"));
    second.told("start");
    super::survives(&bench, "echo", b"", b"", &NOTHING);
    first.close();
    first.transcript(&NOTHING);
    for mut line in [talking, second] {
        line.close();
        line.transcript(&call("echo", &NOTHING, "closed by the peer"));
    }
}

/// Each address has a limit of its own, so one address does not use up the room of others.
pub(crate) fn more_from_one_address_than_there_may_be(runner: &Runner) {
    let bench = Bench::with_admission(runner, Limits::new().max_pending_per_addr(2));
    let mut silent = [bench.connect(), bench.connect()];
    bench.open(2);
    is_refused(bench.connect());

    let mut other = bench.connect_from(Some(ELSEWHERE));
    other.send(&uuid("echo"));
    other.told("start");
    other.close();
    other.transcript(&call("echo", &NOTHING, "closed by the peer"));
    for line in &mut silent {
        line.close();
        line.transcript(&NOTHING);
    }
    bench.open(0);
    super::survives(&bench, "echo", b"", b"", &NOTHING);
}

/// Every refused connection of a crowd gets its hangup, also those that are closed at once.
pub(crate) fn a_crowd_beyond_what_may_be(runner: &Runner) {
    let bench = Bench::with_admission(runner, Limits::new().max_calls(1));
    let mut talking = bench.call("echo");
    talking.told("start");
    let crowd: Vec<_> = (0..400).map(|_| bench.connect()).collect();
    crowd.into_iter().for_each(is_refused);
    talking.send(&audio(b"hello"));
    talking.expect(&audio(b"hello"));
    talking.close();
    let told = ["audio slin \"hello\""];
    talking.transcript(&call("echo", &told, "closed by the peer"));
}

/// The place of a call is free before its last callback, so a caller that learns of the end and calls again at
/// once is not refused. The connection of the first call still waits for its peer to close.
pub(crate) fn a_call_right_after_the_end_of_another(runner: &Runner) {
    let bench = Bench::with_admission(runner, Limits::new().max_calls(1));
    for _ in 0..20 {
        let mut ended = bench.call("echo");
        ended.send(&audio(b"hangup"));
        let told = ["audio slin \"hangup\""];
        ended.transcript(&call("echo", &told, "hung up by this side"));
        let mut next = bench.call("echo");
        next.send(&audio(b"hello"));
        next.expect(&audio(b"hello"));
        ended.expect_hangup();
        ended.close();
        next.close();
        let told = ["audio slin \"hello\""];
        next.transcript(&call("echo", &told, "closed by the peer"));
    }
}

/// An address that no other connection has.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The peer gets a hangup and nothing else, and no handler runs.
fn is_refused(mut line: Line) {
    line.expect_hangup();
    line.close();
    line.transcript(&NOTHING);
}
