use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;
use audiosocket_testing::process::{OutputStream, Process};

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::{is_silent_for, noise, sounds, words_after};

/// The number of sentences of an answer.
const SENTENCES: usize = 4;

#[test]
fn the_caller_hears_the_whole_answer() {
    let program = program::start("thinking", &[]);
    let mut caller = ask(&program, SampleRate::Hz16000);
    hear_an_answer(&program, &mut caller, 0);
    assert_eq!(caller.heard_at, Some(SampleRate::Hz16000));
}

/// The tone is too quiet to be a sound of the answer.
#[test]
fn a_quiet_tone_fills_the_time_until_the_answer() {
    let program = program::start("thinking", &[]);
    let mut caller = ask(&program, SampleRate::Hz8000);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    let first = sounds(&caller.heard)[0].at * 8;
    let before = &caller.heard[..first];
    // Half of 500 ms: the tone begins when the caller's pause is found.
    let tone = before.iter().filter(|sample| sample.unsigned_abs() > 50);
    assert!(
        tone.count() > 1_000,
        "{} samples before the answer",
        before.len()
    );
    caller.listen_until(|heard| is_silent_for(heard, 400));
    let last = &caller.heard[caller.heard.len() - 1_600..];
    assert_eq!(last, [0; 1_600], "the tone ends with the first sentence");
}

#[test]
fn a_key_cancels_the_answer() {
    let program = program::start("thinking", &[]);
    let mut caller = ask(&program, SampleRate::Hz8000);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    caller.press("1");
    program.wait_for_line(": answer cancelled, ").unwrap();
    let sentences = program.count_lines(": bot: ");
    // Longer than the time between two sentences.
    let until = caller.heard.len() + 2 * 8_000;
    caller.listen_until(|heard| heard.len() > until && is_silent_for(heard, 1_000));
    assert_eq!(program.count_lines(": bot: "), sentences);
}

#[test]
fn new_speech_cancels_the_answer_and_gets_its_own() {
    let program = program::start("thinking", &[]);
    let mut caller = ask(&program, SampleRate::Hz8000);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    caller.say(&noise(8_000, 2));
    program.wait_for_line(": answer cancelled, ").unwrap();
    caller.listen_until(|heard| is_silent_for(heard, 500));
    let sentences = program.count_lines(": bot: ");
    caller.say(&[0; 8_000]);
    program.wait_for_line(": thinking").unwrap();
    caller.heard.clear();
    hear_an_answer(&program, &mut caller, sentences);
}

#[test]
fn the_end_of_the_call_cancels_the_answer() {
    let program = program::start("thinking", &[]);
    let caller = ask(&program, SampleRate::Hz8000);
    caller.hang_up();
    program.wait_for_line(": closed by the peer").unwrap();
    program::terminate(&program);
    program::assert_ends(program);
}

/// Places a call and speaks for a second.
fn ask(program: &Process, rate: SampleRate) -> Caller {
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), rate);
    caller.say(&noise(rate.hz() as usize, 1));
    caller.say(&vec![0; rate.hz() as usize]);
    program.wait_for_line(": thinking").unwrap();
    caller
}

/// Listens to one answer: each of its words is a beep. `before` is the number of sentences before it.
fn hear_an_answer(program: &Process, caller: &mut Caller, before: usize) {
    program
        .wait_for_lines(before + SENTENCES, ": bot: ")
        .unwrap();
    let sentences = program.lines(OutputStream::Stdout);
    let sentences = sentences.iter().filter(|line| line.contains(": bot: "));
    let words: usize = sentences
        .skip(before)
        .map(|line| words_after(line, ": bot: "))
        .sum();
    caller.listen_until(|heard| sounds(heard).len() >= words && is_silent_for(heard, 1_000));
    let heard = sounds(&caller.heard);
    assert_eq!(heard.len(), words, "{heard:?}");
}
