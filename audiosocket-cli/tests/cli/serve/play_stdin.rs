//! `audiosocket serve play -`: standard input.

use std::fs::File;
use std::io::Write as _;
use std::process::{Output, Stdio};

use crate::listening::{ListeningCaller, trimmed};
use crate::process::{ServeProcess, audiosocket, text};

/// Samples that are never 0 and do not repeat.
fn audio(first: i16) -> Vec<i16> {
    (0..3_000).map(|n| first + n).collect()
}

fn slin(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

/// The header of a program that writes to a pipe: 8 kHz, mono, 16 bits, open sizes.
const OPEN_HEADER: &[u8; 44] = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\xff\xff\xff\xff";

on_every_runtime! {
    standard_input_is_played_as_it_arrives,
}

fn standard_input_is_played_as_it_arrives(runtime: &str) {
    let (first, second) = (audio(1), audio(10_001));
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(OPEN_HEADER).unwrap();
    writer.write_all(&slin(&first)).unwrap();
    let mut command = audiosocket(["serve", "play", "-", "--runtime", runtime]);
    command.stdin(reader);
    let server = ServeProcess::run(command, 1);

    let mut call = ListeningCaller::begin(server.addr(), 0x10);
    call.receive_all_of(&first);
    // The first part was heard before the second part is written.
    writer.write_all(&slin(&second)).unwrap();
    drop(writer);
    call.receive_to_the_end();
    assert!(trimmed(&call.samples).ends_with(&second));
    call.hang_up();

    // A later call gets everything, without a gap.
    let mut call = ListeningCaller::begin(server.addr(), 0x10);
    call.receive_to_the_end();
    assert_eq!(trimmed(&call.samples), [first, second].concat());
    call.hang_up();
    server.terminate();
}

/// The first part is shorter than the prebuffer. Without the prebuffer, it would leave at once.
#[test]
fn standard_input_with_a_prebuffer_begins_when_enough_has_arrived() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(OPEN_HEADER).unwrap();
    let (first, second) = (audio(1), audio(10_001));
    writer.write_all(&slin(&first)).unwrap();
    let mut command = audiosocket(["serve", "play", "-", "--prebuffer", "500ms"]);
    command.stdin(reader);
    let server = ServeProcess::run(command, 1);
    let mut call = ListeningCaller::begin(server.addr(), 0x10);
    call.receive_samples(4_000);
    assert!(call.samples.iter().all(|sample| *sample == 0));
    writer.write_all(&slin(&second)).unwrap();
    drop(writer);
    call.receive_to_the_end();
    assert_eq!(trimmed(&call.samples), [first, second].concat());
    call.hang_up();
    server.terminate();
}

/// Runs the server with an input that it cannot play.
fn refused(input: Stdio, args: &[&str]) -> Output {
    let all = ["serve", "play", "-", "--listen", "127.0.0.1:0"];
    let mut command = audiosocket(all.into_iter().chain(args.iter().copied()));
    command.stdin(input).output().unwrap()
}

#[test]
fn standard_input_that_cannot_be_played_is_an_error() {
    let manifest = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    for (input, args, problem) in [
        (Stdio::null(), &[][..], "standard input: the file is empty"),
        (
            manifest.into(),
            &[],
            "standard input: not a WAV file, but a text file",
        ),
        (Stdio::null(), &["--loop"], "--loop needs a file"),
    ] {
        let output = refused(input, args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(problem), "{stderr}");
    }
}
