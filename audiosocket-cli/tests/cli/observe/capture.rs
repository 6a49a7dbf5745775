//! `--capture-dir` of `audiosocket serve`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::caller::{UUID_TEXT, assert_echoed, begin_echo, end_call};
use crate::process::{ServeProcess, audiosocket, call, line, run, text};
use crate::recordings::files;
use crate::server::write_frame;

/// Starts an echo server that captures into `directory`.
fn capturing(runtime: &str, directory: &Path, args: &[&str]) -> ServeProcess {
    let directory = directory.to_str().unwrap();
    let all = ["--no-silence", "--capture-dir", directory];
    let all: Vec<_> = all.into_iter().chain(args.iter().copied()).collect();
    ServeProcess::start_on(runtime, 1, &all)
}

/// Returns the files of `directory` with this ending.
fn ending_in(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let has_ending = |file: &PathBuf| file.to_str().unwrap().ends_with(ending);
    files(directory).into_iter().filter(has_ending).collect()
}

/// Returns the kinds and lengths of the frames that `audiosocket decode` finds in a file.
fn decoded(file: &Path) -> Vec<(u64, u64)> {
    let output = run(["decode", file.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = text(&output.stdout).lines();
    let frame = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| line[name].as_u64().unwrap();
        (number("kind"), number("length"))
    };
    lines.map(frame).collect()
}

on_every_runtime! {
    the_frames_of_both_sides_are_captured,
}

fn the_frames_of_both_sides_are_captured(runtime: &str) {
    let directory = TempDir::new().unwrap();
    let server = capturing(runtime, directory.path(), &["--capture-as", "streams"]);
    let mut stream = begin_echo(server.addr());
    write_frame(&mut stream, 0x03, b"5").unwrap();
    write_frame(&mut stream, 0x7f, b"unknown").unwrap();
    assert_echoed(&mut stream, 0x12, &[7; 640]);
    // An error that Asterisk reports, and its hangup.
    write_frame(&mut stream, 0xff, &[4]).unwrap();
    write_frame(&mut stream, 0xff, &[1]).unwrap();
    end_call(stream);
    server.terminate();

    let caller = ending_in(directory.path(), &format!("Z-{UUID_TEXT}.caller.bin"));
    let server = ending_in(directory.path(), &format!("Z-{UUID_TEXT}.server.bin"));
    assert_eq!((caller.len(), server.len()), (1, 1));
    let from_caller = [
        (0x01, 16),
        (0x10, 6),
        (0x03, 1),
        (0x7f, 7),
        (0x12, 640),
        (0xff, 1),
        (0xff, 1),
    ];
    assert_eq!(decoded(&caller[0]), from_caller);
    assert_eq!(decoded(&server[0]), [(0x10, 6), (0x12, 640)]);
}

#[test]
fn a_hangup_of_the_server_is_captured_and_a_capture_can_be_replayed() {
    let directory = TempDir::new().unwrap();
    let options = ["--capture-as", "streams", "--drain", "0s"];
    let server = capturing("tokio", directory.path(), &options);
    let caller = begin_echo(server.addr());
    server.signal(Signal::TERM);
    assert_eq!(server.wait().0, 0);
    drop(caller);
    let stream = ending_in(directory.path(), ".server.bin");
    assert_eq!(decoded(&stream[0]), [(0x10, 6), (0, 0)]);

    let stream = ending_in(directory.path(), ".caller.bin").remove(0);
    let server = ServeProcess::start(1, &[]);
    let replay = ["--replay", stream.to_str().unwrap(), "--expect", "any"];
    call(server.addr(), &replay);
    line(
        &server.terminate(),
        &["call ended", UUID_TEXT, "frames_in=1 "],
    );
}

#[test]
fn only_the_first_calls_are_captured_and_each_up_to_its_size() {
    let directory = TempDir::new().unwrap();
    let limits = ["--capture-calls", "2", "--capture-mb", "1"];
    let server = capturing("tokio", directory.path(), &limits);
    for _ in 0..3 {
        let mut stream = begin_echo(server.addr());
        for _ in 0..20 {
            // 1.3 MB each way.
            assert_echoed(&mut stream, 0x18, &[7; 65_535]);
        }
        end_call(stream);
    }
    let log = server.terminate();
    let captures = ending_in(directory.path(), ".pcapng");
    assert_eq!(captures.len(), 2);
    for capture in captures {
        let len = fs::metadata(&capture).unwrap().len();
        assert!((800_000..1_100_000).contains(&len), "{len} bytes");
        let name = capture.file_name().unwrap().to_str().unwrap();
        assert!(log.contains(name), "{name}: {log}");
    }
    let cut = "a capture ends before its call";
    let cuts = log.lines().filter(|line| line.contains(cut));
    assert_eq!(cuts.count(), 2, "{log}");
}

/// A limit of the size of files has the same effect as a full disk: a write fails.
#[test]
fn a_disk_without_room_ends_the_capture_and_not_the_call() {
    for form in ["pcapng", "streams"] {
        let directory = TempDir::new().unwrap();
        let program = env!("CARGO_BIN_EXE_audiosocket");
        let mut command = Command::new("sh");
        // 8 or 16 KiB: a block has another size in each shell.
        let limited = "ulimit -f 16 && exec \"$0\" \"$@\"";
        command.args(["-c", limited, program]);
        command.args(["serve", "echo", "--capture-as", form, "--capture-dir"]);
        command.arg(directory.path());
        let server = ServeProcess::run(command, 1);
        let mut stream = begin_echo(server.addr());
        for _ in 0..60 {
            assert_echoed(&mut stream, 0x12, &[9; 640]);
        }
        server.wait_for_log(1, "a capture failed; its call goes on");
        assert_echoed(&mut stream, 0x12, b"still there!");
        end_call(stream);
        let log = server.terminate();
        let failed = ["WARN", "a capture failed", UUID_TEXT, "File too large"];
        line(&log, &failed);
        line(&log, &["call ended", "end=closed by the peer"]);
    }
}

#[test]
fn a_directory_that_does_not_exist_is_an_error() {
    let listen = ["serve", "echo", "--listen", "127.0.0.1:0"];
    let mut command = audiosocket(listen);
    let output = command.args(["--capture-dir", "/does/not/exist"]);
    let output = output.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    let problem = "create the directory of --capture-dir first";
    assert!(stderr.contains("/does/not/exist"), "{stderr}");
    assert!(stderr.contains(problem), "{stderr}");
}

#[test]
fn the_other_options_need_a_directory() {
    let output = run(["serve", "echo", "--capture-calls", "3"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("--capture-dir"), "{stderr}");
}
