//! `--upgrade-socket`: a new process takes over the calls of the old one.

mod fake_process;
mod ports;
mod socket_file;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use crate::caller::{UUID, assert_echoed, begin_echo, connect, end_call, read_frame};
use crate::listening::ListeningCaller;
use crate::process::{ServeProcess, audiosocket, line, redirected, text};
use crate::recordings::{files, finished, name, say, slin, voice};
use crate::serve::play::{noise, wav_file};
use crate::server::write_frame;
use fake_process::{CALL, FakeProcess, HELLO, TAKEN};

const CALLS: usize = 20;

/// Starts `audiosocket serve`, in place of the process that has this socket.
fn start(socket: &Path, args: &[&str]) -> ServeProcess {
    let mut command = audiosocket(["serve"]);
    command.args(args).arg("--upgrade-socket").arg(socket);
    ServeProcess::run(command, 1)
}

fn socket(directory: &TempDir) -> PathBuf {
    directory.path().join("upgrade.sock")
}

/// Asserts that a process has handed over all its calls but `ended`, which had ended before.
fn assert_replaced(old: ServeProcess, calls: usize, ended: usize) {
    let (code, log) = old.wait();
    assert_eq!(code, 0, "{log}");
    let calls = format!("calls={calls} refused=0");
    line(&log, &["another process took over", &calls]);
    assert_eq!(log.matches("call ended").count(), ended, "{log}");
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn echoed_calls_go_on_in_the_new_process() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let mut server = start(&socket, &["echo"]);
    let addr = server.addr();
    let mut calls: Vec<_> = (0..CALLS).map(|_| begin_echo(addr)).collect();
    // Twice, since a process that was taken over hands its calls over too.
    for round in 0..2_u8 {
        for call in &mut calls {
            // A frame that the old process gets in part.
            call.write_all(&[0x10, 0, 6, b'h', b'a']).unwrap();
        }
        let new = start(&socket, &["echo"]);
        assert_eq!(new.addr(), addr);
        assert_replaced(std::mem::replace(&mut server, new), CALLS, round.into());
        for call in &mut calls {
            call.write_all(b"lves").unwrap();
            assert_eq!(read_frame(call).unwrap(), (0x10, b"halves".to_vec()));
        }
        // The new process accepts calls at the same address.
        let mut later = begin_echo(addr);
        assert_echoed(&mut later, 0x12, &[round + 1; 640]);
        end_call(later);
    }
    calls.into_iter().for_each(end_call);
    let log = server.terminate();
    let ended = log.lines().filter(|line| line.contains("call ended"));
    let whole = ended.filter(|line| line.contains("frames_in=3 "));
    assert_eq!(
        whole.count(),
        CALLS,
        "the counters move with the call: {log}"
    );
    line(&log, &["took over from another process", "calls=20"]);
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn calls_go_on_in_a_new_process_that_cannot_write_its_address() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let old = start(&socket, &["echo"]);
    let addr = old.addr();
    let mut call = begin_echo(addr);
    let args = ["serve", "echo", "--status-listen", "127.0.0.1:0"];
    let mut command = redirected(">/dev/full", args);
    command.arg("--upgrade-socket").arg(&socket);
    let new = ServeProcess::run_as_is(command, 0);
    new.wait_for_log(2, "cannot write to standard output");
    assert_replaced(old, 1, 0);
    assert_echoed(&mut call, 0x10, b"after");
    end_call(call);
    let log = new.terminate();
    line(
        &log,
        &["cannot write", &format!("text=listening on {addr}")],
    );
    line(&log, &["cannot write", "text=status on http://127.0.0.1:"]);
}

#[test]
fn played_calls_lose_no_sample() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let samples = noise(24_000);
    let file = wav_file(&directory, 8_000, 1, &samples);
    let play = ["play", "--rate", "slin", file.to_str().unwrap()];
    let old = start(&socket, &play);
    let addr = old.addr();
    let callers = (0..CALLS).map(|_| {
        let mut call = ListeningCaller::begin(addr, 0x10);
        thread::spawn(move || {
            call.receive_to_the_end();
            call.samples
        })
    });
    let callers: Vec<_> = callers.collect();
    old.wait_for_log(CALLS, "call started");
    let new = start(&socket, &play);
    assert_replaced(old, CALLS, 0);
    for caller in callers {
        let mut received = caller.join().unwrap();
        received.retain(|sample| *sample != 0);
        assert!(received == samples, "{} samples", received.len());
    }
    let log = new.terminate();
    let hung_up = log.lines().filter(|line| line.contains("end=hung up"));
    assert_eq!(hung_up.count(), CALLS, "{log}");
}

