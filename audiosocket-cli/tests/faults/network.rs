//! A bad line between callers and the server, and one that is cut.

use std::time::Duration;

use super::line::{Line, Weather};
use super::process::{Report, assert_ended_by_the_caller, count, line};

as_root_on_every_runtime! {
    calls_over_a_bad_line_come_back_whole,
    a_line_that_is_cut_frees_the_call,
    a_line_that_is_cut_frees_a_quiet_call,
    a_line_that_is_cut_frees_a_call_that_may_be_idle,
}

const FINE: Weather = Weather {
    loss: 0,
    delay: Duration::from_millis(5),
    jitter: Duration::ZERO,
};

/// Three packets of a hundred are lost each way, and every frame may be overtaken by the next.
fn calls_over_a_bad_line_come_back_whole(runtime: &str) {
    const CALLS: u64 = 30;
    let line = Line::new(Weather {
        loss: 3,
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(40),
    });
    let server = line.serve(runtime, 0, &[]);
    let calls = CALLS.to_string();
    let args = ["--calls", &calls, "--duration", "5s", "--dtmf", "15*D#"];
    let report = Report::of(&line.call(server.addr(), &args).wait_with_output().unwrap());
    let log = server.terminate();
    let figures = &report.figures;
    assert_eq!(report.code, 0, "{figures}");
    assert_eq!(report.count("/calls/completed"), CALLS);
    assert_eq!(report.count("/frames/echoed"), CALLS * 250, "{figures}");
    for wrong in ["missing", "wrong", "extra"] {
        assert_eq!(report.count(&format!("/frames/{wrong}")), 0, "{figures}");
    }
    let ended: Vec<_> = log
        .lines()
        .filter(|line| line.contains("call ended"))
        .collect();
    assert_eq!(ended.len() as u64, CALLS, "{log}");
    for line in ended {
        assert_ended_by_the_caller(line);
        assert_eq!(count(line, "frames_in"), 250, "{line}");
        assert_eq!(
            count(line, "dropped") + count(line, "exceptions"),
            0,
            "{line}"
        );
    }
    let (lost, overtaken) = line.harm();
    assert!(
        lost > 100 && overtaken > 100,
        "{lost} lost, {overtaken} overtaken"
    );
}

/// A call to which something is sent all the time: what nobody acknowledges is given up, by the kernel
/// after a minute, or by us 30 s after the kernel takes no more of it, whichever comes first.
fn a_line_that_is_cut_frees_the_call(runtime: &str) {
    let stalled = "end=failed: the peer read nothing for too long";
    cut(runtime, &[], &["end=connection lost", stalled]);
}

/// One to which nothing is: the system gives up on what was sent last, or on its probes.
fn a_line_that_is_cut_frees_a_quiet_call(runtime: &str) {
    cut(runtime, &["--no-silence"], &["end=connection lost"]);
}

/// The same where the operator would rather not wait.
fn a_line_that_is_cut_frees_a_call_that_may_be_idle(runtime: &str) {
    let args = ["--idle-timeout", "2s"];
    let idle = "end=failed: the peer sent nothing for too long";
    cut(runtime, &args, &[idle]);
}

fn cut(runtime: &str, args: &[&str], ends: &[&str]) {
    let wire = Line::new(FINE);
    let server = wire.serve(runtime, 0, args);
    let mut unlucky = wire.call(server.addr(), &["--duration", "10m"]);
    server.wait_for_log(1, "call started");
    wire.cut();
    // Not for want of a word from the caller's side, which cannot reach it either.
    server.wait_for_log(1, "call ended");
    unlucky.kill().unwrap();
    unlucky.wait().unwrap();
    wire.mend();
    let next = wire.call(server.addr(), &["--duration", "200ms"]);
    let report = Report::of(&next.wait_with_output().unwrap());
    assert_eq!(report.code, 0, "{}", report.figures);
    let log = server.terminate();
    let ended = line(&log, &["call ended", "exceptions=1"]);
    assert!(ends.iter().any(|end| ended.contains(end)), "{ended}");
}
