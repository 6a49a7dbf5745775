//! The orders about the playout: a word, and numbers behind it.

use audiosocket_proto::{Audio, SendError};
use audiosocket_server::Call;

use crate::frames::speech;

/// Plays as `audio` says, at its rate, and answers nothing. Returns false if it is no such order.
///
/// | `audio` | what happens |
/// |---|---|
/// | `play 500 7` | plays 507 bytes of [speech], in a piece of 500 and one of 7 |
/// | `mark 1 2` | sets these marks |
/// | `clear` | clears, and notes how much that was |
/// | `replace 500` | plays something and a mark 99, clears that, and plays 500 bytes |
/// | `play-and-end 500` | plays 500 bytes and hangs up after them; more is refused |
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
    match word {
        Some("play") => {
            let lens: Vec<_> = numbers.collect();
            let all = speech(lens.iter().sum());
            let mut rest = &all[..];
            for len in lens {
                let (piece, after) = rest.split_at(len);
                let result = call.try_play((audio.rate(), piece.to_vec()));
                note(call, result, &note_line);
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
        Some("replace") => {
            let result = call.try_play((audio.rate(), vec![0x55; 10_001]));
            note(call, result, &note_line);
            let result = call.mark(99);
            note(call, result, &note_line);
            clear(call);
            let len = numbers.next().unwrap();
            let result = call.try_play((audio.rate(), speech(len)));
            note(call, result, &note_line);
        }
        Some("play-and-end") => {
            let len = numbers.next().unwrap();
            let result = call.try_play((audio.rate(), speech(len)));
            note(call, result, &note_line);
            call.hangup_after_playout();
            let result = call.try_play((audio.rate(), speech(len)));
            note(call, result, &note_line);
        }
        _ => return false,
    }
    true
}

/// Notes what was not played.
pub(crate) fn note(
    call: &Call<'_>,
    result: Result<(), SendError>,
    note_line: impl Fn(&Call<'_>, String),
) {
    if let Err(error) = result {
        note_line(call, format!("not played: {error}"));
    }
}