#[test]
fn recorded_calls_have_another_file_from_the_new_process() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let recordings = TempDir::new().unwrap();
    let record = [
        "record",
        recordings.path().to_str().unwrap(),
        "--codec",
        "slin",
    ];
    let old = start(&socket, &record);
    // Numbers in place of the random UUIDs of Asterisk.
    let begin = |number: usize| {
        let mut call = connect(old.addr());
        let uuid = u128::try_from(number + 1).unwrap().to_be_bytes();
        write_frame(&mut call, 0x01, &uuid).unwrap();
        call
    };
    let mut calls: Vec<_> = (0..CALLS).map(begin).collect();
    old.wait_for_log(CALLS, "call started");
    let voice = voice(16_000);
    let (before, after) = voice.split_at(8_000);
    let speak = |calls: &mut [TcpStream], samples| {
        for call in calls {
            say(call, 0x10, &slin(samples), 320);
        }
    };
    speak(&mut calls, before);
    let new = start(&socket, &record);
    let (code, log) = old.wait();
    assert_eq!(code, 0, "{log}");
    speak(&mut calls, after);
    calls.into_iter().for_each(end_call);
    new.terminate();
    let files = files(recordings.path());
    assert_eq!(files.len(), 2 * CALLS, "{files:?}");
    for number in 1..=CALLS {
        let uuid = format!("-00000000-0000-0000-0000-{number:012x}");
        let of_call = files.iter().filter(|file| name(file).contains(&uuid));
        let mut samples: Vec<_> = of_call.flat_map(|file| finished(file).1).collect();
        samples.retain(|sample| *sample != 0);
        assert!(samples == voice, "{uuid}: {} samples", samples.len());
    }
}

#[test]
fn another_kind_of_server_takes_no_calls() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let file = wav_file(&directory, 8_000, 1, &noise(800));
    let old = start(&socket, &["echo"]);
    let mut call = begin_echo(old.addr());
    let mut new = audiosocket(["serve", "play"]);
    new.arg(file).arg("--upgrade-socket").arg(&socket);
    let output = new.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("refuses all calls") && error.contains("serve play"),
        "{error}"
    );
    assert_echoed(&mut call, 0x10, b"still here");
    end_call(call);
    end_call(begin_echo(old.addr()));
    old.terminate();
}

#[test]
fn calls_that_cannot_move_drain_in_the_old_process() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let args = ["echo", "--max-calls", "1"];
    let old = start(&socket, &["echo", "--drain", "1h"]);
    let mut calls = [begin_echo(old.addr()), begin_echo(old.addr())];
    let new = start(&socket, &args);
    old.wait_for_log(1, "another process took over");
    for call in &mut calls {
        assert_echoed(call, 0x10, b"still here");
    }
    calls.into_iter().for_each(end_call);
    let (code, log) = old.wait();
    assert_eq!(code, 0, "{log}");
    line(&log, &["another process took over", "calls=1 refused=1"]);
    line(&log, &["call ended"]);
    line(&new.terminate(), &["call ended"]);
}

