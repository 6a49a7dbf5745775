//! The answers of callbacks.

use crate::Runner;
use crate::cases::{NOTHING, OURS, THEIRS, call};
use crate::frames::{HANGUP, audio, dtmf, frame};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    no_answer_sends_nothing
    bytes_are_sent_at_8_khz_and_audio_at_its_rate
    an_answer_can_hang_up
    an_answer_without_bytes_sends_nothing
    an_answer_longer_than_a_frame_is_an_exception
    a_callback_can_send_several_frames
    a_failed_send_returns_an_error
    an_answer_is_sent_before_a_hangup_of_the_same_callback
    audio_of_on_start_is_sent_before_answers
    on_start_can_hang_up
    on_exception_can_hang_up
    a_key_is_answered_with_audio_or_a_hangup
    on_end_cannot_send_or_hang_up
    a_handler_that_blocks_only_delays_calls
}

/// The case uses each form of an empty answer.
fn no_answer_sends_nothing(server: &TestServer) {
    let sent = [audio(b"quiet"), audio(b"none")].concat();
    server.survives(
        "echo",
        &sent,
        b"",
        &["audio slin \"quiet\"", "audio slin \"none\""],
    );
}

/// The case uses each type of answer. The rate of the caller's audio has no effect.
fn bytes_are_sent_at_8_khz_and_audio_at_its_rate(server: &TestServer) {
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
        server.survives(
            "echo",
            &sent,
            &back,
            &[format!("audio slin24 \"{answer}\"")],
        );
    }
}

fn an_answer_can_hang_up(server: &TestServer) {
    let sent = [audio(b"before"), audio(b"hangup")].concat();
    let back = [audio(b"before"), HANGUP.to_vec()].concat();
    server.ends(
        "echo",
        &sent,
        &back,
        &["audio slin \"before\"", "audio slin \"hangup\""],
        OURS,
    );
}

/// The case uses each type of answer. The call goes on.
fn an_answer_without_bytes_sends_nothing(server: &TestServer) {
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
        server.ends("echo", &sent, &HANGUP, &records, OURS);
    }
}

/// The longest answer is sent. After a longer answer the call goes on.
fn an_answer_longer_than_a_frame_is_an_exception(server: &TestServer) {
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
    server.survives("echo", &sent, &audio(&[0x66; 65_535]), &records);
}

/// The frames have the rate of the caller's audio.
fn a_callback_can_send_several_frames(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(1 << 20));
    let back: Vec<_> = (1..=5)
        .flat_map(|piece| frame(0x12, &[piece; 40_000]))
        .collect();
    let records = ["audio slin16 \"pieces\"", "sent", "sent", "sent", "sent"];
    server.survives("echo", &frame(0x12, b"pieces"), &back, &records);
}

/// A failed send is no exception.
fn a_failed_send_returns_an_error(server: &TestServer) {
    let sent = [audio(b"send-nothing"), audio(b"send-too-much")].concat();
    let records = [
        "audio slin \"send-nothing\"",
        "not sent: audio of no bytes cannot be sent",
        "audio slin \"send-too-much\"",
        "not sent: 65536 bytes of audio do not fit one frame, which takes 65,535",
    ];
    server.survives("echo", &sent, &sent, &records);
}

fn an_answer_is_sent_before_a_hangup_of_the_same_callback(server: &TestServer) {
    let sent = audio(b"bye now");
    let back = [&sent[..], &HANGUP].concat();
    server.ends("echo", &sent, &back, &["audio slin \"bye now\""], OURS);
}

fn audio_of_on_start_is_sent_before_answers(server: &TestServer) {
    let back = audio(b"welcome");
    server.survives("greet", b"", &back, &NOTHING);
}

fn on_start_can_hang_up(server: &TestServer) {
    let (name, end) = ("hang up at start", OURS);
    server.ends(name, b"", &HANGUP, &NOTHING, end);
}

fn on_exception_can_hang_up(server: &TestServer) {
    let records = ["exception: the peer reported error 0x04 (memory)"];
    let (name, end) = ("hang up on error", OURS);
    server.ends(name, &frame(0xff, &[4]), &HANGUP, &records, end);
}

fn a_key_is_answered_with_audio_or_a_hangup(server: &TestServer) {
    let sent = [dtmf(b'1'), dtmf(b'*'), dtmf(b'#')].concat();
    let back = [audio(b"star"), HANGUP.to_vec()].concat();
    server.ends(
        "answer keys",
        &sent,
        &back,
        &["dtmf 1", "dtmf *", "dtmf #"],
        OURS,
    );
}

fn on_end_cannot_send_or_hang_up(server: &TestServer) {
    let name = "speak at end";
    let mut ours = server.call(name);
    ours.send(&audio(b"hangup"));
    ours.expect_hangup();
    ours.close();
    let mut theirs = server.call(name);
    theirs.finish();
    let no_call = "not sent: there is no call to send to".to_owned();
    let mut records = call(name, &["audio slin \"hangup\""], OURS);
    records.push(no_call.clone());
    ours.transcript(&records);
    let mut records = call(name, &NOTHING, THEIRS);
    records.push(no_call);
    theirs.transcript(&records);
}

fn a_handler_that_blocks_only_delays_calls(server: &TestServer) {
    let mut other = server.call("echo");
    let sent = [audio(b"block"), audio(b"block again"), audio(&[7; 320])].concat();
    let records = [
        "audio slin \"block\"",
        "audio slin \"block again\"",
        &audio_record("slin", &[7; 320]),
    ];
    server.survives("echo", &sent, &sent, &records);
    other.echoes(b"hello");
    other.closes(&["audio slin \"hello\""]);
}
