//! The rates at which `serve play` and `serve bot` play.

use std::path::Path;
use std::time::Duration;

use audiosocket_media::file::AudioReader;
use audiosocket_media::{Prompt, SampleRate};
use tempfile::TempDir;

use super::bot::{GOODBYE, bot, spoken};
use super::play::{noise, playing, wav_file};
use crate::listening::{ListeningCaller, trimmed};
use crate::process::{ServeProcess, line};

/// The rates of the files, in Hz.
const FILES: [u32; 5] = [8_000, 16_000, 24_000, 44_100, 48_000];

/// The kind of a caller's audio, and the kind in which a server answers without `--rate`.
const CALLERS: [(Option<u8>, u8); 5] = [
    (None, 0x10),
    (Some(0x10), 0x10),
    (Some(0x11), 0x11),
    (Some(0x12), 0x12),
    (Some(0x16), 0x12),
];

on_every_runtime! {
    a_file_is_played_at_the_rate_of_the_caller_up_to_16_khz,
    a_file_is_played_at_the_rate_that_the_user_names,
    the_bot_answers_at_the_rate_of_the_caller_up_to_16_khz,
    the_bot_answers_at_the_rate_that_the_user_names,
    a_call_that_ends_without_a_hangup_after_wide_audio_has_a_remedy_in_the_log,
}

fn rate_of(kind: u8) -> SampleRate {
    SampleRate::ALL[usize::from(kind - 0x10)]
}

/// Writes a file of a tenth of a second.
fn file(directory: &TempDir, hz: u32) -> std::path::PathBuf {
    wav_file(directory, hz, 1, &noise(hz as usize / 10))
}

fn read(path: &Path, rate: SampleRate) -> Vec<i16> {
    AudioReader::open(path)
        .unwrap()
        .read_all(rate, Duration::from_secs(1))
        .unwrap()
}

/// Begins a call to a server that answers in the kind of the caller.
fn begin(server: &ServeProcess, speaks: Option<u8>, kind: u8) -> ListeningCaller {
    match speaks {
        Some(speaks) => ListeningCaller::begin_speaking(server.addr(), speaks, kind),
        None => ListeningCaller::begin(server.addr(), kind),
    }
}

/// Begins a call to a server that sends one kind only.
fn begin_named(server: &ServeProcess, speaks: Option<u8>, kind: u8) -> ListeningCaller {
    let mut call = ListeningCaller::begin(server.addr(), kind);
    if let Some(speaks) = speaks {
        call.speak(speaks);
    }
    call
}

fn a_file_is_played_at_the_rate_of_the_caller_up_to_16_khz(runtime: &str) {
    for hz in FILES {
        let directory = TempDir::new().unwrap();
        let path = file(&directory, hz);
        let kept = rate_of(if hz == 8_000 { 0x10 } else { 0x12 });
        let prompt = Prompt::from_samples(kept, read(&path, kept));
        let server = playing(runtime, &path, &[]);
        for (speaks, kind) in CALLERS {
            let mut call = begin(&server, speaks, kind);
            call.receive_to_the_end();
            let expected: Vec<_> = prompt.at(rate_of(kind)).samples().collect();
            assert_eq!(
                trimmed(&call.samples),
                trimmed(&expected),
                "{hz} {speaks:?}"
            );
            call.hang_up();
        }
        server.terminate();
    }
}

fn a_file_is_played_at_the_rate_that_the_user_names(runtime: &str) {
    for (hz, name, kind) in [
        (8_000, "slin", 0x10),
        (8_000, "slin24", 0x13),
        (16_000, "slin", 0x10),
        (24_000, "slin24", 0x13),
        (44_100, "slin44", 0x15),
        (48_000, "slin16", 0x12),
        (48_000, "slin48", 0x16),
    ] {
        let directory = TempDir::new().unwrap();
        let path = file(&directory, hz);
        let server = playing(runtime, &path, &["--rate", name]);
        for (speaks, _) in CALLERS {
            let mut call = begin_named(&server, speaks, kind);
            call.receive_to_the_end();
            let expected = read(&path, rate_of(kind));
            assert_eq!(
                trimmed(&call.samples),
                trimmed(&expected),
                "{hz} {name} {speaks:?}"
            );
            call.hang_up();
        }
        server.terminate();
    }
}

fn the_bot_answers_at_the_rate_of_the_caller_up_to_16_khz(runtime: &str) {
    let server = ServeProcess::run(bot(runtime, &[]), 1);
    let goodbye = Prompt::from_samples(SampleRate::Hz16000, spoken(GOODBYE));
    for (speaks, kind) in CALLERS {
        let call = begin(&server, speaks, kind);
        assert_says(call, &goodbye, rate_of(kind));
    }
    server.terminate();
}

fn the_bot_answers_at_the_rate_that_the_user_names(runtime: &str) {
    let goodbye = Prompt::from_samples(SampleRate::Hz16000, spoken(GOODBYE));
    let server = ServeProcess::run(bot(runtime, &["--rate", "slin16"]), 1);
    for (speaks, _) in CALLERS {
        let call = begin_named(&server, speaks, 0x12);
        assert_says(call, &goodbye, SampleRate::Hz16000);
    }
    server.terminate();
}

/// Asserts that the bot begins with its menu, and says goodbye after a star.
#[track_caller]
fn assert_says(mut call: ListeningCaller, goodbye: &Prompt, rate: SampleRate) {
    call.receive_sound(3);
    call.press("*");
    call.receive_to_the_end();
    // The first 5 ms contain the fade of the menu.
    let faded = rate.hz() as usize / 200;
    let goodbye: Vec<_> = goodbye.at(rate).samples().skip(faded).collect();
    assert!(call.has_received(&goodbye), "{rate}");
    call.hang_up();
}

fn a_call_that_ends_without_a_hangup_after_wide_audio_has_a_remedy_in_the_log(runtime: &str) {
    let directory = TempDir::new().unwrap();
    let path = file(&directory, 48_000);
    for (name, kind, has_remedy) in [("slin48", 0x16, true), ("slin16", 0x12, false)] {
        let server = playing(runtime, &path, &["--loop", "--rate", name]);
        let mut call = ListeningCaller::begin(server.addr(), kind);
        call.receive_sound(2);
        call.hang_up();
        let log = server.terminate();
        let ended = line(&log, &["call ended", "end=closed by the peer"]);
        assert!(ended.contains(&format!("rate_out={name}")), "{ended}");
        assert_eq!(ended.contains("omit --rate"), has_remedy, "{ended}");
    }
    // A call that the server hangs up.
    let server = playing(runtime, &path, &["--rate", "slin48"]);
    let mut call = ListeningCaller::begin(server.addr(), 0x16);
    call.receive_to_the_end();
    call.hang_up();
    let log = server.terminate();
    assert!(!log.contains("remedy"), "{log}");
}
