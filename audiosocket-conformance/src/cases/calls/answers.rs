//! What becomes of what a callback answers.

use crate::Runner;
use crate::cases::{call, ends, survives};
use crate::frames::{HANGUP, audio, dtmf, frame};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    nothing
    bytes_of_every_type
    a_hangup
    no_bytes_of_every_type
    an_answer_too_long
    an_answer_of_many_frames
    sends_that_fail
    a_last_word
    a_greeting
    a_hangup_at_the_start
    a_hangup_on_an_exception
    answers_to_keys
    words_after_the_end
    a_handler_that_blocks
}

/// Nothing is sent, in each way to say so.
fn nothing(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [audio(b"quiet"), audio(b"none")].concat();
    let records = ["audio slin \"quiet\"", "audio slin \"none\""];
    survives(&server, "echo", &sent, b"", &records);
}

/// Bytes alone are 8 kHz audio, whatever was heard; audio keeps its rate, and can be given one.
fn bytes_of_every_type(runner: &Runner) {
    let server = TestServer::new(runner);
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
        let records = [format!("audio slin24 \"{answer}\"")];
        survives(&server, "echo", &sent, &back, &records);
    }
}

fn a_hangup(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [audio(b"before"), audio(b"hangup")].concat();
    let back = [audio(b"before"), HANGUP.to_vec()].concat();
    let records = ["audio slin \"before\"", "audio slin \"hangup\""];
    ends(
        &server,
        "echo",
        &sent,
        &back,
        &records,
        "hung up by this side",
    );
}

/// An answer of no bytes sends nothing, in each type that it can have, and the call goes on.
fn no_bytes_of_every_type(runner: &Runner) {
    let server = TestServer::new(runner);
    for answer in [
        "empty-audio",
        "empty-slice",
        "empty-vec",
        "empty-bytes",
        "empty-some",
        "empty-wide",
    ] {
        let sent = [audio(answer.as_bytes()), audio(b"hangup")].concat();
        let records = [
            &*format!("audio slin \"{answer}\""),
            "audio slin \"hangup\"",
        ];
        ends(
            &server,
            "echo",
            &sent,
            &HANGUP,
            &records,
            "hung up by this side",
        );
    }
}

/// The longest answer is sent. A longer one is an exception, and the call goes on.
fn an_answer_too_long(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [audio(b"too-much"), audio(b"most"), audio(b"too-much-wide")].concat();
    let records = [
        "audio slin \"too-much\"",
        "exception: the answer was not sent: \
         65536 bytes of audio do not fit one frame, which takes 65,535",
        "audio slin \"most\"",
        "audio slin \"too-much-wide\"",
        "exception: the answer was not sent: \
         100000 bytes of audio do not fit one frame, which takes 65,535",
    ];
    survives(&server, "echo", &sent, &audio(&[0x66; 65_535]), &records);
}

/// An answer larger than a frame, sent as several, at the rate of what was heard.
fn an_answer_of_many_frames(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(1 << 20));
    let back: Vec<_> = (1..=5)
        .flat_map(|piece| frame(0x12, &[piece; 40_000]))
        .collect();
    let records = ["audio slin16 \"pieces\"", "sent", "sent", "sent", "sent"];
    survives(&server, "echo", &frame(0x12, b"pieces"), &back, &records);
}

/// A `send` that fails returns an error to the callback. It is no exception.
fn sends_that_fail(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [audio(b"send-nothing"), audio(b"send-too-much")].concat();
    let records = [
        "audio slin \"send-nothing\"",
        "not sent: audio of no bytes cannot be sent",
        "audio slin \"send-too-much\"",
        "not sent: 65536 bytes of audio do not fit one frame, which takes 65,535",
    ];
    survives(&server, "echo", &sent, &sent, &records);
}

/// A callback that hangs up and answers: the answer is sent first.
fn a_last_word(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = audio(b"bye now");
    let back = [&sent[..], &HANGUP].concat();
    let records = ["audio slin \"bye now\""];
    ends(
        &server,
        "echo",
        &sent,
        &back,
        &records,
        "hung up by this side",
    );
}

/// Audio that is sent when the call begins comes before any answer.
fn a_greeting(runner: &Runner) {
    let server = TestServer::new(runner);
    let back = audio(b"welcome");
    survives(&server, "greet", b"", &back, &crate::cases::NOTHING);
}

/// A call that is hung up as it begins.
fn a_hangup_at_the_start(runner: &Runner) {
    let server = TestServer::new(runner);
    let (name, end) = ("hang up at start", "hung up by this side");
    ends(&server, name, b"", &HANGUP, &crate::cases::NOTHING, end);
}

/// `on_exception` hangs up the call.
fn a_hangup_on_an_exception(runner: &Runner) {
    let server = TestServer::new(runner);
    let records = ["exception: the peer reported error 0x04 (memory)"];
    let (name, end) = ("hang up on error", "hung up by this side");
    ends(&server, name, &frame(0xff, &[4]), &HANGUP, &records, end);
}

/// A key press is answered as audio is: with audio, and with a hangup.
fn answers_to_keys(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [dtmf(b'1'), dtmf(b'*'), dtmf(b'#')].concat();
    let back = [audio(b"star"), HANGUP.to_vec()].concat();
    let records = ["dtmf 1", "dtmf *", "dtmf #"];
    ends(
        &server,
        "answer keys",
        &sent,
        &back,
        &records,
        "hung up by this side",
    );
}

/// In `on_end` nothing can be sent, and a hangup has no effect.
fn words_after_the_end(runner: &Runner) {
    let server = TestServer::new(runner);
    let name = "speak at end";
    let mut ours = server.call(name);
    ours.send(&audio(b"hangup"));
    ours.expect_hangup();
    ours.close();
    let mut theirs = server.call(name);
    theirs.half_close();
    theirs.expect_end();
    let no_call = "not sent: there is no call to send to".to_owned();
    let mut records = call(name, &["audio slin \"hangup\""], "hung up by this side");
    records.push(no_call.clone());
    ours.transcript(&records);
    let mut records = call(name, &crate::cases::NOTHING, "closed by the peer");
    records.push(no_call);
    theirs.transcript(&records);
}

/// A handler that blocks its thread holds calls up, and changes nothing else.
fn a_handler_that_blocks(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut other = server.call("echo");
    let sent = [audio(b"block"), audio(b"block again"), audio(&[7; 320])].concat();
    let records = [
        "audio slin \"block\"",
        "audio slin \"block again\"",
        &audio_record("slin", &[7; 320]),
    ];
    survives(&server, "echo", &sent, &sent, &records);
    other.send(&audio(b"hello"));
    other.expect(&audio(b"hello"));
    other.close();
    other.transcript(&call(
        "echo",
        &["audio slin \"hello\""],
        "closed by the peer",
    ));
}
