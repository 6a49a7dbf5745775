//! A panic ends its own call, is an exception, and affects no other call.

use crate::Runner;
use crate::cases::{NOTHING, call, ends};
use crate::frames::{HANGUP, audio, dtmf, frame};
use crate::test_server::TestServer;

cases! {
    on every runner:
    while_audio_is_answered
    after_an_answer
    at_the_start
    at_other_frames
    at_an_exception
    at_a_fatal_exception
    at_the_end
    on_another_call
}

/// A panic in `on_audio`, with each kind of thing that can be panicked with: text, other text,
/// something else, and something that panics again when it is dropped.
fn while_audio_is_answered(runner: &Runner) {
    let server = TestServer::new(runner);
    for (order, message) in [
        ("panic", "as asked"),
        ("panic-string", "as asked"),
        ("panic-other", "(no message)"),
        ("panic-panic", "(no message)"),
    ] {
        let records = [
            format!("audio slin \"{order}\""),
            format!("exception: the handler panicked: {message:?}"),
        ];
        ends(
            &server,
            "echo",
            &audio(order.as_bytes()),
            &HANGUP,
            &records,
            "handler panicked",
        );
    }
}

/// What was answered before the panic is still sent.
fn after_an_answer(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [audio(b"before"), audio(b"panic")].concat();
    let back = [audio(b"before"), HANGUP.to_vec()].concat();
    let records = [
        "audio slin \"before\"",
        "audio slin \"panic\"",
        "exception: the handler panicked: \"as asked\"",
    ];
    ends(&server, "echo", &sent, &back, &records, "handler panicked");
}

/// A panic in `on_start`.
fn at_the_start(runner: &Runner) {
    let server = TestServer::new(runner);
    let records = ["exception: the handler panicked: \"start\""];
    ends(
        &server,
        "panic in start",
        b"",
        &HANGUP,
        &records,
        "handler panicked",
    );
}

/// A panic in `on_dtmf` and in `on_ignored`.
fn at_other_frames(runner: &Runner) {
    let server = TestServer::new(runner);
    let records = ["dtmf 1", "exception: the handler panicked: \"dtmf\""];
    ends(
        &server,
        "panic in dtmf",
        &dtmf(b'1'),
        &HANGUP,
        &records,
        "handler panicked",
    );
    let records = [
        "ignored 0x7f \"\"",
        "exception: the handler panicked: \"ignored\"",
    ];
    let sent = frame(0x7f, b"");
    ends(
        &server,
        "panic in ignored",
        &sent,
        &HANGUP,
        &records,
        "handler panicked",
    );
}

/// A panic in `on_exception` is passed to `on_exception`, which panics again, and `on_end` still
/// runs.
fn at_an_exception(runner: &Runner) {
    let server = TestServer::new(runner);
    let records = [
        "exception: the peer reported error 0x02 (frame forwarding)",
        "exception: the handler panicked: \"error\"",
    ];
    let name = "panic in error";
    ends(
        &server,
        name,
        &frame(0xff, &[2]),
        &HANGUP,
        &records,
        "handler panicked",
    );
}

/// A panic in the `on_exception` for what ends the call does not change the end.
fn at_a_fatal_exception(runner: &Runner) {
    let server = TestServer::new(runner);
    let records = ["exception: the peer reported error 0x03 (hangup, frame forwarding)"];
    let end = "failed: the peer reported error 0x03 (hangup, frame forwarding)";
    ends(
        &server,
        "panic in error",
        &frame(0xff, &[3]),
        &HANGUP,
        &records,
        end,
    );
}

/// A panic in `on_end`, or when the handler is dropped, after the call was ended by either side.
fn at_the_end(runner: &Runner) {
    let server = TestServer::new(runner);
    for name in ["panic in end", "panic in drop"] {
        let records = ["audio slin \"bye\""];
        let back = [audio(b"bye"), HANGUP.to_vec()].concat();
        ends(
            &server,
            name,
            &audio(b"bye"),
            &back,
            &records,
            "hung up by this side",
        );
        ends(&server, name, &HANGUP, b"", &NOTHING, "hung up by the peer");
        let mut connection = server.call(name);
        connection.wait_for("start");
        connection.close();
        connection.transcript(&call(name, &NOTHING, "closed by the peer"));
    }
}

/// Other calls do not notice.
fn on_another_call(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut other = server.call("echo");
    other.wait_for("start");
    for _ in 0..10 {
        let records = [
            "audio slin \"panic\"",
            "exception: the handler panicked: \"as asked\"",
        ];
        ends(
            &server,
            "echo",
            &audio(b"panic"),
            &HANGUP,
            &records,
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
