use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::tones::{Country, ToneName};
use audiosocket_media::vad::{EnergyOptions, EnergyVad};
use audiosocket_proto::Uuid;
use audiosocket_testing::load::synthesize_speech;
use audiosocket_testing::process::OutputStream;
use audiosocket_testing::sounds::{LineEcho, cough, door_slam};

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::{is_a_word, is_silent_for, sounds, words_after};

in_each_adapter!(
    the_caller_hears_the_whole_greeting
    speech_interrupts_the_bot_and_gets_an_answer
    sounds_that_are_no_speech_and_the_echo_of_the_bot_do_not_interrupt_it
    keys_interrupt_the_bot_and_end_the_call
    a_shutdown_ends_the_call_with_a_goodbye
);

fn the_caller_hears_the_whole_greeting(prefix: &str) {
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    let words = words_after(&program.wait_for_line(": bot: ").unwrap(), ": bot: ");
    caller.listen_until(|heard| is_silent_for(heard, 1_000));
    let heard = sounds(&caller.heard);
    assert_eq!(heard.len(), words, "{heard:?}");
    assert!(heard.iter().all(is_a_word), "{heard:?}");
}

fn speech_interrupts_the_bot_and_gets_an_answer(prefix: &str) {
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz16000);
    let greeting = words_after(&program.wait_for_line(": bot: ").unwrap(), ": bot: ");
    caller.listen_until(|heard| !sounds(heard).is_empty());
    // The caller then sends nothing, as a phone does that sends no silence.
    caller.say(&synthesize_speech(SampleRate::Hz16000)[..16_000 * 6 / 5]);
    program.wait_for_line("unheard").unwrap();
    let said = program.wait_for_line(": caller: ").unwrap();
    let spoken = said.split(' ').rev().nth(3).unwrap();
    let spoken: u32 = spoken.parse().unwrap();
    assert!((1_150..3_000).contains(&spoken), "{said}");
    let answer = words_after(&program.wait_for_line(": bot: ").unwrap(), ": bot: ");

    // The answer may follow the interrupted word without a pause.
    caller.listen_until(|heard| sounds(heard).len() >= answer && is_silent_for(heard, 1_000));
    assert_eq!(caller.heard_at, Some(SampleRate::Hz16000));
    let heard = sounds(&caller.heard);
    assert!(heard.len() < greeting, "{heard:?}");
    assert!(
        heard.iter().rev().take(answer - 1).all(is_a_word),
        "{heard:?}"
    );
}

/// A bot that trusts energy stops at each of these sounds.
fn sounds_that_are_no_speech_and_the_echo_of_the_bot_do_not_interrupt_it(prefix: &str) {
    let rate = SampleRate::Hz8000;
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), rate);
    caller.listen_until(|heard| !sounds(heard).is_empty());

    let ringback = Country::find("de").unwrap().tone(ToneName::Ringback);
    let ringback: Vec<i16> = ringback.audio(rate).samples().take(8_000).collect();
    let silence = vec![0; 4_000];
    for sound in [door_slam(rate), cough(rate), ringback] {
        assert!(is_loud(&sound));
        let said = [&silence[..], &sound].concat();
        let mut frames = said.chunks_exact(160);
        caller.converse(|_| frames.next().map(<[i16]>::to_vec));
    }
    let mut echo = LineEcho::new(rate, Duration::from_millis(150), -25.0);
    let (mut said, mut frames) = (Vec::new(), 0..100);
    caller.converse(|heard| {
        frames.next()?;
        said.push(echo.push(heard));
        said.last().cloned()
    });
    assert!(is_loud(&said.concat()));
    let printed = program.lines(OutputStream::Stdout);
    assert!(!printed.iter().any(|line| line.contains("unheard")));
    // Six seconds of the greeting, in which a sound can pause the bot.
    let words = sounds(&caller.heard);
    assert!(words.iter().filter(|word| is_a_word(word)).count() >= 12);

    let speech = synthesize_speech(rate);
    let mut frames = speech.chunks_exact(160);
    caller.converse(|_| frames.next().map(<[i16]>::to_vec));
    program.wait_for_line("unheard").unwrap();
}

/// Whether a detector that trusts energy takes `sound` for speech.
fn is_loud(sound: &[i16]) -> bool {
    let mut vad = EnergyVad::new(SampleRate::Hz8000, EnergyOptions::default());
    let mut events = Vec::new();
    vad.push(sound, &mut events);
    !events.is_empty()
}

fn keys_interrupt_the_bot_and_end_the_call(prefix: &str) {
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    // A key other than `#` stops the greeting.
    caller.press("5");
    program.wait_for_line("unheard").unwrap();
    caller.listen_until(|heard| is_silent_for(heard, 500));
    let interrupted = sounds(&caller.heard).len();
    caller.press("#");
    let heard = sounds(&caller.listen_to_the_end());
    assert_eq!(heard.len(), interrupted + 1, "{heard:?}");
    assert!(is_a_word(&heard[interrupted]), "{heard:?}");

    let caller = Caller::call(program.addr(), Uuid::from_u128(2), SampleRate::Hz8000);
    caller.hang_up();
    program.wait_for_line(": closed by the peer").unwrap();
}

fn a_shutdown_ends_the_call_with_a_goodbye(prefix: &str) {
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    // The key stops the greeting, so that the goodbye is a sound of its own.
    caller.press("5");
    caller.listen_until(|heard| is_silent_for(heard, 500));
    let words = sounds(&caller.heard).len();
    program::terminate(&program);
    program.wait_for_line(": bot: Goodbye").unwrap();
    let heard = sounds(&caller.listen_to_the_end());
    assert_eq!(heard.len(), words + 1, "{heard:?}");
    program::assert_ends(program);
}
