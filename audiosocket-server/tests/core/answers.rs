//! What the answers of callbacks send.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_proto::{Audio, Bytes, SampleRate, Transmit};
use audiosocket_server::Response;

use crate::recorder::{RecordingAcceptor, TestConnection, Transcript};
use crate::wire::frame;

#[test]
fn an_echo_keeps_the_rate() {
    let mut line = TestConnection::talking(RecordingAcceptor::echo());
    for kind in 0x10..=0x18 {
        line.receive(&frame(kind, &[kind; 321]));
        assert_eq!(line.flush(), frame(kind, &[kind; 321]));
    }
}

#[test]
fn the_type_of_an_answer_decides_its_rate() {
    type Answer = for<'a> fn(Audio<'a>) -> Response<'a>;
    let cases: [(Answer, Vec<u8>); 8] = [
        (|_| ().into(), vec![]),
        (|_| None::<Vec<u8>>.into(), vec![]),
        (|audio| audio.into(), frame(0x12, &[1, 2])),
        (|audio| audio.payload().into(), frame(0x10, &[1, 2])),
        (|_| vec![7; 3].into(), frame(0x10, &[7; 3])),
        (|_| Bytes::from_static(b"abc").into(), frame(0x10, b"abc")),
        (
            |_| (SampleRate::Hz48000, Bytes::from_static(b"abc")).into(),
            frame(0x16, b"abc"),
        ),
        (|_| Some(vec![9]).into(), frame(0x10, &[9])),
    ];
    for (answer, expected) in cases {
        let mut line = TestConnection::talking(
            RecordingAcceptor::new().on_audio(move |_, audio| answer(audio)),
        );
        line.receive(&frame(0x12, &[1, 2]));
        assert_eq!(line.flush(), expected);
    }
}

#[test]
fn all_answers_to_one_read_leave_in_one_write() {
    let mut line = TestConnection::talking(RecordingAcceptor::echo());
    let read: Vec<u8> = (1..=25).flat_map(|n| frame(0x10, &[n; 320])).collect();
    line.receive(&read);
    assert_eq!(line.transmit(), Transmit::Bytes(&read));
}

#[test]
fn sent_audio_leaves_before_the_answer_of_the_callback() {
    let desk = RecordingAcceptor::echo().on_any(|name, call| {
        let audio = Audio::new(SampleRate::Hz16000, name.as_bytes());
        if name != "on_end" {
            call.send(audio).unwrap();
        }
    });
    let mut line = TestConnection::talking(desk);
    assert_eq!(line.flush(), frame(0x12, b"on_start"));
    line.receive(&frame(0x10, &[1, 2]));
    let expected = [frame(0x12, b"on_audio"), frame(0x10, &[1, 2])].concat();
    assert_eq!(line.flush(), expected);
    line.receive(&frame(0x03, b"*"));
    let expected = [frame(0x12, b"on_dtmf"), frame(0x10, b"star")].concat();
    assert_eq!(line.flush(), expected);
    line.receive(&frame(0x03, b"?"));
    assert_eq!(line.flush(), frame(0x12, b"on_exception"));
    line.receive(&frame(0x99, b""));
    assert_eq!(line.flush(), frame(0x12, b"on_ignored"));
}

#[test]
fn audio_that_is_too_long_is_reported_and_the_call_goes_on() {
    for len in [65_536, 131_000, 200_000] {
        let desk = RecordingAcceptor::new().on_audio(move |_, _| vec![0; len].into());
        let transcript = desk.transcript.clone();
        let mut line = TestConnection::talking(desk);
        transcript.take();
        let exception = format!("exception Answer(AudioTooLong {{ len: {len} }})");
        // Each of them is reported, since the handler is the cause, and not the peer.
        for _ in 0..3 {
            line.receive(&frame(0x10, &[1, 2]));
            assert_eq!(transcript.take(), ["audio slin 2", &exception]);
        }
        assert_eq!(line.flush(), [0_u8; 0]);
        line.receive(&frame(0x03, b"*"));
        assert_eq!(line.flush(), frame(0x10, b"star"));
    }
}

