//! `on_end` comes last and exactly once, in every way that a call can end.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_proto::Transmit;
use audiosocket_server::{CallHandle, Response};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{ACCEPT, RecordingAcceptor, TestConnection};
use crate::wire::frame;

/// Ends a call with `end`, and asserts the callbacks from its start to its drop.
#[track_caller]
fn assert_callbacks(
    desk: RecordingAcceptor,
    end: impl FnOnce(&mut TestConnection<RecordingAcceptor>),
    expected: &[&str],
) {
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::with(desk, |config| {
        config.idle_timeout(Some(Duration::from_secs(60)))
    });
    line.receive(&uuid_frame());
    assert_eq!(transcript.take(), [ACCEPT, "start"]);
    end(&mut line);
    assert_eq!(transcript.take(), [expected, &["drop"]].concat());
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "nothing after the end");
}

#[test]
fn the_caller_hangs_up() {
    assert_callbacks(RecordingAcceptor::new(), |line| line.eof(), &["end Closed"]);
}

#[test]
fn the_caller_hangs_up_in_the_middle_of_a_frame() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| {
            line.receive(&frame(0x10, &[1, 2])[..4]);
            line.eof();
        },
        &[
            "exception Peer(Truncated { received: 4 })",
            "end Failed(Truncated { received: 4 })",
        ],
    );
}

#[test]
fn the_peer_sends_a_hangup() {
    let by_frame = |line: &mut TestConnection<RecordingAcceptor>| line.receive(&HANGUP);
    assert_callbacks(RecordingAcceptor::new(), by_frame, &["end HangupReceived"]);
    let by_error =
        |line: &mut TestConnection<RecordingAcceptor>| line.receive(&frame(0xff, &[0x01]));
    assert_callbacks(RecordingAcceptor::new(), by_error, &["end HangupReceived"]);
}

#[test]
fn the_connection_is_reset() {
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
    ] {
        assert_callbacks(
            RecordingAcceptor::new(),
            |line| line.read_error(kind),
            &["end Reset"],
        );
    }
}

#[test]
fn the_connection_is_reset_in_the_middle_of_a_frame() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| {
            line.receive(&[0x10]);
            line.read_error(ErrorKind::ConnectionReset);
        },
        &[
            "exception Peer(Truncated { received: 1 })",
            "end Failed(Truncated { received: 1 })",
        ],
    );
}

#[test]
fn reading_or_writing_fails_otherwise() {
    let expected = [
        "exception ConnectionLost(Kind(TimedOut))",
        "end ConnectionLost",
    ];
    let read = |line: &mut TestConnection<RecordingAcceptor>| line.read_error(ErrorKind::TimedOut);
    assert_callbacks(RecordingAcceptor::new(), read, &expected);
    let write =
        |line: &mut TestConnection<RecordingAcceptor>| line.write_error(ErrorKind::TimedOut);
    assert_callbacks(RecordingAcceptor::new(), write, &expected);
}

/// The server must still read the bytes that the peer sent before it closed. The end of the read side then counts.
#[test]
fn a_write_after_the_peer_has_closed_does_not_end_the_call() {
    assert_callbacks(
        RecordingAcceptor::echo(),
        |line| {
            line.write_error(ErrorKind::BrokenPipe);
            line.receive(&frame(0x10, &[1, 2]));
            assert_eq!(line.transmit(), Transmit::Idle);
            line.eof();
        },
        &["audio slin 2", "end Closed"],
    );
}

#[test]
fn on_audio_answers_with_a_hangup() {
    assert_callbacks(
        RecordingAcceptor::new().on_audio(|_, _| Response::Hangup),
        |line| {
            line.receive(&frame(0x10, &[1, 2]));
            assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["audio slin 2", "end HungUp"],
    );
}

#[test]
fn an_empty_answer_sends_nothing_and_the_call_goes_on() {
    let answers: [fn() -> Response<'static>; 3] = [
        || Vec::new().into(),
        || b""[..].into(),
        || Response::from(Some(Vec::new())),
    ];
    for answer in answers {
        assert_callbacks(
            RecordingAcceptor::new().on_audio(move |_, _| answer()),
            |line| {
                line.receive(&frame(0x10, &[1, 2]));
                assert_eq!(line.transmit(), Transmit::Idle);
                line.receive(&HANGUP);
            },
            &["audio slin 2", "end HangupReceived"],
        );
    }
}

#[test]
fn on_dtmf_answers_with_a_hangup() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| {
            line.receive(&frame(0x03, b"#"));
            assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["dtmf #", "end HungUp"],
    );
}