#[test]
fn calls_go_on_if_the_new_process_ends_or_is_silent_or_answers_nonsense() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let recordings = TempDir::new().unwrap();
    let recorded = ["echo", "--record", recordings.path().to_str().unwrap()];
    let server = start(&socket, &recorded);
    let mut calls: Vec<_> = (0..CALLS).map(|_| begin_echo(server.addr())).collect();
    let still_here = |calls: &mut [TcpStream], failed: usize, reason: &str| {
        server.wait_for_log(failed, "an upgrade failed");
        server.wait_for_log(1, reason);
        for call in calls {
            assert_echoed(call, 0x10, b"still here");
        }
        end_call(begin_echo(server.addr()));
    };

    let mut ends = FakeProcess::connect(&socket);
    assert_eq!(ends.begin(), CALLS);
    drop(ends);
    still_here(&mut calls, 1, "the other process has ended");

    let mut silent = FakeProcess::connect(&socket);
    assert_eq!(silent.begin(), CALLS);
    still_here(&mut calls, 2, "did not answer in time");
    for (failed, kind, payload, reason) in [
        (
            3,
            TAKEN,
            &[1; CALLS - 1][..],
            "did not answer for each call",
        ),
        (4, TAKEN, &[0; CALLS], "refuses all calls"),
        (5, CALL, &[], "in place of Taken"),
        (6, 77, &[], "an unknown message"),
    ] {
        let mut wrong = FakeProcess::connect(&socket);
        assert_eq!(wrong.begin(), CALLS);
        wrong.send(kind, payload);
        still_here(&mut calls, failed, reason);
    }
    // After all of this, a real upgrade works.
    let new = start(&socket, &recorded);
    let (code, log) = server.wait();
    assert_eq!(code, 0, "{log}");
    // A call that stayed six times has one file, and so have the six calls in between.
    assert_eq!(log.matches(" recorded ").count(), CALLS + 6, "{log}");
    calls.into_iter().for_each(end_call);
    new.terminate();
}

#[test]
fn other_versions_and_other_programs_are_refused_by_both_sides() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let server = start(&socket, &["echo"]);
    let mut call = begin_echo(server.addr());

    let mut newer = FakeProcess::connect(&socket);
    let (kind, mut hello) = newer.receive();
    assert_eq!(kind, HELLO);
    *hello.last_mut().unwrap() += 1;
    newer.send(HELLO, &hello);
    server.wait_for_log(1, "another version of the handover");

    let mut other = FakeProcess::connect(&socket);
    other.send(HELLO, b"GET / HTTP/1.1");
    server.wait_for_log(1, "no audiosocket server");
    let mut long = FakeProcess::connect(&socket);
    long.0.write_all(&[0, 0xff, 0xff, 0xff, 0xff]).unwrap();
    server.wait_for_log(1, "too long");
    drop(FakeProcess::connect(&socket));
    server.wait_for_log(4, "an upgrade failed");
    assert_echoed(&mut call, 0x10, b"still here");
    end_call(call);
    server.terminate();

    let other = directory.path().join("other.sock");
    let listener = UnixListener::bind(&other).unwrap();
    let answers = thread::spawn(move || {
        let mut old = FakeProcess::new(listener.accept().unwrap().0);
        let (_, hello) = old.receive();
        assert_eq!(hello[..19], *b"audiosocket upgrade");
        old.send(HELLO, b"audiosocket upgrade\xff\xff\xff\xff");
        // Until the other side has ended.
        let _ = old.0.read_to_end(&mut Vec::new());
    });
    let mut command = audiosocket(["serve", "echo", "--listen", "127.0.0.1:0"]);
    let output = command
        .arg("--upgrade-socket")
        .arg(&other)
        .output()
        .unwrap();
    answers.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("another version of the handover"), "{error}");
}

#[test]
fn calls_that_begin_during_an_upgrade_are_accepted() {
    let directory = TempDir::new().unwrap();
    let socket = socket(&directory);
    let old = start(&socket, &["echo"]);
    let addr = old.addr();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let callers = thread::spawn(move || {
        let mut calls = 0;
        // Until the sender is dropped.
        while stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
            echo_once(addr);
            calls += 1;
        }
        calls
    });
    let new = start(&socket, &["echo"]);
    let (code, log) = old.wait();
    assert_eq!(code, 0, "{log}");
    drop(stop);
    assert!(callers.join().unwrap() > 0);
    echo_once(addr);
    new.terminate();
}

/// A call with one frame. Any refusal, reset or hangup fails.
fn echo_once(addr: SocketAddr) {
    let mut call = connect(addr);
    write_frame(&mut call, 0x01, UUID).unwrap();
    assert_echoed(&mut call, 0x10, b"hello!");
    call.shutdown(Shutdown::Write).unwrap();
    assert!(read_frame(&mut call).is_err());
}
