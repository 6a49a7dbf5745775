//! A panic ends its own call, is told, and reaches nobody else.

use super::{NOTHING, call, ends};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf, frame};

/// A panic in `on_audio`, with each kind of thing that can be panicked with: text, other text,
/// something else, and something that panics again when it is dropped.
pub(crate) fn while_audio_is_answered(runner: &Runner) {
    let bench = Bench::new(runner);
    for (order, message) in [
        ("panic", "told to"),
        ("panic-string", "told to"),
        ("panic-other", "(no message)"),
        ("panic-panic", "(no message)"),
    ] {
        let told = [
            format!("audio slin \"{order}\""),
            format!("exception: the handler panicked: {message:?}"),
        ];
        ends(
            &bench,
            "echo",
            &audio(order.as_bytes()),
            &HANGUP,
            &told,
            "handler panicked",
        );
    }
}

/// What was answered before the panic is still sent.
pub(crate) fn after_an_answer(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [audio(b"before"), audio(b"panic")].concat();
    let back = [audio(b"before"), HANGUP.to_vec()].concat();
    let told = [
        "audio slin \"before\"",
        "audio slin \"panic\"",
        "exception: the handler panicked: \"told to\"",
    ];
    ends(&bench, "echo", &sent, &back, &told, "handler panicked");
}

/// A panic in `on_start`.
pub(crate) fn at_the_start(runner: &Runner) {
    let bench = Bench::new(runner);
    let told = ["exception: the handler panicked: \"start\""];
    ends(
        &bench,
        "panic in start",
        b"",
        &HANGUP,
        &told,
        "handler panicked",
    );
}

/// A panic in `on_dtmf` and in `on_ignored`.
pub(crate) fn at_other_frames(runner: &Runner) {
    let bench = Bench::new(runner);
    let told = ["dtmf 1", "exception: the handler panicked: \"dtmf\""];
    ends(
        &bench,
        "panic in dtmf",
        &dtmf(b'1'),
        &HANGUP,
        &told,
        "handler panicked",
    );
    let told = [
        "ignored 0x7f \"\"",
        "exception: the handler panicked: \"ignored\"",
    ];
    let sent = frame(0x7f, b"");
    ends(
        &bench,
        "panic in ignored",
        &sent,
        &HANGUP,
        &told,
        "handler panicked",
    );
}

/// A panic in `on_exception` is told to `on_exception`, which panics again, and the end is told
/// all the same.
pub(crate) fn at_an_exception(runner: &Runner) {
    let bench = Bench::new(runner);
    let told = [
        "exception: the peer reported error 0x02 (frame forwarding)",
        "exception: the handler panicked: \"error\"",
    ];
    let name = "panic in error";
    ends(
        &bench,
        name,
        &frame(0xff, &[2]),
        &HANGUP,
        &told,
        "handler panicked",
    );
}

/// A panic when the exception is told that ends the call: the end is what it was.
pub(crate) fn at_a_fatal_exception(runner: &Runner) {
    let bench = Bench::new(runner);
    let told = ["exception: the peer reported error 0x03 (hangup, frame forwarding)"];
    let end = "failed: the peer reported error 0x03 (hangup, frame forwarding)";
    ends(
        &bench,
        "panic in error",
        &frame(0xff, &[3]),
        &HANGUP,
        &told,
        end,
    );
}

/// A panic in `on_end`, or when the handler is dropped, after the call was ended by either side.
pub(crate) fn at_the_end(runner: &Runner) {
    let bench = Bench::new(runner);
    for name in ["panic in end", "panic in drop"] {
        let told = ["audio slin \"bye\""];
        let back = [audio(b"bye"), HANGUP.to_vec()].concat();
        ends(
            &bench,
            name,
            &audio(b"bye"),
            &back,
            &told,
            "hung up by this side",
        );
        ends(&bench, name, &HANGUP, b"", &NOTHING, "hung up by the peer");
        let mut line = bench.call(name);
        line.told("start");
        line.close();
        line.transcript(&call(name, &NOTHING, "closed by the peer"));
    }
}

/// Other calls do not notice.
pub(crate) fn on_another_call(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut other = bench.call("echo");
    other.told("start");
    for _ in 0..10 {
        let told = [
            "audio slin \"panic\"",
            "exception: the handler panicked: \"told to\"",
        ];
        ends(
            &bench,
            "echo",
            &audio(b"panic"),
            &HANGUP,
            &told,
            "handler panicked",
        );
    }
    other.send(&audio(b"well"));
    other.expect(&audio(b"well"));
    other.close();
    other.transcript(&call(
        "echo",
        &["audio slin \"well\""],
        "closed by the peer",
    ));
}
