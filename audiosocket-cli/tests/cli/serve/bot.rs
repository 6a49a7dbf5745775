//! `audiosocket serve bot`, with a stand-in for espeak-ng; or with the espeak-ng that is installed,
//! if AUDIOSOCKET_TEST_ESPEAK is set, as CI does.

use std::process::Command;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use tempfile::TempDir;

use crate::heard::{ListeningCaller, slin};
use crate::process::{ServeProcess, audiosocket, line, text};

const MENU: &str = "Please enter up to 8 digits, followed by the hash key. To hang up, press star.";
const MORE: &str = "Please enter more digits, or press star to hang up.";
const NOTHING: &str = "I have no digits.";
const GOODBYE: &str = "Goodbye.";

/// The kind of slin16.
const KIND: u8 = 0x12;

/// Where the espeak-ng is that is tested with.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap();
    if std::env::var_os("AUDIOSOCKET_TEST_ESPEAK").is_some() {
        return path;
    }
    format!("{}/tests/stand-ins:{path}", env!("CARGO_MANIFEST_DIR"))
}

/// What espeak-ng makes of `text`.
#[track_caller]
fn spoken(text: &str) -> Vec<i16> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("speech.wav");
    let status = Command::new("espeak-ng")
        .arg("-w")
        .arg(&path)
        .arg(text)
        .env("PATH", search_path())
        .status();
    assert!(status.expect("espeak-ng is installed").success());
    AudioReader::open(&path)
        .unwrap()
        .read_all(SampleRate::Hz16000, Duration::from_secs(60))
        .unwrap()
}

fn bot(runtime: &str, args: &[&str]) -> Command {
    let server = ["serve", "bot", "--runtime", runtime];
    let mut command = audiosocket(server.into_iter().chain(args.iter().copied()));
    command.env("PATH", search_path());
    command
}

/// Waits until the caller has heard that the bot read back `digits`.
fn hear_read_back(call: &mut ListeningCaller, digits: &str) {
    call.hear_all_of(&spoken("You entered"));
    for digit in digits.chars() {
        call.hear_all_of(&spoken(&digit.to_string()));
    }
}

on_every_runtime! {
    the_bot_asks_for_digits_repeats_them_and_ends_the_call_at_a_star,
    keys_and_speech_interrupt_the_bot,
    a_caller_who_presses_no_key_is_asked_again,
}

fn the_bot_asks_for_digits_repeats_them_and_ends_the_call_at_a_star(runtime: &str) {
    let server = ServeProcess::run(bot(runtime, &["--timeout", "1m"]), 1);
    let mut call = ListeningCaller::begin(server.addr(), KIND);
    call.hear_all_of(&spoken(MENU));
    // Only a # ends an entry that is shorter than eight digits.
    call.press("12D3#");
    hear_read_back(&mut call, "123");
    call.hear_all_of(&spoken(MORE));
    call.press("87654321");
    hear_read_back(&mut call, "87654321");
    call.forget();
    call.press("*");
    call.hear_to_the_end();
    assert!(call.has_heard(&spoken(GOODBYE)));
    call.hang_up();
    let log = server.terminate();
    line(
        &log,
        &["call ended", "end=hung up by this side", "exceptions=0"],
    );
    assert!(!log.contains("WARN"), "{log}");
}

fn keys_and_speech_interrupt_the_bot(runtime: &str) {
    let server = ServeProcess::run(bot(runtime, &["--timeout", "1m"]), 1);
    let mut call = ListeningCaller::begin(server.addr(), KIND);
    call.hear_sound(10);
    call.press("1");
    call.hear_silence(75);
    assert!(!call.has_heard(&spoken(MENU)));

    call.forget();
    call.press("2345678");
    // The caller interrupts by speech.
    call.hear_sound(10);
    call.say(10, 8_000.0, slin);
    call.hear_silence(75);
    assert!(!call.has_heard(&spoken(MORE)));

    call.press("12345678");
    hear_read_back(&mut call, "12345678");
    call.hang_up();
    server.terminate();
}

fn a_caller_who_presses_no_key_is_asked_again(runtime: &str) {
    let server = ServeProcess::run(bot(runtime, &["--timeout", "100ms"]), 1);
    let mut call = ListeningCaller::begin(server.addr(), KIND);
    // A timeout ends an entry.
    call.press("7");
    hear_read_back(&mut call, "7");
    call.hear_all_of(&spoken(MORE));
    call.forget();
    call.hear_to_the_end();
    for prompt in [NOTHING, MENU, GOODBYE] {
        assert!(call.has_heard(&spoken(prompt)), "{prompt}");
    }
    call.hang_up();
    line(
        &server.terminate(),
        &["call ended", "end=hung up by this side"],
    );
}

#[test]
fn without_espeak_ng_the_program_ends_with_a_hint() {
    let mut command = bot("tokio", &["--listen", "127.0.0.1:0"]);
    let output = command.env("PATH", "/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("apt install espeak-ng"));
    assert_eq!(text(&output.stdout), "");

    let args = ["--listen", "127.0.0.1:0", "--voice", "none such"];
    let output = bot("tokio", &args).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("espeak-ng failed") && stderr.contains("voice"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");
}
