//! What each kind of frame means.

use crate::Runner;
use crate::cases::{NOTHING, ends, survives};
use crate::frames::{HANGUP, audio, dtmf, frame, noise};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    every_rate
    audio_of_no_bytes
    every_key
    keys_that_are_none
    every_unknown_kind
    legacy_silence
    errors_that_a_call_survives
    errors_that_end_a_call
    an_error_that_is_a_hangup
    errors_of_other_lengths
    a_hangup_frame
    what_is_counted
}

/// Audio of each rate comes back at that rate. The lengths are 20 ms of it.
fn every_rate(runner: &Runner) {
    let server = TestServer::new(runner);
    for (kind, rate, len) in [
        (0x10, "slin", 320),
        (0x11, "slin12", 480),
        (0x12, "slin16", 640),
        (0x13, "slin24", 960),
        (0x14, "slin32", 1280),
        (0x15, "slin44", 1764),
        (0x16, "slin48", 1920),
        (0x17, "slin96", 3840),
        (0x18, "slin192", 7680),
    ] {
        let sent = frame(kind, &noise(len));
        survives(
            &server,
            "echo",
            &sent,
            &sent,
            &[audio_record(rate, &noise(len))],
        );
    }
}

/// Audio of no bytes asks for nothing, whatever its rate.
fn audio_of_no_bytes(runner: &Runner) {
    let server = TestServer::new(runner);
    let kinds: Vec<_> = (0x10..=0x18).flat_map(|kind| frame(kind, b"")).collect();
    let records = [
        "ignored 0x10 (audio slin) \"\"",
        "ignored 0x11 (audio slin12) \"\"",
        "ignored 0x12 (audio slin16) \"\"",
        "ignored 0x13 (audio slin24) \"\"",
        "ignored 0x14 (audio slin32) \"\"",
        "ignored 0x15 (audio slin44) \"\"",
        "ignored 0x16 (audio slin48) \"\"",
        "ignored 0x17 (audio slin96) \"\"",
        "ignored 0x18 (audio slin192) \"\"",
    ];
    survives(&server, "echo", &kinds, b"", &records);
}

/// The sixteen keys, before the first audio.
fn every_key(runner: &Runner) {
    let server = TestServer::new(runner);
    let keys = "0123456789*#ABCD";
    let sent: Vec<_> = keys.bytes().flat_map(dtmf).collect();
    let records: Vec<_> = keys.chars().map(|key| format!("dtmf {key}")).collect();
    survives(&server, "echo", &sent, b"", &records);
}

/// A malformed key press is an exception, and the call goes on: each wrong byte, and each wrong
/// length.
fn keys_that_are_none(runner: &Runner) {
    let server = TestServer::new(runner);
    let keys = b"0123456789*#ABCD";
    let wrong = (0..=255)
        .filter(|byte| !keys.contains(byte))
        .map(|byte| vec![byte]);
    let long = [&b""[..], b"12", b"5\0", b"123456789"].map(<[u8]>::to_vec);
    let wrong: Vec<_> = wrong.chain(long).chain([noise(65_535)]).collect();
    let sent: Vec<_> = wrong.iter().flat_map(|key| frame(0x03, key)).collect();
    let records = vec!["exception: a key press that is not one of 0-9 * # A-D"; wrong.len()];
    survives(&server, "echo", &sent, b"", &records);
}

/// Frames of unknown kinds reach `on_ignored` and have no other effect, whatever their length.
fn every_unknown_kind(runner: &Runner) {
    let server = TestServer::new(runner);
    let kinds = (0x04..=0x0f).chain(0x19..=0xfe);
    let mut sent = Vec::new();
    let mut records = Vec::new();
    for kind in kinds {
        sent.extend(frame(kind, b""));
        sent.extend(frame(kind, b"what?"));
        records.push(format!("ignored 0x{kind:02x} \"\""));
        records.push(format!("ignored 0x{kind:02x} \"what?\""));
    }
    survives(&server, "echo", &sent, b"", &records);
}

/// Silence of the first specification, with and without a payload.
fn legacy_silence(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [frame(0x02, b""), frame(0x02, b"\0\0")].concat();
    let records = [
        "ignored 0x02 (silence) \"\"",
        "ignored 0x02 (silence) \"\\x00\\x00\"",
    ];
    survives(&server, "echo", &sent, b"", &records);
}

