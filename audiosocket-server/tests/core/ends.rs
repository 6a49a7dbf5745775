//! `on_end` comes last and exactly once, in every way that a call can end.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_proto::Transmit;
use audiosocket_server::{CallHandle, Response};

use crate::acceptors::{ACCEPT, Recorded, Transcript, answering, echo, silent};
use crate::call::{HANGUP, uuid_frame};
use crate::connection::Connection;
use crate::wire::frame;

/// Ends a call by `end`, and asserts what its handler was told, from its start to its drop.
#[track_caller]
fn assert_told(acceptor: Recorded, end: impl FnOnce(&mut Connection<Recorded>), expected: &[&str]) {
    let transcript = acceptor.transcript();
    let mut connection = Connection::with(acceptor, |config| {
        config.idle_timeout = Some(Duration::from_secs(60));
    });
    connection.receive(&uuid_frame());
    assert_eq!(transcript.take_lines(), [ACCEPT, "start"]);
    end(&mut connection);
    assert_eq!(transcript.take_lines(), [expected, &["drop"]].concat());
    connection.see_to_close();
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0], "nothing after the end");
}

#[test]
fn the_caller_hangs_up() {
    assert_told(
        silent(),
        |connection| connection.eof(),
        &["end: closed by the peer"],
    );
}

#[test]
fn the_caller_hangs_up_in_the_middle_of_a_frame() {
    assert_told(
        silent(),
        |connection| {
            connection.receive(&frame(0x10, &[1, 2])[..4]);
            connection.eof();
        },
        &[
            "exception: the connection ended inside a frame, 4 bytes into it",
            "end: failed: the connection ended inside a frame, 4 bytes into it",
        ],
    );
}

#[test]
fn the_peer_says_hangup() {
    let by_frame = |connection: &mut Connection<Recorded>| connection.receive(&HANGUP);
    assert_told(silent(), by_frame, &["end: hung up by the peer"]);
    let by_error =
        |connection: &mut Connection<Recorded>| connection.receive(&frame(0xff, &[0x01]));
    assert_told(silent(), by_error, &["end: hung up by the peer"]);
}

#[test]
fn the_connection_is_reset() {
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
    ] {
        assert_told(
            silent(),
            |connection| connection.read_error(kind),
            &["end: reset by the peer"],
        );
    }
}

#[test]
fn the_connection_is_reset_in_the_middle_of_a_frame() {
    assert_told(
        silent(),
        |connection| {
            connection.receive(&[0x10]);
            connection.read_error(ErrorKind::ConnectionReset);
        },
        &[
            "exception: the connection ended inside a frame, 1 bytes into it",
            "end: failed: the connection ended inside a frame, 1 bytes into it",
        ],
    );
}

#[test]
fn reading_or_writing_fails_otherwise() {
    let expected = [
        "exception: the connection was lost: timed out",
        "end: connection lost",
    ];
    let read = |connection: &mut Connection<Recorded>| connection.read_error(ErrorKind::TimedOut);
    assert_told(silent(), read, &expected);
    let write = |connection: &mut Connection<Recorded>| connection.write_error(ErrorKind::TimedOut);
    assert_told(silent(), write, &expected);
}

/// What the peer sent before it closed is still to be read, and then the read side tells.
#[test]
fn writing_meets_the_end_of_the_connection() {
    assert_told(
        echo(),
        |connection| {
            connection.write_error(ErrorKind::BrokenPipe);
            connection.receive(&frame(0x10, &[1, 2]));
            assert_eq!(connection.transmit(), Transmit::Idle);
            connection.eof();
        },
        &["audio slin 2 bytes", "end: closed by the peer"],
    );
}

#[test]
fn on_audio_answers_with_a_hangup() {
    let answers: [fn() -> Response<'static>; 4] = [
        || Response::Hangup,
        || Vec::new().into(),
        || b""[..].into(),
        || Response::from(Some(Vec::new())),
    ];
    for answer in answers {
        assert_told(
            answering(move |_, _| answer()),
            |connection| {
                connection.receive(&frame(0x10, &[1, 2]));
                assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
            },
            &["audio slin 2 bytes", "end: hung up by this side"],
        );
    }
}

