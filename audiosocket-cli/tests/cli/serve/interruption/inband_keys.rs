//! Keys whose tones are in the caller's audio.

use audiosocket_media::SampleRate;
use audiosocket_media::dtmf::{DtmfToneOptions, dtmf_tones};
use tempfile::TempDir;

use super::playing;
use crate::listening::ListeningCaller;
use crate::process::{ServeProcess, args, call, line};
use crate::serve::bot::{GOODBYE, MENU, MORE, bot, receive_digits, spoken};
use crate::serve::play::{noise, wav_file};

/// The kind of slin16, and its rate.
const WIDE: (u8, SampleRate) = (0x12, SampleRate::Hz16000);

fn tones(keys: &str, rate: SampleRate, options: DtmfToneOptions) -> Vec<i16> {
    dtmf_tones(keys, rate, options).unwrap().samples().collect()
}

#[test]
fn the_bot_takes_tones_and_frames_and_counts_each_press_once() {
    let server = ServeProcess::run(bot("tokio", &["--key-timeout", "1m"]), 1);
    let mut call = ListeningCaller::begin_speaking(server.addr(), WIDE.0, WIDE.0);
    let press = |call: &mut ListeningCaller, keys: &str| {
        call.send(&tones(keys, WIDE.1, DtmfToneOptions::default()));
    };
    // Digits that interrupt a prompt would begin with its fade.
    call.receive_all_of(&spoken(MENU));
    press(&mut call, "113#");
    receive_digits(&mut call, "113");
    call.receive_all_of(&spoken(MORE));
    // Each press comes both ways.
    for key in ["2", "2", "4", "#"] {
        press(&mut call, key);
        call.press(key);
    }
    receive_digits(&mut call, "224");
    call.forget();
    press(&mut call, "*");
    call.receive_to_the_end();
    // The first 5 ms, at 16 kHz, contain the fade of the interrupted prompt.
    assert!(call.has_received(&spoken(GOODBYE)[80..]));
    call.hang_up();
    server.terminate();
}

#[test]
fn a_caller_of_an_asterisk_without_frames_of_keys_leaves_the_bot_with_a_star() {
    let server = ServeProcess::run(bot("tokio", &["--key-timeout", "1m"]), 1);
    let caller =
        "--asterisk 20.12 --inband-keys --dtmf-at 300ms:7* --duration 30s --require-hangup";
    let report = call(server.addr(), &args(caller));
    assert_eq!(report.code, 0, "{}", report.figures);
    let log = server.terminate();
    line(&log, &["call ended", "end=hung up by this side"]);
}

/// Tones that are too quiet for speech.
fn quiet_key(rate: SampleRate) -> Vec<i16> {
    tones("5", rate, DtmfToneOptions::default().levels(-39.0, -39.0))
}

#[test]
fn quiet_tones_interrupt_a_file_unless_only_frames_are_keys() {
    let directory = TempDir::new().unwrap();
    let file = wav_file(&directory, 8_000, 1, &noise(16_000));
    for (options, interrupts) in [
        (&["--barge-in"][..], true),
        (&["--barge-in", "--no-inband-keys"], false),
        (&[], false),
    ] {
        let server = playing(&file, options);
        let mut call = ListeningCaller::begin_speaking(server.addr(), 0x10, 0x10);
        call.receive_sound(10);
        call.send(&quiet_key(SampleRate::Hz8000));
        if interrupts {
            call.receive_silence(50);
        } else {
            call.receive_to_the_end();
        }
        call.hang_up();
        let log = server.terminate();
        assert_eq!(
            log.contains("interrupted"),
            interrupts,
            "{options:?}: {log}"
        );
    }
}
