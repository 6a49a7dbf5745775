//! Calls over a line with faults, and over a line that is cut.

use std::time::Duration;

use audiosocket_network_faults::{Line, LineFaults};

use super::line::Programs as _;
use super::process::{Report, assert_ended_by_the_caller, count, line};

as_root_on_every_runtime! {
    echoes_over_a_line_that_loses_packets_are_whole,
    a_wide_call_over_a_line_that_loses_packets_is_logged_as_a_warning,
    a_cut_line_ends_the_call,
    a_cut_line_ends_a_call_without_silence,
    a_cut_line_ends_a_call_at_the_idle_timeout,
}

const NO_FAULTS: LineFaults = LineFaults {
    loss: 0,
    delay: Duration::from_millis(5),
    jitter: Duration::ZERO,
};

/// Three of 100 packets are lost in each direction, and a packet can overtake the one before it.
fn echoes_over_a_line_that_loses_packets_are_whole(runtime: &str) {
    const CALLS: u64 = 30;
    let line = Line::new(LineFaults {
        loss: 3,
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(40),
    });
    let server = line.serve(runtime, 0, &[]);
    let calls = CALLS.to_string();
    let args = [
        "--calls",
        &calls,
        "--duration",
        "5s",
        "--dtmf",
        "15*D#",
        "--allow-pauses",
    ];
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
    let (lost, overtaken) = line.faults();
    assert!(
        lost > 100 && overtaken > 100,
        "{lost} lost, {overtaken} overtaken"
    );
}

/// About fifty packets of the server are lost. The caller closes the connection, as Asterisk does when a payload comes late.
fn a_wide_call_over_a_line_that_loses_packets_is_logged_as_a_warning(runtime: &str) {
    let wire = Line::new(LineFaults {
        loss: 10,
        delay: Duration::from_millis(5),
        jitter: Duration::ZERO,
    });
    let server = wire.serve(runtime, 0, &[]);
    for rate in ["slin48", "slin16"] {
        let args = ["--rate", rate, "--duration", "5s", "--allow-pauses"];
        let call = wire.call(server.addr(), &args);
        assert!(call.wait_with_output().unwrap().status.success());
        server.wait_for_log(1, &format!("rate_out={rate}"));
    }
    let log = server.terminate();
    for (rate, is_warning) in [("slin48", true), ("slin16", false)] {
        let ended = line(&log, &["call ended", &format!("rate_out={rate}")]);
        assert_ended_by_the_caller(ended);
        assert!(count(ended, "retransmissions") > 0, "{ended}");
        assert_eq!(ended.contains("WARN"), is_warning, "{ended}");
        let remedy = "on a network that loses packets, Asterisk ends calls";
        assert_eq!(ended.contains(remedy), is_warning, "{ended}");
    }
}

/// The server sends all the time. The call ends when the kernel has waited a minute for an acknowledgement, or when the kernel
/// has taken no data for 30 s.
fn a_cut_line_ends_the_call(runtime: &str) {
    let stalled = "end=failed: the peer read nothing for too long";
    cut(runtime, &[], &["end=connection lost", stalled]);
}

/// The server sends nothing. The call ends when the kernel gets no answer to its last data or its keep-alive probes.
fn a_cut_line_ends_a_call_without_silence(runtime: &str) {
    cut(runtime, &["--no-silence"], &["end=connection lost"]);
}

/// `--idle-timeout` ends the call earlier.
fn a_cut_line_ends_a_call_at_the_idle_timeout(runtime: &str) {
    let args = ["--idle-timeout", "2s"];
    let idle = "end=failed: the peer sent nothing for too long";
    cut(runtime, &args, &[idle]);
}

fn cut(runtime: &str, args: &[&str], ends: &[&str]) {
    let wire = Line::new(NO_FAULTS);
    let server = wire.serve(runtime, 0, args);
    let mut cut_off = wire.call(server.addr(), &["--duration", "10m"]);
    server.wait_for_log(1, "call started");
    wire.cut();
    // The caller cannot end the call: its packets are lost too.
    server.wait_for_log(1, "call ended");
    cut_off.kill().unwrap();
    cut_off.wait().unwrap();
    wire.mend();
    let next = wire.call(server.addr(), &["--duration", "200ms"]);
    let report = Report::of(&next.wait_with_output().unwrap());
    assert_eq!(report.code, 0, "{}", report.figures);
    let log = server.terminate();
    let ended = line(&log, &["call ended", "exceptions=1"]);
    assert!(ends.iter().any(|end| ended.contains(end)), "{ended}");
}
