//! What the answers of callbacks send.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_proto::{Audio, Bytes, SampleRate, Transmit};
use audiosocket_server::Response;

use crate::acceptors::{Recorded, Transcript, answering, echo, silent};
use crate::connection::Connection;
use crate::wire::frame;

#[test]
fn an_echo_keeps_the_rate() {
    let mut connection = Connection::talking(echo());
    for kind in 0x10..=0x18 {
        connection.receive(&frame(kind, &[kind; 321]));
        assert_eq!(connection.flush(), frame(kind, &[kind; 321]));
    }
}

#[test]
fn what_an_answer_is_made_of_decides_its_rate() {
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
        let mut connection = Connection::talking(answering(move |_, audio| answer(audio)));
        connection.receive(&frame(0x12, &[1, 2]));
        assert_eq!(connection.flush(), expected);
    }
}

#[test]
fn several_answers_to_one_read_leave_in_one_piece() {
    let mut connection = Connection::talking(echo());
    let read: Vec<u8> = (1..=25).flat_map(|n| frame(0x10, &[n; 320])).collect();
    connection.receive(&read);
    assert_eq!(connection.transmit(), Transmit::Bytes(&read));
}

#[test]
fn what_a_callback_sends_leaves_ahead_of_what_it_returns() {
    let acceptor = echo().in_call(|call, record| {
        let audio = Audio::new(SampleRate::Hz16000, record.callback().as_bytes());
        if record.callback() != "on_end" {
            call.send(audio).unwrap();
        }
    });
    let mut connection = Connection::talking(acceptor);
    assert_eq!(connection.flush(), frame(0x12, b"on_start"));
    connection.receive(&frame(0x10, &[1, 2]));
    let expected = [frame(0x12, b"on_audio"), frame(0x10, &[1, 2])].concat();
    assert_eq!(connection.flush(), expected);
    connection.receive(&frame(0x03, b"*"));
    let expected = [frame(0x12, b"on_dtmf"), frame(0x10, b"star")].concat();
    assert_eq!(connection.flush(), expected);
    connection.receive(&frame(0x03, b"?"));
    assert_eq!(connection.flush(), frame(0x12, b"on_exception"));
    connection.receive(&frame(0x99, b""));
    assert_eq!(connection.flush(), frame(0x12, b"on_ignored"));
}

#[test]
fn audio_that_is_too_long_is_reported_and_the_call_goes_on() {
    for len in [65_536, 131_000, 200_000] {
        let acceptor = answering(move |_, _| vec![0; len].into());
        let transcript = acceptor.transcript();
        let mut connection = Connection::talking(acceptor);
        transcript.take_lines();
        let told = format!(
            "exception: the answer was not sent: {len} bytes of audio do not fit one frame, which takes 65,535"
        );
        // Each of them, since it is the handler's own doing and not the peer's.
        for _ in 0..3 {
            connection.receive(&frame(0x10, &[1, 2]));
            assert_eq!(transcript.take_lines(), ["audio slin 2 bytes", &told]);
        }
        assert_eq!(connection.flush(), [0_u8; 0]);
        connection.receive(&frame(0x03, b"*"));
        assert_eq!(connection.flush(), frame(0x10, b"star"));
    }
}

#[test]
fn a_peer_that_falls_behind_is_told_of_once() {
    const FULL: &str = "exception: the answer was not sent: dropped, since the peer takes nothing";
    let acceptor = echo();
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking_with(acceptor, |config| config.max_unsent = 200);
    transcript.take_lines();
    let audio = frame(0x10, &[1; 97]);

    connection.receive(&audio.repeat(2));
    assert_eq!(transcript.take_lines(), ["audio slin 97 bytes"; 2]);
    connection.receive(&audio.repeat(3));
    let heard = "audio slin 97 bytes";
    assert_eq!(transcript.take_lines(), [heard, FULL, heard, heard]);

    // It catches up, and falls behind once more.
    assert_eq!(connection.flush(), audio.repeat(2));
    connection.receive(&audio.repeat(4));
    assert_eq!(transcript.take_lines(), [heard, heard, heard, FULL, heard]);
}

/// Its own mistakes in between do not make the peer fall behind anew.
#[test]
fn a_peer_that_is_behind_stays_so_until_it_takes_something() {
    let acceptor = answering(|_, audio| match audio.len() {
        1 => vec![0; 70_000].into(),
        _ => audio.into(),
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking_with(acceptor, |config| config.max_unsent = 5);
    connection.receive(&frame(0x10, &[1, 2]));
    transcript.take_lines();
    for payload in [&[1, 2][..], &[1], &[1, 2]] {
        connection.receive(&frame(0x10, payload));
    }
    assert_eq!(
        transcript.take_lines(),
        [
            "audio slin 2 bytes",
            "exception: the answer was not sent: dropped, since the peer takes nothing",
            "audio slin 1 bytes",
            "exception: the answer was not sent: 70000 bytes of audio do not fit one frame, which takes 65,535",
            "audio slin 2 bytes",
        ]
    );
}

#[test]
fn a_call_tells_who_it_is_and_how_it_goes() {
    let seen = Transcript::default();
    let sink = seen.clone();
    let acceptor = echo().in_call(move |call, record| {
        let stats = call.stats();
        sink.note(format!(
            "{} {} {} {:?} in {} out {}",
            record.callback(),
            call.uuid(),
            call.peer(),
            call.duration(),
            stats.audio_frames_received,
            stats.audio_frames_sent,
        ));
    });
    // The clock of each input counts, and no other is read.
    let mut connection = Connection::talking(acceptor);
    connection.pass(Duration::from_millis(20));
    connection.receive(&frame(0x10, &[1, 2]));
    connection.pass(Duration::from_millis(20));
    connection.eof();
    let who = "40325ec2-5efd-4bd3-805f-53576e581d13 tester";
    assert_eq!(
        seen.take_lines(),
        [
            format!("on_start {who} 0ns in 0 out 0"),
            format!("on_audio {who} 20ms in 1 out 0"),
            format!("on_end {who} 40ms in 1 out 1"),
        ]
    );
}

#[test]
fn every_end_is_told_at_its_time() {
    type Provocation = fn(&mut Connection<Recorded>);
    let ends: [Provocation; 5] = [
        |connection| connection.eof(),
        |connection| connection.read_error(ErrorKind::ConnectionReset),
        |connection| connection.read_error(ErrorKind::TimedOut),
        |connection| connection.write_error(ErrorKind::TimedOut),
        |connection| connection.wait(Duration::ZERO),
    ];
    for provoke in ends {
        let seen = Transcript::default();
        let sink = seen.clone();
        let acceptor = silent().in_call(move |call, record| {
            sink.note(format!("{} {:?}", record.callback(), call.duration()));
        });
        let mut connection = Connection::talking_with(acceptor, |config| {
            config.idle_timeout = Some(Duration::from_secs(7));
        });
        connection.pass(Duration::from_secs(7));
        provoke(&mut connection);
        assert_eq!(
            seen.take_lines().last().map(String::as_str),
            Some("on_end 7s")
        );
    }
}
