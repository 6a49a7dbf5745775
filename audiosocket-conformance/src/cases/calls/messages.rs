//! The effect of each kind of frame.

use crate::cases::{NOTHING, PEER_HUNG_UP};
use crate::frames::{HANGUP, RATES, audio, dtmf, frame, noise};
use crate::test_server::TestServer;
use crate::transcript::{audio_record, stats_record};

cases! {
    on every runner:
    audio_of_each_rate_is_echoed_at_that_rate
    empty_audio_is_ignored_at_each_rate
    the_sixteen_keys_are_received_before_audio
    a_malformed_key_is_an_exception_and_the_call_goes_on
    a_frame_of_an_unknown_kind_is_ignored
    a_silence_frame_is_ignored
    an_error_without_the_hangup_flag_is_an_exception
    an_error_with_the_hangup_flag_and_another_fails_the_call
    an_error_with_the_hangup_flag_alone_is_a_hangup
    the_first_byte_of_an_error_frame_counts
    a_hangup_frame_with_any_payload_ends_the_call
    statistics_count_received_sent_and_ignored_frames
}

fn audio_of_each_rate_is_echoed_at_that_rate(server: &TestServer) {
    for (kind, (rate, len)) in (0x10..).zip(RATES) {
        let sent = frame(kind, &noise(len));
        server.survives("echo", &sent, &sent, &[audio_record(rate, &noise(len))]);
    }
}

fn empty_audio_is_ignored_at_each_rate(server: &TestServer) {
    let kinds: Vec<_> = (0x10..=0x18).flat_map(|kind| frame(kind, b"")).collect();
    let record = |(kind, (rate, _))| format!("ignored 0x{kind:02x} (audio {rate}) \"\"");
    let records: Vec<_> = (0x10..).zip(RATES).map(record).collect();
    server.survives("echo", &kinds, b"", &records);
}

fn the_sixteen_keys_are_received_before_audio(server: &TestServer) {
    let keys = "0123456789*#ABCD";
    let sent: Vec<_> = keys.bytes().flat_map(dtmf).collect();
    let records: Vec<_> = keys.chars().map(|key| format!("dtmf {key}")).collect();
    server.survives("echo", &sent, b"", &records);
}

/// The case sends each byte that is not a key, and keys of other lengths.
fn a_malformed_key_is_an_exception_and_the_call_goes_on(server: &TestServer) {
    let keys = b"0123456789*#ABCD";
    let wrong = (0..=255)
        .filter(|byte| !keys.contains(byte))
        .map(|byte| vec![byte]);
    let long = [&b""[..], b"12", b"5\0", b"123456789"].map(<[u8]>::to_vec);
    let wrong: Vec<_> = wrong.chain(long).chain([noise(65_535)]).collect();
    let sent: Vec<_> = wrong.iter().flat_map(|key| frame(0x03, key)).collect();
    let records = vec!["exception: a key press that is not one of 0-9 * # A-D"; wrong.len()];
    server.survives("echo", &sent, b"", &records);
}

fn a_frame_of_an_unknown_kind_is_ignored(server: &TestServer) {
    let kinds = (0x04..=0x0f).chain(0x19..=0xfe);
    let mut sent = Vec::new();
    let mut records = Vec::new();
    for kind in kinds {
        sent.extend(frame(kind, b""));
        sent.extend(frame(kind, b"what?"));
        records.push(format!("ignored 0x{kind:02x} \"\""));
        records.push(format!("ignored 0x{kind:02x} \"what?\""));
    }
    server.survives("echo", &sent, b"", &records);
}

/// Kind 0x02 of the first specification, with and without a payload.
fn a_silence_frame_is_ignored(server: &TestServer) {
    let sent = [frame(0x02, b""), frame(0x02, b"\0\0")].concat();
    let records = [
        "ignored 0x02 (silence) \"\"",
        "ignored 0x02 (silence) \"\\x00\\x00\"",
    ];
    server.survives("echo", &sent, b"", &records);
}

/// The case sends all 128 values. The call goes on.
fn an_error_without_the_hangup_flag_is_an_exception(server: &TestServer) {
    let mut sent = Vec::new();
    let mut records = Vec::new();
    for flags in (0..=0xff).step_by(2) {
        sent.extend(frame(0xff, &[flags]));
        records.push(reported(flags));
    }
    server.survives("echo", &sent, b"", &records);
}

/// The case sends all 127 values.
fn an_error_with_the_hangup_flag_and_another_fails_the_call(server: &TestServer) {
    for flags in (0x03..=0xff).step_by(2) {
        let records = [reported(flags)];
        let end = records[0].replace("exception", "failed");
        server.ends("echo", &frame(0xff, &[flags]), &HANGUP, &records, &end);
    }
}

fn an_error_with_the_hangup_flag_alone_is_a_hangup(server: &TestServer) {
    let sent = frame(0xff, &[0x01]);
    server.ends("echo", &sent, b"", &NOTHING, PEER_HUNG_UP);
}

/// An empty error frame has no flags.
fn the_first_byte_of_an_error_frame_counts(server: &TestServer) {
    let sent = [&b""[..], &[0x02, 0x01], &[0x04; 300]].map(|flags| frame(0xff, flags));
    let sent = sent.concat();
    let records = [reported(0), reported(2), reported(4)];
    server.survives("echo", &sent, b"", &records);
    let sent = frame(0xff, &[0x01, 0x02]);
    server.ends("echo", &sent, b"", &NOTHING, PEER_HUNG_UP);
}

/// The server sends nothing back.
fn a_hangup_frame_with_any_payload_ends_the_call(server: &TestServer) {
    for payload in [&b""[..], b"x", &noise(3000)] {
        let sent = frame(0x00, payload);
        server.ends("echo", &sent, b"", &NOTHING, PEER_HUNG_UP);
    }
}

/// The UUID and ignored frames are frames. Empty audio is not audio. Audio that could not be sent
/// is not counted as sent.
fn statistics_count_received_sent_and_ignored_frames(server: &TestServer) {
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
    let stats = stats_record(
        "frames_received: 9, audio_frames_received: 5, audio_bytes_received: 47, \
         audio_frames_sent: 2, audio_bytes_sent: 29, frames_dropped: 0",
    );
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
        &stats,
    ];
    server.survives("echo", &sent, &back, &records);
}

fn reported(flags: u8) -> String {
    let flag = |bit: u8, name| (flags & bit != 0).then_some(name);
    let names = [
        flag(1, "hangup"),
        flag(2, "frame forwarding"),
        flag(4, "memory"),
    ];
    let names = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let names = if names.is_empty() {
        names
    } else {
        format!(" ({names})")
    };
    format!("exception: the peer reported error 0x{flags:02x}{names}")
}
