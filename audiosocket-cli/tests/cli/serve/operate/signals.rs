//! Signals to `audiosocket serve` during a call. Nothing but SIGKILL and the signals of faults cuts a call.

use std::fs;
use std::ops::RangeInclusive;
use std::process::Command;
use std::time::Duration;

use audiosocket_media::{SampleRate, pcm, tone};
use rustix::process::Signal;
use tempfile::NamedTempFile;

use crate::caller::{
    HANGUP, UUID_TEXT, assert_echoed, assert_refused, begin_echo, begin_echo_on, connect,
    connect_from, end_call, peer, read_frame, wait_until_closed,
};
use crate::process::{ServeProcess, line};

/// SIGHUP to SIGRTMAX.
const ALL: RangeInclusive<i32> = 1..=64;

/// SIGINT, SIGQUIT, SIGTERM, SIGXCPU and SIGPWR.
const END_THE_SERVER: [i32; 5] = [2, 3, 15, 24, 30];

/// SIGKILL and SIGSTOP, which no process can handle, and 32 and 33, which the C library keeps for itself.
const NOT_OURS: [i32; 4] = [9, 19, 32, 33];

/// SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV and SIGSYS. After a fault, a process cannot go on.
const FAULTS: [i32; 7] = [4, 5, 6, 7, 8, 11, 31];

/// SIGTSTP, SIGTTIN and SIGTTOU stop a process until SIGCONT.
const STOP: [i32; 3] = [20, 21, 22];

#[test]
fn no_signal_cuts_a_call_without_a_hangup() {
    let server = ServeProcess::start(1, &[]);
    assert_survives(&server);
    server.terminate();
}

#[test]
fn signals_that_end_the_server_hang_up_its_calls() {
    for number in END_THE_SERVER {
        let server = ServeProcess::start(1, &["--drain", "0s"]);
        let mut call = begin_echo(server.addr());
        send(&server, number);
        assert_eq!(read_frame(&mut call).unwrap(), HANGUP, "signal {number}");
        drop(call);
        let (code, log) = server.wait();
        assert_eq!(code, 0, "signal {number}: {log}");
    }
}

#[test]
fn a_summary_has_a_line_for_each_call() {
    let server = ServeProcess::start(1, &["--no-silence"]);
    let calls = [begin_echo(server.addr()), begin_echo(server.addr())];
    server.signal(Signal::USR1);
    server.wait_for_log(2, "open call");
    let peers = calls.each_ref().map(peer);
    calls.into_iter().for_each(end_call);
    let log = server.terminate();
    line(&log, &["INFO", "summary calls=2 connections=2 started=2"]);
    for peer in peers {
        let uuid = format!("uuid={UUID_TEXT}");
        let line = line(&log, &["open call", &uuid, &peer]);
        for part in ["seconds=", "rate_in=slin", "frames_in=", "queued=0ns"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

#[test]
fn sighup_reloads_the_allow_list_and_keeps_calls() {
    let file = NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let allow = |text: &str| fs::write(path, text).unwrap();
    allow("# here\n127.0.0.1\n");
    let server = ServeProcess::start(1, &["--allow-file", path]);
    let here = || connect(server.addr());
    let elsewhere = || connect_from("127.0.0.2", server.addr());
    let mut call = begin_echo_on(here());
    assert_refused(elsewhere());

    allow("127.0.0.2\n");
    server.signal(Signal::HUP);
    server.wait_for_log(1, "the allow list was reloaded");
    assert_refused(here());
    end_call(begin_echo_on(elsewhere()));
    assert_echoed(&mut call, 0x10, b"still there");

    // A file with a mistake changes nothing.
    allow("127.0.0.1\n127.0.0.300\n");
    server.signal(Signal::HUP);
    server.wait_for_log(1, "the allow list was not reloaded");
    assert_refused(here());
    end_call(begin_echo_on(elsewhere()));
    end_call(call);
    let log = server.terminate();
    line(&log, &["ERROR", path, "line 2", "127.0.0.300"]);
}

#[test]
fn a_server_accepts_calls_until_the_drain_notice_is_over() {
    let args = ["--drain-notice", "1h", "--drain", "1h"];
    let server = ServeProcess::start(1, &args);
    server.signal(Signal::TERM);
    server.wait_for_log(1, "shutting down soon");
    let mut call = begin_echo(server.addr());
    // A second signal ends the notice.
    server.signal(Signal::TERM);
    server.wait_for_log(1, "shutting down signal=\"SIGTERM\" drain=1h");
    wait_until_closed(server.addr());
    assert_echoed(&mut call, 0x10, b"still there");
    end_call(call);
    assert_eq!(server.wait().0, 0);

    let server = ServeProcess::start(1, &["--drain-notice", "1ms", "--drain", "1h"]);
    server.signal(Signal::TERM);
    let (code, log) = server.wait();
    assert_eq!(code, 0, "{log}");
}

/// Asserts that no signal without a reason to end ends an echoed call through this process.
pub(crate) fn assert_survives(process: &ServeProcess) {
    let mut call = begin_echo(process.addr());
    let mut speech = Vec::new();
    let frame = Duration::from_millis(20);
    pcm::to_slin(&tone(SampleRate::Hz8000, 440, frame), &mut speech);
    let other = [&END_THE_SERVER[..], &NOT_OURS, &FAULTS, &STOP].concat();
    for number in ALL.filter(|number| !other.contains(number)) {
        send(process, number);
        // A signal that kills does so before the next echo.
        assert_echoed(&mut call, 0x10, &speech);
    }
    end_call(call);
}

/// Sends a signal that may have no name.
fn send(server: &ServeProcess, number: i32) {
    let kill = format!("kill -{number} {}", server.id());
    let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(status.success(), "{kill}");
}
