use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::{is_a_word, is_silent_for, noise, sounds, words_after};

in_each_adapter!(
    the_caller_hears_the_whole_greeting
    speech_interrupts_the_bot_and_gets_an_answer
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
    caller.say(&noise(16_000 * 6 / 5, 1));
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
