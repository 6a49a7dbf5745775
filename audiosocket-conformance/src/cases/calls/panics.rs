//! A panic is an exception and ends its call. It has no effect on other calls.

use crate::cases::{NOTHING, OURS, PANICKED, PEER_HUNG_UP};
use crate::frames::{HANGUP, audio, dtmf, frame};
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_panic_in_on_audio_ends_the_call
    answers_before_a_panic_are_sent
    a_panic_in_on_start_ends_the_call
    a_panic_in_on_dtmf_or_on_ignored_ends_the_call
    a_panic_in_on_exception_ends_the_call
    a_panic_in_on_exception_keeps_the_reason_of_the_end
    a_panic_in_on_end_or_drop_has_no_effect
    a_panic_ends_one_call_only
}

/// The case uses each kind of panic payload: a `&str`, a `String`, another type, and a value that panics again when it
/// is dropped.
fn a_panic_in_on_audio_ends_the_call(server: &TestServer) {
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
        server.ends(
            "echo",
            &audio(order.as_bytes()),
            &HANGUP,
            &records,
            PANICKED,
        );
    }
}

fn answers_before_a_panic_are_sent(server: &TestServer) {
    let sent = [audio(b"before"), audio(b"panic")].concat();
    let back = [audio(b"before"), HANGUP.to_vec()].concat();
    let records = [
        "audio slin \"before\"",
        "audio slin \"panic\"",
        "exception: the handler panicked: \"as asked\"",
    ];
    server.ends("echo", &sent, &back, &records, PANICKED);
}

fn a_panic_in_on_start_ends_the_call(server: &TestServer) {
    let records = ["exception: the handler panicked: \"start\""];
    server.ends("panic in start", b"", &HANGUP, &records, PANICKED);
}

fn a_panic_in_on_dtmf_or_on_ignored_ends_the_call(server: &TestServer) {
    let records = ["dtmf 1", "exception: the handler panicked: \"dtmf\""];
    server.ends("panic in dtmf", &dtmf(b'1'), &HANGUP, &records, PANICKED);
    let records = [
        "ignored 0x7f \"\"",
        "exception: the handler panicked: \"ignored\"",
    ];
    let sent = frame(0x7f, b"");
    server.ends("panic in ignored", &sent, &HANGUP, &records, PANICKED);
}

/// `on_exception` gets the panic and panics again. `on_end` still runs.
fn a_panic_in_on_exception_ends_the_call(server: &TestServer) {
    let records = [
        "exception: the peer reported error 0x02 (frame forwarding)",
        "exception: the handler panicked: \"error\"",
    ];
    let name = "panic in error";
    server.ends(name, &frame(0xff, &[2]), &HANGUP, &records, PANICKED);
}

fn a_panic_in_on_exception_keeps_the_reason_of_the_end(server: &TestServer) {
    let records = ["exception: the peer reported error 0x03 (hangup, frame forwarding)"];
    let end = "failed: the peer reported error 0x03 (hangup, frame forwarding)";
    server.ends("panic in error", &frame(0xff, &[3]), &HANGUP, &records, end);
}

/// Each side ends a call.
fn a_panic_in_on_end_or_drop_has_no_effect(server: &TestServer) {
    for name in ["panic in end", "panic in drop"] {
        let records = ["audio slin \"bye\""];
        let back = [audio(b"bye"), HANGUP.to_vec()].concat();
        server.ends(name, &audio(b"bye"), &back, &records, OURS);
        server.ends(name, &HANGUP, b"", &NOTHING, PEER_HUNG_UP);
        let mut connection = server.started(name);
        connection.closes(&NOTHING);
    }
}

fn a_panic_ends_one_call_only(server: &TestServer) {
    let mut other = server.started("echo");
    for _ in 0..10 {
        let records = [
            "audio slin \"panic\"",
            "exception: the handler panicked: \"as asked\"",
        ];
        server.ends("echo", &audio(b"panic"), &HANGUP, &records, PANICKED);
    }
    other.echoes(b"well");
    other.closes(&["audio slin \"well\""]);
}
