//! What each kind of frame means.

use super::{NOTHING, ends, survives};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf, frame, noise};
use crate::transcript::heard;

/// Audio of each rate comes back at that rate. The lengths are 20 ms of it.
pub(crate) fn every_rate(runner: &Runner) {
    let bench = Bench::new(runner);
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
        survives(&bench, "echo", &sent, &sent, &[heard(rate, &noise(len))]);
    }
}

/// Audio of no bytes asks for nothing, whatever its rate.
pub(crate) fn audio_of_no_bytes(runner: &Runner) {
    let bench = Bench::new(runner);
    let kinds: Vec<_> = (0x10..=0x18).flat_map(|kind| frame(kind, b"")).collect();
    let told = [
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
    survives(&bench, "echo", &kinds, b"", &told);
}

/// The sixteen keys, before the first audio.
pub(crate) fn every_key(runner: &Runner) {
    let bench = Bench::new(runner);
    let keys = "0123456789*#ABCD";
    let sent: Vec<_> = keys.bytes().flat_map(dtmf).collect();
    let told: Vec<_> = keys.chars().map(|key| format!("dtmf {key}")).collect();
    survives(&bench, "echo", &sent, b"", &told);
}

/// A key press that is none is told as an exception, and the call goes on: each wrong byte, and
/// each wrong length.
pub(crate) fn keys_that_are_none(runner: &Runner) {
    let bench = Bench::new(runner);
    let keys = b"0123456789*#ABCD";
    let wrong = (0..=255)
        .filter(|byte| !keys.contains(byte))
        .map(|byte| vec![byte]);
    let long = [&b""[..], b"12", b"5\0", b"123456789"].map(<[u8]>::to_vec);
    let wrong: Vec<_> = wrong.chain(long).chain([noise(65_535)]).collect();
    let sent: Vec<_> = wrong.iter().flat_map(|key| frame(0x03, key)).collect();
    let told = vec!["exception: a key press that is not one of 0-9 * # A-D"; wrong.len()];
    survives(&bench, "echo", &sent, b"", &told);
}

/// Kinds that nobody has defined are told and ignored, whatever their length.
pub(crate) fn every_unknown_kind(runner: &Runner) {
    let bench = Bench::new(runner);
    let kinds = (0x04..=0x0f).chain(0x19..=0xfe);
    let mut sent = Vec::new();
    let mut told = Vec::new();
    for kind in kinds {
        sent.extend(frame(kind, b""));
        sent.extend(frame(kind, b"what?"));
        told.push(format!("ignored 0x{kind:02x} \"\""));
        told.push(format!("ignored 0x{kind:02x} \"what?\""));
    }
    survives(&bench, "echo", &sent, b"", &told);
}

/// Silence of the first specification, with and without a payload.
pub(crate) fn legacy_silence(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [frame(0x02, b""), frame(0x02, b"\0\0")].concat();
    let told = [
        "ignored 0x02 (silence) \"\"",
        "ignored 0x02 (silence) \"\\x00\\x00\"",
    ];
    survives(&bench, "echo", &sent, b"", &told);
}

/// Error frames without the hangup flag are told, and the call goes on: all 128 values.
pub(crate) fn errors_that_a_call_survives(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut sent = Vec::new();
    let mut told = Vec::new();
    for flags in (0..=0xff).step_by(2) {
        sent.extend(frame(0xff, &[flags]));
        told.push(reported(flags));
    }
    survives(&bench, "echo", &sent, b"", &told);
}

/// Error frames with the hangup flag and another end the call as a failure: all 127 values.
pub(crate) fn errors_that_end_a_call(runner: &Runner) {
    let bench = Bench::new(runner);
    for flags in (0x03..=0xff).step_by(2) {
        let told = [reported(flags)];
        let end = told[0].replace("exception", "failed");
        ends(&bench, "echo", &frame(0xff, &[flags]), &HANGUP, &told, &end);
    }
}

/// The hangup flag alone is an ordinary end, to which nothing is answered.
pub(crate) fn an_error_that_is_a_hangup(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = frame(0xff, &[0x01]);
    ends(&bench, "echo", &sent, b"", &NOTHING, "hung up by the peer");
}

/// An empty error frame has no flags, and of an overlong one the first byte counts.
pub(crate) fn errors_of_other_lengths(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [
        frame(0xff, b""),
        frame(0xff, &[0x02, 0x01]),
        frame(0xff, &[0x04; 300]),
    ]
    .concat();
    let told = [
        "exception: the peer reported error 0x00",
        "exception: the peer reported error 0x02 (frame forwarding)",
        "exception: the peer reported error 0x04 (memory)",
    ];
    survives(&bench, "echo", &sent, b"", &told);
    let sent = frame(0xff, &[0x01, 0x02]);
    ends(&bench, "echo", &sent, b"", &NOTHING, "hung up by the peer");
}

/// A hangup frame ends the call, and nothing is answered; a payload changes nothing.
pub(crate) fn a_hangup_frame(runner: &Runner) {
    let bench = Bench::new(runner);
    for payload in [&b""[..], b"x", &noise(3000)] {
        let sent = frame(0x00, payload);
        ends(&bench, "echo", &sent, b"", &NOTHING, "hung up by the peer");
    }
}

/// What a call counts: the UUID and ignored frames among the frames, audio of no bytes not among
/// the audio, and what could not be sent not among what was.
pub(crate) fn what_is_counted(runner: &Runner) {
    let bench = Bench::new(runner);
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
    let told = [
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
        "CallStats { frames_received: 9, audio_frames_received: 5, audio_bytes_received: 47, \
         audio_frames_sent: 2, audio_bytes_sent: 29, frames_dropped: 0, \
         playout: PlayoutStats { frames: 0, late: 0, underruns: 0, silence: 0, samples_dropped: 0, depth: 0ns } }",
    ];
    survives(&bench, "echo", &sent, &back, &told);
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
