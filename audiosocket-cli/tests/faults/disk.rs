//! Recordings on a disk that becomes full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use audiosocket_network_faults::wrapped;

use super::caller::{begin, end};
use super::process::{ServeProcess, assert_ended_by_the_caller, audiosocket, line};
use super::recordings::{files, finished, playable, say, slin, voice};

as_root_on_every_runtime! {
    a_disk_that_fills_up_ends_recordings_and_no_call,
}

/// Twenty recordings of 200 kB each, on a disk of 2 MiB.
const CALLS: usize = 20;

/// The number of calls that end before the disk is full.
const EARLY: usize = 5;

const SAMPLES: usize = 100_000;

/// Each recording has the audio that fitted, the calls go on, and the next call is recorded when the disk has room again.
fn a_disk_that_fills_up_ends_recordings_and_no_call(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (server, disk) = record_on_a_small_disk(runtime, directory.path());
    let samples = voice(SAMPLES);
    let audio = slin(&samples);
    for call in 1..=EARLY {
        let mut stream = begin(server.addr());
        say(&mut stream, 0x10, &audio, 640);
        end(stream);
        server.wait_for_log(call, "recorded");
    }
    let mut streams: Vec<_> = (EARLY..CALLS).map(|_| begin(server.addr())).collect();
    for stream in &mut streams {
        say(stream, 0x10, &audio, 640);
    }
    server.wait_for_log(1, "No space left on device");
    for stream in &mut streams {
        say(stream, 0x10, &audio[..640], 320);
    }
    streams.into_iter().for_each(end);
    server.wait_for_log(CALLS, "call ended");
    // Each call has a line: `recorded`, or `recorded in part`.
    server.wait_for_log(CALLS, "recorded");
    let whole = whole(&disk, &samples);
    assert!(
        (EARLY..CALLS).contains(&whole),
        "{whole} recordings are whole"
    );

    for file in files(&disk) {
        fs::remove_file(file).unwrap();
    }
    let mut stream = begin(server.addr());
    say(&mut stream, 0x10, &audio, 640);
    end(stream);
    server.wait_for_log(CALLS + 1, "call ended");
    server.wait_for_log(CALLS + 1, "recorded");
    let [file] = &files(&disk)[..] else {
        panic!("there is not one recording");
    };
    assert!(finished(file).1 == samples);

    let log = server.terminate();
    let ended = log.lines().filter(|line| line.contains("call ended"));
    ended.for_each(assert_ended_by_the_caller);
    let failed = format!("failed={}", CALLS - whole);
    line(&log, &["all recordings ended", &failed]);
}

/// Returns the number of recordings with all audio of the call. Asserts that the others have the beginning of the audio, and
/// that each recording can be played.
fn whole(disk: &Path, samples: &[i16]) -> usize {
    let mut whole = 0;
    for file in files(disk) {
        let length = fs::metadata(&file).unwrap().len();
        if length == 0 {
            // The disk had no room for the header.
            continue;
        }
        let (rate, recorded) = playable(&file).unwrap();
        assert_eq!(rate, 8_000);
        let said = recorded.len().min(samples.len());
        assert!(recorded[..said] == samples[..said], "{}", file.display());
        whole += usize::from(recorded.len() >= samples.len());
    }
    whole
}

/// Starts a server that records into a small disk, mounted at `directory` for this server only. Returns the server, and the path
/// at which other processes find the disk.
fn record_on_a_small_disk(runtime: &str, directory: &Path) -> (ServeProcess, PathBuf) {
    let path = directory.to_str().unwrap();
    let server = [
        "serve",
        "record",
        path,
        "--runtime",
        runtime,
        "--skip-pauses",
    ];
    let mount = "mount -t tmpfs -o size=2m audiosocket \"$0\" && exec \"$@\"";
    let mut apart = Command::new("unshare");
    apart.args(["--mount", "sh", "-c", mount, path]);
    let server = ServeProcess::run(wrapped(apart, &audiosocket(server)), 1);
    let disk = format!("/proc/{}/root{path}", server.id());
    (server, disk.into())
}
