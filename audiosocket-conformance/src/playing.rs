//! The orders about the playout: a word and numbers.

use audiosocket_proto::{Audio, SendError};
use audiosocket_server::Call;

use crate::frames::speech;

/// Carries out an order about the playout, at the rate of `audio`. Returns false if `audio` is no such order.
///
/// | `audio` | effect |
/// |---|---|
/// | `play 500 7` | plays 507 bytes of [speech], in a piece of 500 and one of 7 |
/// | `mark 1 2` | sets these marks |
/// | `clear` | clears, and notes the number of samples |
/// | `pause` | pauses the playout |
/// | `resume` | resumes it |
/// | `replace 500` | plays 10,001 bytes, sets mark 99, clears both, and plays 500 bytes |
/// | `play-and-end 500` | plays 500 bytes, hangs up after them, and notes that more audio is refused |
pub(crate) fn obey(
    call: &mut Call<'_>,
    audio: Audio<'_>,
    note_line: impl Fn(&Call<'_>, String),
) -> bool {
    let Ok(text) = str::from_utf8(audio.payload()) else {
        return false;
    };
    let mut words = text.split(' ');
    let word = words.next();
    let mut numbers = words.map_while(|word| word.parse::<usize>().ok());
    let clear = |call: &mut Call<'_>| {
        let samples = call.clear().samples;
        note_line(call, format!("{samples} samples cleared"));
    };
    let play = |call: &mut Call<'_>, slin: Vec<u8>| {
        let result = call.try_play((audio.rate(), slin));
        note(call, result, &note_line);
    };
    match word {
        Some("play") => {
            let lens: Vec<_> = numbers.collect();
            let all = speech(lens.iter().sum());
            let mut rest = &all[..];
            for len in lens {
                let (piece, after) = rest.split_at(len);
                play(call, piece.to_vec());
                rest = after;
            }
        }
        Some("mark") => {
            for mark in numbers {
                let result = call.mark(mark as u64);
                note(call, result, &note_line);
            }
        }
        Some("clear") => clear(call),
        Some("pause") => call.pause(),
        Some("resume") => call.resume(),
        Some("replace") => {
            play(call, vec![0x55; 10_001]);
            let result = call.mark(99);
            note(call, result, &note_line);
            clear(call);
            play(call, speech(numbers.next().unwrap()));
        }
        Some("play-and-end") => {
            let len = numbers.next().unwrap();
            play(call, speech(len));
            call.hangup_after_playout();
            play(call, speech(len));
        }
        _ => return false,
    }
    true
}

/// Notes the error if audio was not played.
pub(crate) fn note(
    call: &Call<'_>,
    result: Result<(), SendError>,
    note_line: impl Fn(&Call<'_>, String),
) {
    if let Err(error) = result {
        note_line(call, format!("not played: {error}"));
    }
}
