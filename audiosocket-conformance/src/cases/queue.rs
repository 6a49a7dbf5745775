//! The queue of what waits to be sent, filled within one callback or one read, where nothing can
//! leave it meanwhile.

use super::{NOTHING, call, ends, survives};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio};

/// Room for three frames of 320 bytes and one of "many".
const ROOM: usize = 3 * 323 + 7;

const DROPPED: &str = "not sent: dropped, since the peer takes nothing";

/// Frames fit to the last byte of the bound; the next one is dropped, and the rest is sent.
pub(crate) fn the_bound_is_exact(runner: &Runner) {
    for (room, echoed) in [(ROOM, true), (ROOM - 1, false)] {
        let bench = Bench::with(runner, |session| session.max_unsent = room);
        let mut back: Vec<_> = (0..3).flat_map(|number| audio(&[number; 320])).collect();
        let mut told = vec![
            "audio slin \"many\"".to_owned(),
            format!("3 frames, then {DROPPED}"),
        ];
        if echoed {
            back.extend(audio(b"many"));
        } else {
            told.push(format!("exception: the answer was {DROPPED}"));
        }
        let mut line = bench.call("echo");
        line.send(&audio(b"many"));
        line.expect(&back);
        line.half_close();
        line.expect_end();
        line.transcript(&call("echo", &told, "closed by the peer"));
    }
}

/// A call that dropped frames goes on as if nothing had been, once the queue is empty; but they are
/// counted.
pub(crate) fn a_call_that_caught_up(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent = ROOM);
    let mut line = bench.call("echo");
    for _ in 0..3 {
        line.send(&audio(b"many"));
        let frames: Vec<_> = (0..3).flat_map(|number| audio(&[number; 320])).collect();
        line.expect(&[frames, audio(b"many")].concat());
    }
    line.send(&audio(b"stats"));
    line.expect(&audio(b"stats"));
    line.close();
    let dropped = format!("3 frames, then {DROPPED}");
    let mut told = ["audio slin \"many\"", &dropped].repeat(3);
    told.push("audio slin \"stats\"");
    told.push(
        "CallStats { frames_received: 5, audio_frames_received: 4, audio_bytes_received: 17, \
         audio_frames_sent: 12, audio_bytes_sent: 2892, frames_dropped: 3, \
         playout: PlayoutStats { frames: 0, late: 0, underruns: 0, silence: 0, samples_dropped: 0, depth: 0ns } }",
    );
    line.transcript(&call("echo", &told, "closed by the peer"));
}

/// A hangup goes out however full the queue is.
pub(crate) fn a_hangup_needs_no_room(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent = 0);
    let told = [
        "audio slin \"x\"",
        &format!("exception: the answer was {DROPPED}"),
        "audio slin \"y\"",
        "audio slin \"hangup\"",
    ];
    let sent = [audio(b"x"), audio(b"y"), audio(b"hangup")].concat();
    ends(
        &bench,
        "echo",
        &sent,
        &HANGUP,
        &told,
        "hung up by this side",
    );
    drop(bench);
    let bench = Bench::new(runner);
    survives(&bench, "echo", b"", b"", &NOTHING);
}
