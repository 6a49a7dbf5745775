//! More connections than there may be: the newest is refused, with a hangup, and those that there are do
//! not notice.

use std::net::Ipv4Addr;

use audiosocket_server::Limits;

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{audio, uuid};
use crate::line::Line;

/// A call beyond the most is refused whatever it has sent, until another has ended.
pub(crate) fn more_calls_than_there_may_be(runner: &Runner) {
    let mut limits = Limits::default();
    limits.max_calls = 2;
    let bench = Bench::with_limits(runner, limits);
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

/// Those without a UUID are counted apart, wherever they are from: calls keep nobody out, and neither
/// does who has become one.
pub(crate) fn more_without_a_uuid_than_there_may_be(runner: &Runner) {
    let mut limits = Limits::default();
    limits.max_pending = 2;
    let bench = Bench::with_limits(runner, limits);
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

/// The same for each address, so that one keeps out nobody but itself.
pub(crate) fn more_from_one_address_than_there_may_be(runner: &Runner) {
    let mut limits = Limits::default();
    limits.max_pending_per_addr = 2;
    let bench = Bench::with_limits(runner, limits);
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

/// Everybody in a crowd is told, also those who are closed at once, since too many linger already.
pub(crate) fn a_crowd_beyond_what_may_be(runner: &Runner) {
    let mut limits = Limits::default();
    limits.max_calls = 1;
    let bench = Bench::with_limits(runner, limits);
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

/// Another address than that of all others.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// It hears a hangup and nothing else, and the handler nothing at all.
fn is_refused(mut line: Line) {
    line.expect_hangup();
    line.close();
    line.transcript(&NOTHING);
}