/// Error frames without the hangup flag are exceptions, and the call goes on: all 128 values.
fn errors_that_a_call_survives(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut sent = Vec::new();
    let mut records = Vec::new();
    for flags in (0..=0xff).step_by(2) {
        sent.extend(frame(0xff, &[flags]));
        records.push(reported(flags));
    }
    survives(&server, "echo", &sent, b"", &records);
}

/// Error frames with the hangup flag and another end the call as a failure: all 127 values.
fn errors_that_end_a_call(runner: &Runner) {
    let server = TestServer::new(runner);
    for flags in (0x03..=0xff).step_by(2) {
        let records = [reported(flags)];
        let end = records[0].replace("exception", "failed");
        ends(
            &server,
            "echo",
            &frame(0xff, &[flags]),
            &HANGUP,
            &records,
            &end,
        );
    }
}

/// The hangup flag alone is an ordinary end, to which nothing is answered.
fn an_error_that_is_a_hangup(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = frame(0xff, &[0x01]);
    ends(&server, "echo", &sent, b"", &NOTHING, "hung up by the peer");
}

/// An empty error frame has no flags, and of an overlong one the first byte counts.
fn errors_of_other_lengths(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [
        frame(0xff, b""),
        frame(0xff, &[0x02, 0x01]),
        frame(0xff, &[0x04; 300]),
    ]
    .concat();
    let records = [
        "exception: the peer reported error 0x00",
        "exception: the peer reported error 0x02 (frame forwarding)",
        "exception: the peer reported error 0x04 (memory)",
    ];
    survives(&server, "echo", &sent, b"", &records);
    let sent = frame(0xff, &[0x01, 0x02]);
    ends(&server, "echo", &sent, b"", &NOTHING, "hung up by the peer");
}

/// A hangup frame ends the call, and nothing is answered; a payload changes nothing.
fn a_hangup_frame(runner: &Runner) {
    let server = TestServer::new(runner);
    for payload in [&b""[..], b"x", &noise(3000)] {
        let sent = frame(0x00, payload);
        ends(&server, "echo", &sent, b"", &NOTHING, "hung up by the peer");
    }
}

/// What a call counts: the UUID and ignored frames among the frames, audio of no bytes not among
/// the audio, and what could not be sent not among what was.
fn what_is_counted(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [
        audio(b"echo of 17 bytes."),
        audio(b"quiet"),
        audio(b""),
        dtmf(b'1'),
        frame(0x7f, b"unknown"),
        audio(b"too-much"),
        audio(b"send-nothing"),
        audio(b"stats"),
    ]
    .concat();
    let back = [
        audio(b"echo of 17 bytes."),
        audio(b"send-nothing"),
        audio(b"stats"),
    ]
    .concat();
    let records = [
        "audio slin \"echo of 17 bytes.\"",
        "audio slin \"quiet\"",
        "ignored 0x10 (audio slin) \"\"",
        "dtmf 1",
        "ignored 0x7f \"unknown\"",
        "audio slin \"too-much\"",
        "exception: the answer was not sent: \
         65536 bytes of audio do not fit one frame, which takes 65,535",
        "audio slin \"send-nothing\"",
        "not sent: audio of no bytes cannot be sent",
        "audio slin \"stats\"",
        "CallStats { session: SessionStats { frames_received: 9, audio_frames_received: 5, audio_bytes_received: 47, \
         audio_frames_sent: 2, audio_bytes_sent: 29, frames_dropped: 0 }, \
         playout: PlayoutStats { frames: 0, late: 0, underruns: 0, silence: 0, samples_dropped: 0, depth: 0ns } }",
    ];
    survives(&server, "echo", &sent, &back, &records);
}

fn reported(flags: u8) -> String {
    let names = [
        "",
        " (hangup)",
        " (frame forwarding)",
        " (hangup, frame forwarding)",
        " (memory)",
        " (hangup, memory)",
        " (frame forwarding, memory)",
        " (hangup, frame forwarding, memory)",
    ];
    let names = names[usize::from(flags % 8)];
    format!("exception: the peer reported error 0x{flags:02x}{names}")
}
