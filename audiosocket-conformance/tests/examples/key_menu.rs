use audiosocket_media::SampleRate;
use audiosocket_media::wav::WavWriter;
use audiosocket_proto::Uuid;
use audiosocket_testing::process::Process;

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::{Sound, is_a_word, is_silent_for, sounds, tone};

#[test]
fn a_key_stops_the_menu_and_the_server_says_the_number_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("menu.wav");
    let mut wav = WavWriter::create(&path, SampleRate::Hz8000).unwrap();
    wav.write(&tone(300, 30_000)).unwrap();
    wav.finish().unwrap();

    let program = program::start("key_menu", &[path.to_str().unwrap()]);
    let mut caller = call(&program);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    caller.press("1");
    // "Enter your number": the first word follows the menu without a pause.
    caller.listen_until(|heard| words(&sounds(heard)) == 2 && is_silent_for(heard, 500));
    caller.press("30#");
    let heard = sounds(&caller.listen_to_the_end());
    // "You entered 3 0"
    assert_eq!(words(&heard), 2 + 4, "{heard:?}");
    let longest = heard.iter().map(|sound| sound.ms).max();
    assert!(longest < Some(15_000), "the menu went on: {heard:?}");
    program.wait_for_line("entered \"30\"").unwrap();
}

#[test]
fn keys_may_come_before_the_questions() {
    let program = program::start("key_menu", &[]);
    let mut caller = call(&program);
    caller.press("11234");
    let heard = sounds(&caller.listen_to_the_end());
    assert!(words(&heard) >= 6, "{heard:?}");
    program.wait_for_line("entered \"1234\"").unwrap();
}

#[test]
fn a_pause_ends_the_number() {
    let program = program::start("key_menu", &[]);
    let mut caller = call(&program);
    caller.press("14");
    caller.listen_to_the_end();
    program.wait_for_line("entered \"4\"").unwrap();
}

#[test]
fn after_a_wrong_key_the_caller_can_choose_again() {
    let program = program::start("key_menu", &[]);
    let mut caller = call(&program);
    caller.press("9");
    // "Wrong key"
    caller.listen_until(|heard| words(&sounds(heard)) >= 2);
    caller.press("2");
    // "We are open from nine to five"
    let heard = sounds(&caller.listen_to_the_end());
    assert!(heard.iter().rev().take(7).all(is_a_word), "{heard:?}");
    assert_eq!(program.count_lines("chose nothing"), 0);
}

#[test]
fn a_caller_without_keys_hears_the_menu_three_times() {
    let program = program::start("key_menu", &[]);
    let mut caller = call(&program);
    // Speech is not a key.
    caller.say(&tone(1_000, 3_000));
    let heard = sounds(&caller.listen_to_the_end());
    // The menu has 11 words, the goodbye has one.
    assert_eq!(words(&heard), 3 * 11 + 1, "{heard:?}");
    program.wait_for_line("chose nothing").unwrap();
}

fn call(program: &Process) -> Caller {
    Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000)
}

/// The number of whole words that the server said.
fn words(heard: &[Sound]) -> usize {
    heard.iter().filter(|sound| is_a_word(sound)).count()
}
