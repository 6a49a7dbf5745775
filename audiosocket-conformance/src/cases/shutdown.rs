//! Shutdown: the server accepts no more, gives calls their time, and hangs up the rest.

use std::time::Duration;

use super::{NOTHING, SHORT, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, uuid};

const LONG: Duration = Duration::from_secs(3600);

/// Without calls the server returns at once, however long the grace is.
pub(crate) fn while_idle(runner: &Runner) {
    let bench = Bench::new(runner);
    bench.shut_down(LONG);
    bench.returned();
    bench.refuses_connections();
}

/// After calls that have ended it returns at once, too.
pub(crate) fn after_calls(runner: &Runner) {
    let bench = Bench::new(runner);
    for _ in 0..3 {
        super::survives(&bench, "echo", b"", b"", &NOTHING);
    }
    bench.open(0);
    bench.shut_down(LONG);
    bench.returned();
}

/// An open call goes on, new calls are not accepted, and the server returns when the call has ended.
pub(crate) fn while_a_call_goes_on(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    bench.shut_down(LONG);
    bench.refuses_connections();
    line.send(&audio(b"still here"));
    line.expect(&audio(b"still here"));
    assert!(!bench.has_stopped());
    line.close();
    bench.returned();
    let told = ["audio slin \"still here\""];
    line.transcript(&call("echo", &told, "closed by the peer"));
}

/// Each call that does not end in time is hung up.
pub(crate) fn with_calls_that_do_not_end(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut lines: Vec<_> = (0..10).map(|_| bench.call("echo")).collect();
    for line in &lines {
        line.told("start");
    }
    bench.shut_down(SHORT);
    for line in &mut lines {
        line.expect_hangup();
        line.close();
    }
    bench.returned();
    for line in &lines {
        line.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
    }
}

/// Without grace calls are hung up at once, and so are connections without a UUID, which run no callback.
pub(crate) fn with_a_connection_without_uuid(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut silent = bench.connect();
    let mut begun = bench.connect();
    begun.send(&uuid("echo")[..5]);
    let mut line = bench.call("echo");
    line.told("start");
    bench.open(3);
    bench.shut_down(Duration::ZERO);
    for line in [&mut silent, &mut begun, &mut line] {
        line.expect_hangup();
    }
    // The server has hung up already.
    silent.send(&uuid("echo"));
    for line in [&mut silent, &mut begun, &mut line] {
        line.close();
    }
    bench.returned();
    silent.transcript(&NOTHING);
    begun.transcript(&NOTHING);
    line.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// The answers that wait for a call are sent before its hangup.
pub(crate) fn with_answers_that_wait(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent(1 << 24));
    let mut line = bench.call("echo");
    for _ in 0..200 {
        line.send(&audio(b"flood"));
    }
    line.unwritten(200);
    bench.shut_down(Duration::ZERO);
    let last = call("echo", &NOTHING, "hung up by shutdown");
    line.transcript(&last);
    for _ in 0..200 {
        line.expect(&audio(&[0x55; crate::orders::FLOOD]));
    }
    line.expect(&HANGUP);
    line.expect_end();
    line.close();
    bench.returned();
}

/// A peer that reads nothing and never closes does not keep the server: the server closes after the linger.
pub(crate) fn with_a_stuck_peer(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session.linger(SHORT).max_unsent(usize::MAX)
    });
    let mut line = bench.call("echo");
    for _ in 0..400 {
        line.send(&audio(b"flood"));
    }
    line.unwritten(400);
    bench.shut_down(Duration::ZERO);
    bench.returned();
    line.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A peer that reads its hangup and does not close does not keep the server either.
pub(crate) fn with_a_peer_that_does_not_close(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.linger(SHORT));
    let mut line = bench.call("echo");
    line.told("start");
    bench.shut_down(Duration::ZERO);
    line.expect_hangup();
    bench.returned();
    line.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// Every handler gets `on_shutdown` once. The call goes on.
pub(crate) fn announced_to_handlers(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut lines = [(), ()].map(|()| bench.call("note shutdown"));
    for line in &lines {
        line.told("start");
    }
    bench.shut_down(LONG);
    for line in &lines {
        line.told("shutdown");
    }
    bench.shut_down(LONG);
    for line in &mut lines {
        line.send(&audio(b"still here"));
        line.expect(&audio(b"still here"));
        line.close();
    }
    bench.returned();
    let told = ["shutdown", "audio slin \"still here\""];
    for line in &lines {
        line.transcript(&call("note shutdown", &told, "closed by the peer"));
    }
}

/// A handler can hang up when the shutdown begins, so that the server does not wait for the grace.
pub(crate) fn ended_by_a_handler(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("end at shutdown");
    line.told("start");
    bench.shut_down(LONG);
    line.expect_hangup();
    line.close();
    bench.returned();
    line.transcript(&call("end at shutdown", &NOTHING, "hung up by this side"));
}

/// A second shutdown can shorten the grace of the first.
pub(crate) fn hurried(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    bench.shut_down(Duration::MAX);
    bench.refuses_connections();
    assert!(!bench.has_stopped());
    bench.shut_down(Duration::ZERO);
    line.expect_hangup();
    line.close();
    bench.returned();
    line.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A second shutdown cannot extend the grace of the first.
pub(crate) fn not_delayed(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    bench.shut_down(SHORT);
    bench.shut_down(LONG);
    line.expect_hangup();
    line.close();
    bench.returned();
    line.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A panic in `on_end` does not delay the shutdown.
pub(crate) fn with_a_handler_that_panics(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("panic in end");
    line.told("start");
    bench.shut_down(Duration::ZERO);
    line.expect_hangup();
    line.close();
    bench.returned();
    line.transcript(&call("panic in end", &NOTHING, "hung up by shutdown"));
}
