//! `--record` of a server that answers: both sides of a call.

use std::fs;
use std::path::Path;

use crate::caller::{UUID_TEXT, begin, end};
use crate::process::{ServeProcess, audiosocket, line, run, text};
use crate::recordings::{files, name, say, slin, voice};
use crate::server::read_frame;

on_every_runtime! {
    an_echo_is_recorded_in_stereo,
    a_full_disk_ends_no_call,
}

/// Starts `serve echo` that records into `directory`.
fn start(runtime: &str, directory: &Path, options: &[&str]) -> ServeProcess {
    let path = directory.to_str().unwrap();
    let args = ["serve", "echo", "--runtime", runtime, "--record", path];
    ServeProcess::run(audiosocket(args.iter().chain(options).copied()), 1)
}

/// Says `samples` at once, and waits until all of it has come back.
fn call(server: &ServeProcess, samples: &[i16]) {
    let mut stream = begin(server.addr());
    say(&mut stream, 0x10, &slin(samples), 320);
    let mut missing = 2 * samples.len();
    while missing > 0 {
        let (_, payload) = read_frame(&mut stream).unwrap();
        if payload.iter().any(|byte| *byte != 0) {
            missing -= payload.len();
        }
    }
    end(stream);
}

/// Returns the channels of a file.
fn channels(file: &Path) -> Vec<Vec<i16>> {
    let mut wav = hound::WavReader::open(file).unwrap();
    let spec = wav.spec();
    assert_eq!((spec.sample_rate, spec.bits_per_sample), (8_000, 16));
    let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
    let count = usize::from(spec.channels);
    let of_channel = |channel| samples.iter().copied().skip(channel).step_by(count);
    (0..count)
        .map(|channel| of_channel(channel).collect())
        .collect()
}

/// Asserts that `recorded` is `said` with silence around it. Returns the place of `said`.
#[track_caller]
fn place_of(said: &[i16], recorded: &[i16]) -> usize {
    let is_silence = |sample: &&i16| **sample == 0;
    let before = recorded.iter().take_while(is_silence).count();
    let (found, after) = recorded[before..].split_at(said.len());
    assert!(found == said, "the audio differs");
    assert!(after.iter().all(|sample| *sample == 0));
    before
}

fn an_echo_is_recorded_in_stereo(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let said = voice(8_000);
    let server = start(runtime, directory.path(), &[]);
    call(&server, &said);
    let log = server.terminate();
    let files = files(directory.path());
    let [file] = &files[..] else {
        panic!("{files:?}: {log}");
    };
    let name = name(file);
    assert!(name.ends_with(&format!("-{UUID_TEXT}.wav")), "{name}");
    let channels = channels(file);
    let [caller, server] = &channels[..] else {
        panic!("{} channels", channels.len());
    };
    // The echo of a frame leaves when the caller has said it.
    assert!(place_of(&said, caller) <= place_of(&said, server));
    line(
        &log,
        &["INFO", "recorded", UUID_TEXT, name, "lost=0 rate=8000"],
    );
    line(
        &log,
        &["all recordings ended", "calls=1 files=1 failed=0 lost=0"],
    );
}

fn a_full_disk_ends_no_call(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let said = voice(8_000);
    let server = start(runtime, directory.path(), &["--record-as", "two-files"]);
    fs::remove_dir(directory.path()).unwrap();
    call(&server, &said);
    server.wait_for_log(1, "recording failed");
    fs::create_dir(directory.path()).unwrap();
    call(&server, &said);
    let log = server.terminate();
    let files = files(directory.path());
    let [caller, server] = &files[..] else {
        panic!("{files:?}: {log}");
    };
    assert!(name(caller).ends_with(".caller.wav") && name(server).ends_with(".server.wav"));
    let [caller, server] = [caller, server].map(|file| channels(file).remove(0));
    assert_eq!(caller.len(), server.len());
    place_of(&said, &caller);
    place_of(&said, &server);
    line(&log, &["all recordings ended", "calls=2 files=2 failed=1"]);
}

#[test]
fn a_mixed_recording_has_one_channel_and_the_caller_alone_has_no_echo() {
    let said = voice(4_000);
    for (format, sides) in [("mono", 2), ("caller", 1)] {
        let directory = tempfile::tempdir().unwrap();
        let server = start("tokio", directory.path(), &["--record-as", format]);
        call(&server, &said);
        server.terminate();
        let channels = channels(&files(directory.path())[0]);
        assert_eq!(channels.len(), 1);
        let energy = |samples: &[i16]| -> i64 {
            samples.iter().map(|sample| i64::from(*sample).abs()).sum()
        };
        let found = energy(&channels[0]);
        // Both sides overlap, so the energy of their sum is between one side and two.
        assert!(found <= sides * energy(&said));
        assert_eq!(sides == 1, found == energy(&said), "{format}");
    }
}

#[test]
fn serve_record_has_a_silent_server_in_stereo() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let args = [
        "serve",
        "record",
        path,
        "--record-as",
        "stereo",
        "--no-silence",
    ];
    let server = ServeProcess::run(audiosocket(args), 1);
    let said = voice(4_000);
    let mut stream = begin(server.addr());
    say(&mut stream, 0x10, &slin(&said), 320);
    end(stream);
    server.terminate();
    let channels = channels(&files(directory.path())[0]);
    place_of(&said, &channels[0]);
    assert!(channels[1].iter().all(|sample| *sample == 0));
}

#[test]
fn options_that_exclude_each_other_are_errors() {
    let output = run([
        "serve",
        "record",
        ".",
        "--skip-pauses",
        "--record-as",
        "mono",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(
        error.contains("--skip-pauses needs --record-as caller"),
        "{error}"
    );
    let output = run(["serve", "echo", "--record-as", "mono"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--record <DIR>"));
    let output = run(["serve", "echo", "--record", "/missing/directory"]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("create the directory first"), "{error}");
}