#[test]
fn a_full_send_buffer_is_reported_once() {
    const FULL: &str = "exception Answer(QueueFull)";
    let desk = RecordingAcceptor::echo();
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking_with(desk, |config| config.max_unsent(200));
    transcript.take();
    let audio = frame(0x10, &[1; 97]);

    line.receive(&audio.repeat(2));
    assert_eq!(transcript.take(), ["audio slin 97"; 2]);
    line.receive(&audio.repeat(3));
    let heard = "audio slin 97";
    assert_eq!(transcript.take(), [heard, FULL, heard, heard]);

    // The peer reads, and stops again.
    assert_eq!(line.flush(), audio.repeat(2));
    line.receive(&audio.repeat(4));
    assert_eq!(transcript.take(), [heard, heard, heard, FULL, heard]);
}

/// Errors of the handler in between do not cause a second report.
#[test]
fn a_full_send_buffer_is_not_reported_again_until_the_peer_reads() {
    let desk = RecordingAcceptor::new().on_audio(|_, audio| match audio.len() {
        1 => vec![0; 70_000].into(),
        _ => audio.into(),
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking_with(desk, |config| config.max_unsent(5));
    line.receive(&frame(0x10, &[1, 2]));
    transcript.take();
    for payload in [&[1, 2][..], &[1], &[1, 2]] {
        line.receive(&frame(0x10, payload));
    }
    assert_eq!(
        transcript.take(),
        [
            "audio slin 2",
            "exception Answer(QueueFull)",
            "audio slin 1",
            "exception Answer(AudioTooLong { len: 70000 })",
            "audio slin 2",
        ]
    );
}

#[test]
fn a_call_has_its_uuid_peer_rate_duration_and_counters() {
    let seen = Transcript::default();
    let sink = seen.clone();
    let desk = RecordingAcceptor::echo().on_any(move |name, call| {
        let stats = call.stats();
        sink.add(format!(
            "{name} {} {} {:?} in {} out {}",
            call.uuid(),
            call.peer(),
            call.duration(),
            stats.session.audio_frames_received,
            stats.session.audio_frames_sent,
        ));
    });
    // The time of each input counts. No other clock is read.
    let mut line = TestConnection::talking(desk);
    line.pass(Duration::from_millis(20));
    line.receive(&frame(0x10, &[1, 2]));
    line.pass(Duration::from_millis(20));
    line.eof();
    let who = "40325ec2-5efd-4bd3-805f-53576e581d13 tester";
    assert_eq!(
        seen.take(),
        [
            format!("on_start {who} 0ns in 0 out 0"),
            format!("on_audio {who} 20ms in 1 out 0"),
            format!("on_end {who} 40ms in 1 out 1"),
        ]
    );
}

#[test]
fn on_end_has_the_time_of_the_end() {
    type Provocation = fn(&mut TestConnection<RecordingAcceptor>);
    let ends: [Provocation; 5] = [
        |line| line.eof(),
        |line| line.read_error(ErrorKind::ConnectionReset),
        |line| line.read_error(ErrorKind::TimedOut),
        |line| line.write_error(ErrorKind::TimedOut),
        |line| line.wait(Duration::ZERO),
    ];
    for provoke in ends {
        let seen = Transcript::default();
        let sink = seen.clone();
        let desk = RecordingAcceptor::new().on_any(move |name, call| {
            sink.add(format!("{name} {:?}", call.duration()));
        });
        let mut line = TestConnection::talking_with(desk, |config| {
            config.idle_timeout(Some(Duration::from_secs(7)))
        });
        line.pass(Duration::from_secs(7));
        provoke(&mut line);
        assert_eq!(seen.take().last().map(String::as_str), Some("on_end 7s"));
    }
}
