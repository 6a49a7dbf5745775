//! What becomes of what a callback answers.

use super::{call, ends, survives};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf, frame};
use crate::transcript::heard;

/// Nothing is sent, in each way to say so.
pub(crate) fn nothing(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [audio(b"quiet"), audio(b"none")].concat();
    let told = ["audio slin \"quiet\"", "audio slin \"none\""];
    survives(&bench, "echo", &sent, b"", &told);
}

/// Bytes alone are 8 kHz audio, whatever was heard; audio keeps its rate, and can be given one.
pub(crate) fn bytes_of_every_type(runner: &Runner) {
    let bench = Bench::new(runner);
    for (answer, kind) in [
        ("echo", 0x13),
        ("slice", 0x10),
        ("vec", 0x10),
        ("bytes", 0x10),
        ("some", 0x10),
        ("wide", 0x12),
    ] {
        let sent = frame(0x13, answer.as_bytes());
        let back = frame(kind, answer.as_bytes());
        let told = [format!("audio slin24 \"{answer}\"")];
        survives(&bench, "echo", &sent, &back, &told);
    }
}

pub(crate) fn a_hangup(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [audio(b"before"), audio(b"hangup")].concat();
    let back = [audio(b"before"), HANGUP.to_vec()].concat();
    let told = ["audio slin \"before\"", "audio slin \"hangup\""];
    ends(&bench, "echo", &sent, &back, &told, "hung up by this side");
}

/// An answer of no bytes sends nothing, in each type that it can have, and the call goes on.
pub(crate) fn no_bytes_of_every_type(runner: &Runner) {
    let bench = Bench::new(runner);
    for answer in [
        "empty-audio",
        "empty-slice",
        "empty-vec",
        "empty-bytes",
        "empty-some",
        "empty-wide",
    ] {
        let sent = [audio(answer.as_bytes()), audio(b"hangup")].concat();
        let told = [
            &*format!("audio slin \"{answer}\""),
            "audio slin \"hangup\"",
        ];
        ends(
            &bench,
            "echo",
            &sent,
            &HANGUP,
            &told,
            "hung up by this side",
        );
    }
}

/// The longest answer is sent; a longer one is told as an exception, and the call goes on.
pub(crate) fn an_answer_too_long(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [audio(b"too-much"), audio(b"most"), audio(b"too-much-wide")].concat();
    let told = [
        "audio slin \"too-much\"",
        "exception: the answer was not sent: \
         65536 bytes of audio do not fit one frame, which takes 65,535",
        "audio slin \"most\"",
        "audio slin \"too-much-wide\"",
        "exception: the answer was not sent: \
         100000 bytes of audio do not fit one frame, which takes 65,535",
    ];
    survives(&bench, "echo", &sent, &audio(&[0x66; 65_535]), &told);
}

/// An answer larger than a frame, sent as several, at the rate of what was heard.
pub(crate) fn an_answer_of_many_frames(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent(1 << 20));
    let back: Vec<_> = (1..=5)
        .flat_map(|piece| frame(0x12, &[piece; 40_000]))
        .collect();
    let told = ["audio slin16 \"pieces\"", "sent", "sent", "sent", "sent"];
    survives(&bench, "echo", &frame(0x12, b"pieces"), &back, &told);
}

/// What a callback sends itself and cannot be sent is told to it, and is no exception.
pub(crate) fn sends_that_fail(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [audio(b"send-nothing"), audio(b"send-too-much")].concat();
    let told = [
        "audio slin \"send-nothing\"",
        "not sent: audio of no bytes cannot be sent",
        "audio slin \"send-too-much\"",
        "not sent: 65536 bytes of audio do not fit one frame, which takes 65,535",
    ];
    survives(&bench, "echo", &sent, &sent, &told);
}

/// A callback that hangs up and answers: the answer is sent first.
pub(crate) fn a_last_word(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = audio(b"bye now");
    let back = [&sent[..], &HANGUP].concat();
    let told = ["audio slin \"bye now\""];
    ends(&bench, "echo", &sent, &back, &told, "hung up by this side");
}

/// Audio that is sent when the call begins comes before any answer.
pub(crate) fn a_greeting(runner: &Runner) {
    let bench = Bench::new(runner);
    let back = audio(b"welcome");
    survives(&bench, "greet", b"", &back, &super::NOTHING);
}

/// A call that is hung up as it begins.
pub(crate) fn a_hangup_at_the_start(runner: &Runner) {
    let bench = Bench::new(runner);
    let (name, end) = ("hang up at start", "hung up by this side");
    ends(&bench, name, b"", &HANGUP, &super::NOTHING, end);
}

/// A call that is hung up when an exception is told.
pub(crate) fn a_hangup_on_an_exception(runner: &Runner) {
    let bench = Bench::new(runner);
    let told = ["exception: the peer reported error 0x04 (memory)"];
    let (name, end) = ("hang up on error", "hung up by this side");
    ends(&bench, name, &frame(0xff, &[4]), &HANGUP, &told, end);
}

/// A key press is answered as audio is: with audio, and with a hangup.
pub(crate) fn answers_to_keys(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [dtmf(b'1'), dtmf(b'*'), dtmf(b'#')].concat();
    let back = [audio(b"star"), HANGUP.to_vec()].concat();
    let told = ["dtmf 1", "dtmf *", "dtmf #"];
    ends(
        &bench,
        "answer keys",
        &sent,
        &back,
        &told,
        "hung up by this side",
    );
}

/// At the end nobody is left to be spoken to, or to be hung up on.
pub(crate) fn words_after_the_end(runner: &Runner) {
    let bench = Bench::new(runner);
    let name = "speak at end";
    let mut ours = bench.call(name);
    ours.send(&audio(b"hangup"));
    ours.expect_hangup();
    ours.close();
    let mut theirs = bench.call(name);
    theirs.half_close();
    theirs.expect_end();
    let no_call = "not sent: there is no call to send to".to_owned();
    let mut told = call(name, &["audio slin \"hangup\""], "hung up by this side");
    told.push(no_call.clone());
    ours.transcript(&told);
    let mut told = call(name, &super::NOTHING, "closed by the peer");
    told.push(no_call);
    theirs.transcript(&told);
}

/// A handler that blocks its thread holds calls up, and changes nothing else.
pub(crate) fn a_handler_that_blocks(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut other = bench.call("echo");
    let sent = [audio(b"block"), audio(b"block again"), audio(&[7; 320])].concat();
    let told = [
        "audio slin \"block\"",
        "audio slin \"block again\"",
        &heard("slin", &[7; 320]),
    ];
    survives(&bench, "echo", &sent, &sent, &told);
    other.send(&audio(b"hello"));
    other.expect(&audio(b"hello"));
    other.close();
    other.transcript(&call(
        "echo",
        &["audio slin \"hello\""],
        "closed by the peer",
    ));
}
