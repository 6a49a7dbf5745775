//! The line about the likely fault of a call, after its end.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use audiosocket_server::AudioFault;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::caller::{begin_echo, end};
use crate::process::{ServeProcess, args, audiosocket, count, line, run};
use crate::serve::play::{noise, playing, wav_file};
use crate::server::write_frame;

on_every_runtime! {
    a_silent_caller_has_a_line_with_the_kind_of_silence,
}

/// Places a call with `audiosocket call`, and waits for its end.
fn call(server: SocketAddr, options: &str) {
    let server = server.to_string();
    let mut all = vec!["call", &server, "--expect", "any"];
    all.extend(args(options));
    // The exit code depends on what the server sends, which is not tested here.
    run(all);
}

/// Returns the lines of the log about faults.
fn faults(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("#")).collect()
}

/// Asserts that the log has one line about a fault, and this fault. Returns the line.
#[track_caller]
fn only_fault(log: &str, fault: AudioFault) -> &str {
    let faults = faults(log);
    assert_eq!(faults.len(), 1, "{log}");
    let guide = format!(
        " guide=docs/src/troubleshooting.md#{}",
        fault.guide_anchor()
    );
    let side = format!(" side={} ", fault.side());
    for part in [
        "INFO",
        &fault.to_string(),
        &side,
        " since=",
        " cause=",
        &guide,
    ] {
        assert!(faults[0].contains(part), "{part}: {}", faults[0]);
    }
    faults[0]
}

fn a_silent_caller_has_a_line_with_the_kind_of_silence(runtime: &str) {
    let callers = [
        (
            "--no-audio --duration 2300ms",
            Some(AudioFault::NothingReceived),
        ),
        (
            "--audio silence --duration 2300ms",
            Some(AudioFault::SilenceReceived),
        ),
        (
            "--audio noise --hold 500ms-7s --duration 7s",
            Some(AudioFault::ReceivingStopped),
        ),
        ("--audio noise --duration 2300ms", None),
        // Too short for a fault.
        ("--no-audio --duration 100ms", None),
    ];
    thread::scope(|scope| {
        for (options, fault) in callers {
            scope.spawn(move || {
                let server = ServeProcess::start_on(runtime, 1, &[]);
                call(server.addr(), options);
                let log = server.terminate();
                line(&log, &["call ended"]);
                match fault {
                    Some(fault) => drop(only_fault(&log, fault)),
                    None => assert_eq!(faults(&log), [""; 0], "{options}"),
                }
            });
        }
    });
}

#[test]
fn a_server_that_plays_only_silence_has_a_line_and_a_server_that_records_has_none() {
    let directory = TempDir::new().unwrap();
    let silence = wav_file(&directory, 8_000, 1, &[0; 800]);
    let server = playing("tokio", &silence, &["--loop"]);
    call(server.addr(), "--audio noise --duration 2300ms");
    only_fault(&server.terminate(), AudioFault::SilenceSent);

    let mut record = audiosocket(["serve", "record"]);
    record.arg(directory.path());
    let server = ServeProcess::run(record, 1);
    call(server.addr(), "--audio noise --duration 2300ms");
    assert_eq!(faults(&server.terminate()), [""; 0]);
}

#[test]
fn a_server_that_sends_no_frame_has_a_line_whether_the_caller_has_audio_or_not() {
    let directory = TempDir::new().unwrap();
    let mut record = audiosocket(["serve", "record"]);
    record.arg(directory.path()).arg("--no-silence");
    let server = ServeProcess::run(record, 1);
    let addr = server.addr();
    thread::scope(|scope| {
        for options in ["--audio noise", "--no-audio"] {
            scope.spawn(move || call(addr, &format!("{options} --duration 2300ms")));
        }
    });
    let log = server.terminate();
    let fault = AudioFault::NothingSent.to_string();
    assert_eq!(log.matches(&fault).count(), 2, "{log}");
    assert_eq!(faults(&log).len(), 2, "{log}");
}

#[test]
fn speech_that_comes_too_late_has_a_line_with_the_number_of_gaps() {
    let (reader, mut input) = std::io::pipe().unwrap();
    input.write_all(HEADER).unwrap();
    let mut command = audiosocket(["serve", "play", "-"]);
    command.stdin(reader);
    let server = ServeProcess::run(command, 1);
    let addr = server.addr();
    let caller = thread::spawn(move || call(addr, "--audio noise --duration 1m"));
    server.wait_for_log(1, "call started");
    for _ in 0..10 {
        // 100 ms of audio in 250 ms.
        let samples = noise(800);
        let bytes: Vec<_> = samples.iter().flat_map(|at| at.to_le_bytes()).collect();
        input.write_all(&bytes).unwrap();
        thread::sleep(Duration::from_millis(250));
    }
    drop(input);
    caller.join().unwrap();
    let log = server.terminate();
    let fault = only_fault(&log, AudioFault::Starved);
    let ended = line(&log, &["call ended"]);
    assert_eq!(count(fault, "count"), count(ended, "underruns"));
}

/// The header of a program that writes to a pipe: 8 kHz, mono, 16 bits, open sizes.
const HEADER: &[u8; 44] = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\xff\xff\xff\xff";

#[test]
fn a_server_that_is_stopped_again_and_again_has_a_line_about_late_frames() {
    let directory = TempDir::new().unwrap();
    let sound = wav_file(&directory, 8_000, 1, &noise(8_000));
    let server = playing("tokio", &sound, &["--loop"]);
    let addr = server.addr();
    let caller = thread::spawn(move || call(addr, "--audio noise --duration 3s"));
    server.wait_for_log(1, "call started");
    for _ in 0..10 {
        server.signal(Signal::STOP);
        thread::sleep(Duration::from_millis(80));
        server.signal(Signal::CONT);
        thread::sleep(Duration::from_millis(60));
    }
    caller.join().unwrap();
    let log = server.terminate();
    let fault = only_fault(&log, AudioFault::LateFrames);
    let ended = line(&log, &["call ended"]);
    assert_eq!(count(fault, "count"), count(ended, "late"));
}

#[test]
fn a_peer_that_does_not_read_has_a_line_with_the_dropped_frames() {
    let server = ServeProcess::start(1, &[]);
    let mut stream = begin_echo(server.addr());
    let mut frames = 0;
    while server.logged("dropped, because the peer does not read") == 0 {
        assert!(frames < 4_000, "the buffers are never full");
        for _ in 0..50 {
            write_frame(&mut stream, 0x18, &[7; 7680]).unwrap();
        }
        frames += 50;
    }
    end(stream);
    let log = server.terminate();
    let fault = only_fault(&log, AudioFault::PeerNotReading);
    let ended = line(&log, &["call ended"]);
    assert_eq!(count(fault, "count"), count(ended, "dropped"));
}

#[test]
fn the_guide_has_an_entry_for_each_fault() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/troubleshooting.md");
    let page = fs::read_to_string(page).unwrap();
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let anchors: BTreeSet<_> = headings
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    for fault in AudioFault::ALL {
        assert!(anchors.contains(fault.guide_anchor()), "{fault:?}");
    }
}
