//! Calls that are reached from other threads.

use std::thread;

use super::{NOTHING, call, ends};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio};

/// A quiet call is hung up from another thread.
pub(crate) fn a_quiet_call_is_hung_up(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    let handle = line.handle();
    thread::spawn(move || handle.hangup()).join().unwrap();
    line.expect_hangup();
    line.close();
    line.transcript(&call("echo", &NOTHING, "hung up by this side"));
}

/// A call that has been talking, and many times in a row, for what is lost only sometimes.
pub(crate) fn a_call_is_hung_up_after_audio(runner: &Runner) {
    let bench = Bench::new(runner);
    for _ in 0..50 {
        let mut line = bench.call("echo");
        line.send(&audio(b"hello"));
        line.expect(&audio(b"hello"));
        line.handle().hangup();
        line.expect_hangup();
        line.close();
        let told = ["audio slin \"hello\""];
        line.transcript(&call("echo", &told, "hung up by this side"));
    }
}

/// A callback that uses the handle: its answer is sent first.
pub(crate) fn a_call_hangs_itself_up(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"handle"));
    line.expect(&[&audio(b"handle")[..], &HANGUP].concat());
    line.expect_end();
    line.close();
    let told = ["audio slin \"handle\""];
    line.transcript(&call("echo", &told, "hung up by this side"));
}

/// Hanging up twice, at once and after the end, does nothing more.
pub(crate) fn a_call_is_hung_up_twice(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    let threads: Vec<_> = (0..2)
        .map(|_| line.handle())
        .map(|handle| thread::spawn(move || handle.hangup()))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    line.expect_hangup();
    line.handle().hangup();
    line.close();
    line.transcript(&call("echo", &NOTHING, "hung up by this side"));
    line.handle().hangup();
}

/// Hanging up a call that the peer has ended does nothing.
pub(crate) fn a_call_is_hung_up_after_its_end(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&HANGUP);
    line.expect_end();
    line.handle().hangup();
    line.close();
    line.transcript(&call("echo", &NOTHING, "hung up by the peer"));
}

/// One call is hung up, and not its neighbour.
pub(crate) fn other_calls_go_on(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut other = bench.call("echo");
    let mut line = bench.call("echo");
    line.told("start");
    line.handle().hangup();
    line.expect_hangup();
    line.close();
    line.transcript(&call("echo", &NOTHING, "hung up by this side"));
    other.send(&audio(b"well"));
    other.expect(&audio(b"well"));
    other.close();
    other.transcript(&call(
        "echo",
        &["audio slin \"well\""],
        "closed by the peer",
    ));
    ends(
        &bench,
        "echo",
        &HANGUP,
        b"",
        &NOTHING,
        "hung up by the peer",
    );
}
