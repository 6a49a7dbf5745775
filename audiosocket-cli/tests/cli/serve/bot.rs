//! `audiosocket serve bot` with a stand-in for espeak-ng. With AUDIOSOCKET_TEST_ESPEAK in the environment, as in CI, it is the
//! installed espeak-ng.

use std::process::Command;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use audiosocket_testing::load::synthesize_speech;
use tempfile::TempDir;

use crate::call::scenario::of_the_guide;
use crate::listening::ListeningCaller;
use crate::process::{ServeProcess, audiosocket, call, line, text};

pub(super) const MENU: &str =
    "Please enter up to 8 digits, followed by the hash key. To hang up, press star.";
pub(super) const MORE: &str = "Please enter more digits, or press star to hang up.";
const NOTHING: &str = "I have no digits.";
pub(super) const GOODBYE: &str = "Goodbye.";

/// The kind of slin16.
const KIND: u8 = 0x12;

/// Returns the PATH with the espeak-ng of the tests.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap();
    if std::env::var_os("AUDIOSOCKET_TEST_ESPEAK").is_some() {
        return path;
    }
    format!("{}/tests/stand-ins:{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the speech of `text` at 16 kHz.
#[track_caller]
pub(super) fn spoken(text: &str) -> Vec<i16> {
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

pub(super) fn bot(runtime: &str, args: &[&str]) -> Command {
    let server = ["serve", "bot", "--runtime", runtime];
    let mut command = audiosocket(server.into_iter().chain(args.iter().copied()));
    command.env("PATH", search_path());
    command
}

/// Receives audio until the bot has repeated `digits`.
pub(super) fn receive_digits(call: &mut ListeningCaller, digits: &str) {
    call.receive_all_of(&spoken("You entered"));
    for digit in digits.chars() {
        call.receive_all_of(&spoken(&digit.to_string()));
    }
}

on_every_runtime! {
    the_bot_asks_for_digits_repeats_them_and_ends_the_call_at_a_star,
    keys_and_speech_interrupt_the_bot,
    the_bot_asks_again_if_the_caller_presses_no_key,
}

fn the_bot_asks_for_digits_repeats_them_and_ends_the_call_at_a_star(runtime: &str) {
    let server = ServeProcess::run(bot(runtime, &["--key-timeout", "1m"]), 1);
    let mut call = ListeningCaller::begin_speaking(server.addr(), KIND, KIND);
    call.receive_all_of(&spoken(MENU));
    // A # ends an entry of fewer than eight digits.
    call.press("12D3#");
    receive_digits(&mut call, "123");
    call.receive_all_of(&spoken(MORE));
    call.press("87654321");
    receive_digits(&mut call, "87654321");
    call.forget();
    call.press("*");
    call.receive_to_the_end();
    // The first 5 ms, at 16 kHz, contain the fade of the interrupted prompt.
    assert!(call.has_received(&spoken(GOODBYE)[80..]));
    call.hang_up();
    let log = server.terminate();
    line(
        &log,
        &["call ended", "end=hung up by this side", "exceptions=0"],
    );
    assert!(!log.contains("WARN"), "{log}");
}

fn keys_and_speech_interrupt_the_bot(runtime: &str) {
    let server = ServeProcess::run(bot(runtime, &["--key-timeout", "1m"]), 1);
    let mut call = ListeningCaller::begin_speaking(server.addr(), KIND, KIND);
    call.receive_sound(10);
    call.press("1");
    call.receive_silence(75);
    assert!(!call.has_received(&spoken(MENU)));

    call.forget();
    call.press("2345678");
    // The caller interrupts by speech.
    call.receive_sound(10);
    call.send(&synthesize_speech(SampleRate::Hz16000)[..16_000]);
    call.receive_silence(75);
    assert!(!call.has_received(&spoken(MORE)));

    call.press("12345678");
    receive_digits(&mut call, "12345678");
    call.hang_up();
    server.terminate();
}

fn the_bot_asks_again_if_the_caller_presses_no_key(runtime: &str) {
    let server = ServeProcess::run(bot(runtime, &["--key-timeout", "100ms"]), 1);
    let mut call = ListeningCaller::begin_speaking(server.addr(), KIND, KIND);
    // A timeout ends an entry.
    call.press("7");
    receive_digits(&mut call, "7");
    call.receive_all_of(&spoken(MORE));
    call.forget();
    call.receive_to_the_end();
    for prompt in [NOTHING, MENU, GOODBYE] {
        assert!(call.has_received(&spoken(prompt)), "{prompt}");
    }
    call.hang_up();
    line(
        &server.terminate(),
        &["call ended", "end=hung up by this side"],
    );
}

#[test]
fn the_bot_has_the_dialogue_of_the_guide() {
    let server = ServeProcess::run(bot("tokio", &[]), 1);
    let directory = TempDir::new().unwrap();
    let scenario = of_the_guide(&directory, "the bot repeats digits and says goodbye");
    let report = call(server.addr(), &["--scenario", &scenario]);
    assert_eq!(report.code, 0, "{}", report.figures);
    assert_eq!(report.count("/hangups/server"), 1);
    assert_eq!(report.count("/digits_sent"), 5);
    let steps = report.figures["each_call"][0]["steps"].as_array();
    assert_eq!(steps.unwrap().len(), 9);
    let log = server.terminate();
    line(&log, &["call ended", "end=hung up by this side"]);
}

#[test]
fn an_unknown_voice_is_an_error_with_a_remedy() {
    let args = ["--listen", "127.0.0.1:0", "--voice", "none such"];
    let output = bot("tokio", &args).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("espeak-ng failed with --voice \"none such\"")
            && stderr.contains("--voices"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");
}