#[test]
fn on_dtmf_answers_with_a_hangup() {
    assert_told(
        silent(),
        |connection| {
            connection.receive(&frame(0x03, b"#"));
            assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["dtmf #", "end: hung up by this side"],
    );
}

#[test]
fn a_callback_asks_for_a_hangup() {
    assert_told(
        answering(|call, audio| {
            call.hangup();
            audio.into()
        }),
        |connection| {
            connection.receive(&frame(0x10, &[1, 2]));
            assert_eq!(
                connection.flush(),
                [&frame(0x10, &[1, 2])[..], &HANGUP].concat()
            );
        },
        &["audio slin 2 bytes", "end: hung up by this side"],
    );
}

#[test]
fn any_callback_can_ask_for_a_hangup() {
    for (callback, provocation, told) in [
        ("on_dtmf", frame(0x03, b"1"), "dtmf 1"),
        (
            "on_ignored",
            frame(0x10, b""),
            "ignored 0x10 (audio slin) 0 bytes",
        ),
        (
            "on_exception",
            frame(0xff, &[0x02]),
            "exception: the peer reported error 0x02 (frame forwarding)",
        ),
    ] {
        assert_told(
            silent().in_call(move |call, record| {
                if record.callback() == callback {
                    call.hangup();
                }
            }),
            |connection| connection.receive(&provocation),
            &[told, "end: hung up by this side"],
        );
    }
}

#[test]
fn on_start_can_ask_for_a_hangup() {
    let acceptor = silent().in_call(|call, record| {
        if record.callback() == "on_start" {
            call.hangup();
        }
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(acceptor);
    // What came in the same read is told to nobody.
    connection.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_eq!(
        transcript.take_lines(),
        [ACCEPT, "start", "end: hung up by this side", "drop"]
    );
    assert_eq!(connection.flush(), HANGUP);
    connection.see_to_close();
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0]);
}

#[test]
fn a_handle_hangs_up() {
    assert_told(
        silent(),
        |connection| {
            let handle: CallHandle = connection.driver.handle().clone();
            handle.hangup();
            assert_eq!(
                connection.transmit(),
                Transmit::Idle,
                "not before it is polled"
            );
            connection.poll_commands();
            assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["end: hung up by this side"],
    );
}

#[test]
fn a_server_that_shuts_down_hangs_up() {
    assert_told(
        silent(),
        |connection| {
            connection.calls.shut_down();
            connection.poll_commands();
            assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["end: hung up by shutdown"],
    );
}

#[test]
fn the_peer_sends_a_second_uuid() {
    assert_told(
        silent(),
        |connection| connection.receive(&uuid_frame()),
        &[
            "exception: a second UUID on the same connection",
            "end: failed: a second UUID on the same connection",
        ],
    );
}

#[test]
fn the_peer_reports_an_error_and_a_hangup() {
    assert_told(
        silent(),
        |connection| connection.receive(&frame(0xff, &[0x05])),
        &[
            "exception: the peer reported error 0x05 (hangup, memory)",
            "end: failed: the peer reported error 0x05 (hangup, memory)",
        ],
    );
}

#[test]
fn the_peer_takes_nothing() {
    assert_told(
        echo(),
        |connection| {
            connection.receive(&frame(0x10, &[1, 2]));
            connection.wait(Duration::from_secs(30));
            assert_eq!(connection.transmit(), Transmit::Close);
        },
        &[
            "audio slin 2 bytes",
            "exception: the peer stopped taking what was sent to it",
            "end: failed: the peer stopped taking what was sent to it",
        ],
    );
}

#[test]
fn the_peer_sends_nothing() {
    assert_told(
        silent(),
        |connection| connection.wait(Duration::from_secs(60)),
        &[
            "exception: the peer sent nothing for too long",
            "end: failed: the peer sent nothing for too long",
        ],
    );
}

#[test]
fn whoever_drives_the_call_lets_it_fall() {
    let acceptor = silent();
    let transcript = acceptor.transcript();
    let connection = Connection::talking(acceptor);
    drop(connection);
    assert_eq!(
        transcript.take_lines(),
        [ACCEPT, "start", "end: abandoned", "drop"]
    );
}

#[test]
fn nothing_in_the_same_read_is_told_after_the_end() {
    let read = [
        frame(0x10, &[1, 2]),
        frame(0x03, b"#"),
        frame(0x10, &[3, 4]),
        frame(0x03, b"1"),
        frame(0xff, &[0x02]),
        HANGUP.to_vec(),
    ]
    .concat();
    assert_told(
        echo(),
        |connection| {
            connection.receive(&read);
            assert_eq!(
                connection.flush(),
                [&frame(0x10, &[1, 2])[..], &HANGUP].concat()
            );
        },
        &["audio slin 2 bytes", "dtmf #", "end: hung up by this side"],
    );
}

#[test]
fn on_end_cannot_send_any_more() {
    let seen = Transcript::default();
    let sink = seen.clone();
    let acceptor = silent().in_call(move |call, record| {
        if record.callback() == "on_end" {
            let result = call.send(audiosocket_proto::Audio::new(
                audiosocket_proto::SampleRate::Hz8000,
                &[1, 2],
            ));
            call.hangup();
            sink.note(format!("{result:?}"));
        }
    });
    assert_told(
        acceptor,
        |connection| connection.receive(&HANGUP),
        &["end: hung up by the peer"],
    );
    assert_eq!(seen.take_lines(), ["Err(NoCall)"]);
}
