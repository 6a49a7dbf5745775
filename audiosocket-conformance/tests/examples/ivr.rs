use audiosocket_media::SampleRate;
use audiosocket_media::wav::WavWriter;
use audiosocket_proto::Uuid;

use crate::caller::Caller;
use crate::program;
use crate::sound::{Sound, groups, sounds, tone};

in_each_adapter!(
    a_key_silences_the_menu_and_a_number_is_said_back
    keys_may_come_before_the_questions
    a_number_also_ends_by_waiting
    who_presses_nothing_hears_the_menu_three_times
);

fn a_key_silences_the_menu_and_a_number_is_said_back(prefix: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("menu.wav");
    let mut wav = WavWriter::create(&path, SampleRate::Hz8000).unwrap();
    wav.write(&tone(300, 30_000)).unwrap();
    wav.finish().unwrap();

    let program = program::start(&format!("{prefix}ivr"), &[path.to_str().unwrap()]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    caller.listen_until(|heard| !sounds(heard).is_empty());
    caller.press("1");
    let asked = |heard: &[i16]| {
        sounds(&heard[heard.len().saturating_sub(800)..])
            .last()
            .is_some_and(|sound| sound.hz == 660)
    };
    caller.listen_until(asked);
    caller.press("30#");
    let heard = sounds(&caller.listen_to_the_end());
    let back = said_back(&heard);
    assert_eq!(back, [3, 10], "{heard:?}");
    let before = &heard[..heard.len() - 13];
    let rest: usize = before.iter().map(|sound| sound.ms).sum();
    assert!(rest < 15_000, "the menu went on: {heard:?}");
    program.wait_for_line("entered \"30\"").unwrap();
}

fn keys_may_come_before_the_questions(prefix: &str) {
    let program = program::start(&format!("{prefix}ivr"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz16000);
    caller.press("11234");
    let heard = sounds(&caller.listen_to_the_end());
    assert_eq!(said_back(&heard), [1, 2, 3, 4], "{heard:?}");
    program.wait_for_line("entered \"1234\"").unwrap();

    let mut caller = Caller::call(program.addr(), Uuid::from_u128(2), SampleRate::Hz8000);
    caller.press("92");
    let heard = sounds(&caller.listen_to_the_end());
    // Three tones of 300 ms without a pause, perhaps after a frame of the menu.
    let tune = heard.last().unwrap().ms;
    assert!((900..1_000).contains(&tune), "{heard:?}");
}

fn a_number_also_ends_by_waiting(prefix: &str) {
    let program = program::start(&format!("{prefix}ivr"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    caller.press("14");
    let heard = sounds(&caller.listen_to_the_end());
    assert_eq!(said_back(&heard), [4], "{heard:?}");
    program.wait_for_line("entered \"4\"").unwrap();
}

fn who_presses_nothing_hears_the_menu_three_times(prefix: &str) {
    let program = program::start(&format!("{prefix}ivr"), &[]);
    let mut caller = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    // Who talks to it has pressed nothing.
    caller.say(&tone(1_000, 3_000));
    let heard = sounds(&caller.listen_to_the_end());
    let heard: Vec<_> = heard.iter().map(|sound| (sound.ms, sound.hz)).collect();
    assert_eq!(
        heard,
        [(2_000, 440), (2_000, 440), (2_000, 440), (500, 220)]
    );
    program.wait_for_line("chose nothing").unwrap();
}

/// The digits that were said by beeps at the end, 0 as ten.
fn said_back(heard: &[Sound]) -> Vec<usize> {
    let others = heard
        .iter()
        .rposition(|sound| (sound.hz, sound.ms) != (880, 100));
    let beeps = &heard[others.map_or(0, |at| at + 1)..];
    groups(beeps, 300).iter().map(|digit| digit.len()).collect()
}
