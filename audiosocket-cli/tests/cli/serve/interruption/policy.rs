//! `--barge-in=WHAT` and `--protect`: who may interrupt, and when.

use audiosocket_media::SampleRate;
use audiosocket_testing::load::synthesize_speech;
use tempfile::TempDir;

use super::playing;
use crate::listening::ListeningCaller;
use crate::process::ServeProcess;
use crate::serve::bot::{MENU, MORE, bot, receive_digits, spoken};
use crate::serve::play::{noise, wav_file};

/// How a caller interrupts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Speech,
    Key,
}

impl By {
    fn interrupt(self, call: &mut ListeningCaller) {
        match self {
            Self::Speech => call.send(&synthesize_speech(SampleRate::Hz8000)[..8_000]),
            Self::Key => call.press("5"),
        }
    }
}

#[test]
fn only_what_the_option_names_interrupts() {
    let directory = TempDir::new().unwrap();
    let file = wav_file(&directory, 8_000, 1, &noise(12_000));
    let file = file.as_path();
    std::thread::scope(|scope| {
        for (options, by, interrupts) in [
            (&["--barge-in=keys"][..], By::Speech, false),
            (&["--barge-in=keys"], By::Key, true),
            (&["--barge-in=speech"], By::Speech, true),
            (&["--barge-in=speech"], By::Key, false),
            (&["--barge-in=nothing"], By::Key, false),
            (&["--barge-in", "--protect", "1m"], By::Speech, false),
            (&["--barge-in", "--protect", "1m"], By::Key, false),
            (&["--barge-in", "--no-pause"], By::Speech, true),
        ] {
            scope.spawn(move || {
                let server = playing(file, options);
                let mut call = ListeningCaller::begin_speaking(server.addr(), 0x10, 0x10);
                call.receive_sound(5);
                by.interrupt(&mut call);
                if interrupts {
                    call.receive_silence(75);
                } else {
                    call.receive_to_the_end();
                }
                call.hang_up();
                let log = server.terminate();
                let is_interrupted = log.contains("interrupted");
                assert_eq!(is_interrupted, interrupts, "{options:?}, {by:?}: {log}");
                let pauses = log.contains("paused: ");
                assert!(!pauses || (interrupts && options.len() == 1), "{log}");
            });
        }
    });
}

#[test]
fn a_key_interrupts_when_the_protected_time_is_over() {
    let directory = TempDir::new().unwrap();
    let file = wav_file(&directory, 8_000, 1, &noise(8_000));
    let server = playing(&file, &["--loop", "--barge-in", "--protect", "1s"]);
    let mut call = ListeningCaller::begin_speaking(server.addr(), 0x10, 0x10);
    call.receive_sound(5);
    call.press("5");
    call.receive_sound(60);
    assert_eq!(server.logged("interrupted"), 0);
    call.press("5");
    call.receive_silence(75);
    call.hang_up();
    server.terminate();
}

#[test]
fn the_bot_takes_keys_after_a_prompt_that_they_do_not_interrupt() {
    let server = ServeProcess::run(
        bot("tokio", &["--key-timeout", "1m", "--barge-in=nothing"]),
        1,
    );
    let mut call = ListeningCaller::begin_speaking(server.addr(), 0x12, 0x12);
    call.receive_sound(10);
    call.press("8");
    call.receive_all_of(&spoken(MENU));
    call.receive_silence(5);
    call.press("15#");
    receive_digits(&mut call, "15");
    call.receive_all_of(&spoken(MORE));
    call.hang_up();
    server.terminate();
}
