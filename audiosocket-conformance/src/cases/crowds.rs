//! Many connections.

use super::call;
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{audio, dtmf, uuid};
use crate::transcript::heard;

/// Fifty calls that talk in turns, each with words of its own.
pub(crate) fn calls_that_interleave(runner: &Runner) {
    let bench = Bench::new(runner);
    let name = |number: usize| format!("caller {number}");
    let words = |number: usize, round: usize| format!("{number}/{round} ").repeat(40).into_bytes();
    let mut lines: Vec<_> = (0..50).map(|number| bench.call(&name(number))).collect();
    for round in 0..10 {
        // All speak before any listens.
        for (number, line) in lines.iter_mut().enumerate() {
            line.send(&[audio(&words(number, round)), dtmf(b'#')].concat());
        }
        for (number, line) in lines.iter_mut().enumerate().rev() {
            line.expect(&audio(&words(number, round)));
        }
    }
    for (number, mut line) in lines.into_iter().enumerate() {
        line.half_close();
        line.expect_end();
        let told =
            (0..10).flat_map(|round| [heard("slin", &words(number, round)), "dtmf #".to_owned()]);
        let told: Vec<_> = told.collect();
        line.transcript(&call(&name(number), &told, "closed by the peer"));
    }
}

/// Frames of many calls, cut, with the pieces of all of them in between.
pub(crate) fn frames_that_interleave(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut lines: Vec<_> = (0..20).map(|_| bench.connect()).collect();
    let sent = |number: usize| {
        let words = format!("words of caller {number}");
        [uuid("echo"), audio(words.as_bytes())].concat()
    };
    for place in (0..48).step_by(5) {
        for (number, line) in lines.iter_mut().enumerate() {
            let bytes = sent(number);
            let end = bytes.len().min(place + 5);
            line.send(&bytes[place.min(end)..end]);
        }
    }
    for (number, line) in lines.iter_mut().enumerate() {
        line.expect(&sent(number)[19..]);
        line.half_close();
        line.expect_end();
        let words = format!("audio slin \"words of caller {number}\"");
        line.transcript(&call("echo", &[words], "closed by the peer"));
    }
}

/// Calls that end in every way, while others go on.
pub(crate) fn endings_that_interleave(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut lines: Vec<_> = (0..40).map(|_| bench.call("echo")).collect();
    for (number, line) in lines.iter_mut().enumerate() {
        match number % 4 {
            0 => line.send(&audio(b"panic")),
            1 => line.send(&audio(b"hangup")),
            2 => line.send(&[0x00, 0, 0]),
            _ => line.send(&audio(b"hello")),
        }
    }
    for (number, line) in lines.iter_mut().enumerate() {
        let (told, end): (&[&str], _) = match number % 4 {
            0 => {
                line.expect_hangup();
                let panicked = "exception: the handler panicked: \"told to\"";
                (&["audio slin \"panic\"", panicked], "handler panicked")
            }
            1 => {
                line.expect_hangup();
                (&["audio slin \"hangup\""], "hung up by this side")
            }
            2 => {
                line.expect_end();
                (&[], "hung up by the peer")
            }
            _ => {
                line.expect(&audio(b"hello"));
                line.close();
                (&["audio slin \"hello\""], "closed by the peer")
            }
        };
        line.transcript(&call("echo", told, end));
    }
}