#[test]
fn a_callback_hangs_up() {
    assert_callbacks(
        RecordingAcceptor::new().on_audio(|call, audio| {
            call.hangup();
            audio.into()
        }),
        |line| {
            line.receive(&frame(0x10, &[1, 2]));
            assert_eq!(line.flush(), [&frame(0x10, &[1, 2])[..], &HANGUP].concat());
        },
        &["audio slin 2", "end HungUp"],
    );
}

#[test]
fn every_callback_can_hang_up() {
    for (callback, provocation, expected) in [
        ("on_dtmf", frame(0x03, b"1"), "dtmf 1"),
        (
            "on_ignored",
            frame(0x10, b""),
            "ignored 0x10 (audio slin) 0",
        ),
        (
            "on_exception",
            frame(0xff, &[0x02]),
            "exception Peer(Reported { flags: ErrorFlags(0x02 (frame forwarding)) })",
        ),
    ] {
        assert_callbacks(
            RecordingAcceptor::new().on_any(move |name, call| {
                if name == callback {
                    call.hangup();
                }
            }),
            |line| line.receive(&provocation),
            &[expected, "end HungUp"],
        );
    }
}

#[test]
fn on_start_can_hang_up() {
    let desk = RecordingAcceptor::new().on_any(|name, call| {
        if name == "on_start" {
            call.hangup();
        }
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::new(desk);
    // The rest of the same read has no callback.
    line.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_eq!(transcript.take(), [ACCEPT, "start", "end HungUp", "drop"]);
    assert_eq!(line.flush(), HANGUP);
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0]);
}

#[test]
fn a_handle_hangs_up() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| {
            let handle: CallHandle = line.driver.handle().clone();
            handle.hangup();
            assert_eq!(
                line.transmit(),
                Transmit::Idle,
                "the hangup waits for the next poll"
            );
            line.poll_commands();
            assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["end HungUp"],
    );
}

#[test]
fn a_server_that_shuts_down_hangs_up() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| {
            line.calls.shut_down();
            line.poll_commands();
            assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["end ShutDown"],
    );
}

#[test]
fn the_peer_sends_a_second_uuid() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| line.receive(&uuid_frame()),
        &["exception Peer(UuidRepeated)", "end Failed(UuidRepeated)"],
    );
}

#[test]
fn the_peer_reports_an_error_and_a_hangup() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| line.receive(&frame(0xff, &[0x05])),
        &[
            "exception Peer(Reported { flags: ErrorFlags(0x05 (hangup, memory)) })",
            "end Failed(Reported { flags: ErrorFlags(0x05 (hangup, memory)) })",
        ],
    );
}

#[test]
fn the_peer_does_not_read() {
    assert_callbacks(
        RecordingAcceptor::echo(),
        |line| {
            line.receive(&frame(0x10, &[1, 2]));
            line.wait(Duration::from_secs(30));
            assert_eq!(line.transmit(), Transmit::Close);
        },
        &[
            "audio slin 2",
            "exception Peer(WriteStalled)",
            "end Failed(WriteStalled)",
        ],
    );
}

#[test]
fn the_peer_sends_nothing() {
    assert_callbacks(
        RecordingAcceptor::new(),
        |line| line.wait(Duration::from_secs(60)),
        &["exception Peer(IdleTimeout)", "end Failed(IdleTimeout)"],
    );
}

#[test]
fn the_driver_is_dropped() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let line = TestConnection::talking(desk);
    drop(line);
    assert_eq!(
        transcript.take(),
        [ACCEPT, "start", "end Abandoned", "drop"]
    );
}

#[test]
fn the_rest_of_a_read_has_no_callback_after_the_end() {
    let read = [
        frame(0x10, &[1, 2]),
        frame(0x03, b"#"),
        frame(0x10, &[3, 4]),
        frame(0x03, b"1"),
        frame(0xff, &[0x02]),
        HANGUP.to_vec(),
    ]
    .concat();
    assert_callbacks(
        RecordingAcceptor::echo(),
        |line| {
            line.receive(&read);
            assert_eq!(line.flush(), [&frame(0x10, &[1, 2])[..], &HANGUP].concat());
        },
        &["audio slin 2", "dtmf #", "end HungUp"],
    );
}

#[test]
fn on_end_cannot_send() {
    let seen = crate::recorder::Transcript::default();
    let sink = seen.clone();
    let desk = RecordingAcceptor::new().on_any(move |name, call| {
        if name == "on_end" {
            let result = call.send(audiosocket_proto::Audio::new(
                audiosocket_proto::SampleRate::Hz8000,
                &[1, 2],
            ));
            call.hangup();
            sink.add(format!("{result:?}"));
        }
    });
    assert_callbacks(desk, |line| line.receive(&HANGUP), &["end HangupReceived"]);
    assert_eq!(seen.take(), ["Err(NoCall)"]);
}
