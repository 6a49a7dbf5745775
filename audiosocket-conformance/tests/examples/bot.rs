use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;

use crate::caller::Caller;
use crate::program;
use crate::sound::{Sound, groups, noise, sounds};

in_each_adapter!(
    the_greeting_is_heard_whole
    who_interrupts_is_answered
    a_key_says_goodbye
);

/// Though it is longer than what may be queued.
fn the_greeting_is_heard_whole(prefix: &str) {
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    let words = words_after(&program.wait_for_line(": bot: ").unwrap(), ": bot: ");
    assert!(words * 250 > 6_000, "no longer than what may be queued");
    // Until it is silent for a second.
    caller.listen_until(|heard| is_silent_for(heard, 1_000));
    let heard = sounds(&caller.heard);
    assert_eq!(heard.len(), words, "{heard:?}");
    assert!(heard.iter().all(is_a_word), "{heard:?}");
}

fn who_interrupts_is_answered(prefix: &str) {
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz16000);
    let greeting = words_after(&program.wait_for_line(": bot: ").unwrap(), ": bot: ");
    caller.listen_until(|heard| !sounds(heard).is_empty());
    // Nothing follows it, as from a caller whose telephone does not send silence.
    caller.say(&noise(16_000 * 6 / 5, 1));
    program.wait_for_line("unheard").unwrap();
    let said = program.wait_for_line(": caller: ").unwrap();
    let spoken = said.split(' ').rev().nth(3).unwrap();
    let spoken: u32 = spoken.parse().unwrap();
    assert!((1_150..3_000).contains(&spoken), "{said}");
    let answer = words_after(&program.wait_for_line(": bot: ").unwrap(), ": bot: ");

    // The pause of the caller is longer than that between two words of the bot.
    caller.listen_until(|heard| {
        let sounds = sounds(heard);
        let groups = groups(&sounds, 250);
        groups
            .iter()
            .skip(1)
            .map(|group| group.len())
            .sum::<usize>()
            == answer
            && is_silent_for(heard, 500)
    });
    assert_eq!(caller.heard_at, Some(SampleRate::Hz16000));
    let heard = sounds(&caller.heard);
    let interrupted = groups(&heard, 250)[0].len();
    assert!(interrupted < greeting, "{heard:?}");
    assert!(heard[interrupted..].iter().all(is_a_word), "{heard:?}");
}

fn a_key_says_goodbye(prefix: &str) {
    let program = program::start(&format!("{prefix}bot"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    // Any other silences it.
    caller.press("5");
    program.wait_for_line("unheard").unwrap();
    caller.listen_until(|heard| is_silent_for(heard, 500));
    let interrupted = sounds(&caller.heard).len();
    caller.press("#");
    let heard = sounds(&caller.listen_to_the_end());
    assert_eq!(heard.len(), interrupted + 1, "{heard:?}");
    assert!(is_a_word(&heard[interrupted]), "{heard:?}");

    // One who hangs up on it is missed.
    let caller = Caller::call(program.addr(), Uuid::from_u128(2), SampleRate::Hz8000);
    caller.hang_up();
    program.wait_for_line(": closed by the peer").unwrap();
}

fn is_a_word(sound: &Sound) -> bool {
    (sound.ms, sound.hz) == (150, 600)
}

/// Whether there was a sound, and then silence of so many milliseconds.
fn is_silent_for(heard: &[i16], ms: usize) -> bool {
    let last = sounds(heard).last().copied();
    last.is_some_and(|last| heard.len() / 8 > last.end() + ms)
}

fn words_after(line: &str, mark: &str) -> usize {
    let (_, text) = line.split_once(mark).unwrap();
    text.split_whitespace().count()
}
