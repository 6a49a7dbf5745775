//! What audio tells the handler to play: a word, and numbers behind it.

use audiosocket_proto::{Audio, SendError};
use audiosocket_server::Call;

use crate::frames::speech;

/// Plays as `audio` says, at its rate, and answers nothing; false if it says nothing of that.
///
/// | `audio` | what happens |
/// |---|---|
/// | `play 500 7` | plays 507 bytes of [speech], in a piece of 500 and one of 7 |
/// | `mark 1 2` | sets these marks |
/// | `clear` | clears, and writes down how much that was |
/// | `replace 500` | plays something and a mark 99, clears that, and plays 500 bytes |
/// | `play-and-end 500` | plays 500 bytes and hangs up after them; more is refused |
pub(crate) fn obey(call: &mut Call<'_>, audio: Audio<'_>, write: impl Fn(String)) -> bool {
    let Ok(text) = str::from_utf8(audio.payload()) else {
        return false;
    };
    let mut words = text.split(' ');
    let word = words.next();
    let mut numbers = words.map_while(|word| word.parse::<usize>().ok());
    let clear = |call: &mut Call<'_>| {
        write(format!("{} samples cleared", call.clear().samples));
    };
    match word {
        Some("play") => {
            let lens: Vec<_> = numbers.collect();
            let all = speech(lens.iter().sum());
            let mut rest = &all[..];
            for len in lens {
                let (piece, after) = rest.split_at(len);
                note(call.play(audio.rate(), piece.to_vec()), &write);
                rest = after;
            }
        }
        Some("mark") => {
            for mark in numbers {
                note(call.mark(mark as u64), &write);
            }
        }
        Some("clear") => clear(call),
        Some("replace") => {
            note(call.play(audio.rate(), vec![0x55; 10_001]), &write);
            note(call.mark(99), &write);
            clear(call);
            let len = numbers.next().unwrap();
            note(call.play(audio.rate(), speech(len)), &write);
        }
        Some("play-and-end") => {
            let len = numbers.next().unwrap();
            note(call.play(audio.rate(), speech(len)), &write);
            call.hangup_after_playout();
            note(call.play(audio.rate(), speech(len)), &write);
        }
        _ => return false,
    }
    true
}

/// Writes down what was not played.
pub(crate) fn note(result: Result<(), SendError>, write: impl Fn(String)) {
    if let Err(error) = result {
        write(format!("not played: {error}"));
    }
}
