//! The contract of the two closures, each case as an exact transcript.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_server::{Callbacks, Refusal, Response};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{TestConnection, Transcript};
use crate::wire::frame;

/// Returns a server that echoes and records its callbacks. It panics at the audio `boom`, and hangs up at `bye`.
fn server(transcript: &Transcript) -> Callbacks {
    let (audios, exceptions, keys) = (transcript.clone(), transcript.clone(), transcript.clone());
    Callbacks::new(
        move |uuid, peer, audio| {
            audios.add(format!("audio {} {peer} {:?}", last(uuid), audio.payload()));
            match audio.payload() {
                b"boom" => panic!("by request"),
                b"bye" => Vec::new().into(),
                // It also answers the empty audio. That answer has no effect.
                b"" => b"too late"[..].into(),
                _ => audio.into(),
            }
        },
        move |uuid, peer, error| {
            let uuid = uuid.map(last);
            exceptions.add(format!("exception {uuid:?} {peer} {error}"));
        },
    )
    .on_dtmf(move |uuid, peer, digit| {
        keys.add(format!("dtmf {} {peer} {digit}", last(uuid)));
        match digit.as_char() {
            '#' => Response::Hangup,
            _ => vec![digit.as_byte()].into(),
        }
    })
}

/// Returns the last byte of a UUID, which identifies it in the transcript.
fn last(uuid: audiosocket_proto::Uuid) -> u8 {
    uuid.as_bytes()[15]
}

/// Drives a call, and asserts the callbacks of the closures after its UUID.
#[track_caller]
fn assert_callbacks(drive: impl FnOnce(&mut TestConnection<Callbacks>), expected: &[&str]) {
    let transcript = Transcript::default();
    let mut line = TestConnection::talking(server(&transcript));
    assert_eq!(transcript.take(), [""; 0], "the start has no callback");
    drive(&mut line);
    assert_eq!(transcript.take(), expected);
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "nothing after the empty audio");
}

const EMPTY: &str = "audio 19 tester []";

#[test]
fn the_caller_speaks_and_hangs_up() {
    assert_callbacks(
        |line| {
            line.receive(&frame(0x10, &[1, 2]));
            line.receive(&frame(0x12, &[3]));
            assert_eq!(
                line.flush(),
                [frame(0x10, &[1, 2]), frame(0x12, &[3])].concat()
            );
            line.eof();
            assert_eq!(line.flush(), [0_u8; 0], "the last answer is not sent");
        },
        &["audio 19 tester [1, 2]", "audio 19 tester [3]", EMPTY],
    );
}

/// Empty audio means the end of the call, so empty audio of the peer must not reach the closure.
#[test]
fn empty_audio_of_the_peer_is_not_passed_on() {
    assert_callbacks(
        |line| {
            line.receive(&[frame(0x10, b""), frame(0x10, &[1])].concat());
            line.eof();
        },
        &["audio 19 tester [1]", EMPTY],
    );
}

#[test]
fn an_empty_answer_hangs_up() {
    assert_callbacks(
        |line| {
            line.receive(&[frame(0x10, b"bye"), frame(0x10, b"more")].concat());
            assert_eq!(line.flush(), HANGUP);
        },
        &["audio 19 tester [98, 121, 101]", EMPTY],
    );
}

#[test]
fn on_dtmf_gets_keys_and_answers_them() {
    assert_callbacks(
        |line| {
            line.receive(&[frame(0x03, b"5"), frame(0x03, b"#")].concat());
            assert_eq!(line.flush(), [&frame(0x10, b"5")[..], &HANGUP].concat());
        },
        &["dtmf 19 tester 5", "dtmf 19 tester #", EMPTY],
    );
}

#[test]
fn on_dtmf_is_optional() {
    let mut line =
        TestConnection::talking(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
    line.receive(&[frame(0x03, b"5"), frame(0x10, &[1])].concat());
    assert_eq!(line.flush(), frame(0x10, &[1]));
}

#[test]
fn a_panic_is_an_exception_before_the_end() {
    assert_callbacks(
        |line| {
            line.receive(&frame(0x10, b"boom"));
            assert_eq!(line.flush(), HANGUP);
        },
        &[
            "audio 19 tester [98, 111, 111, 109]",
            r#"exception Some(19) tester the handler panicked: "by request""#,
            EMPTY,
        ],
    );
}

#[test]
fn an_error_of_asterisk_is_an_exception() {
    assert_callbacks(
        |line| {
            line.receive(&[frame(0xff, &[2]), frame(0xff, &[4])].concat());
            line.eof();
        },
        &[
            "exception Some(19) tester the peer reported error 0x02 (frame forwarding)",
            "exception Some(19) tester the peer reported error 0x04 (memory)",
            EMPTY,
        ],
    );
}

#[test]
fn a_hangup_by_an_error_code_of_asterisk_is_no_exception() {
    assert_callbacks(|line| line.receive(&frame(0xff, &[1])), &[EMPTY]);
    assert_callbacks(|line| line.receive(&HANGUP), &[EMPTY]);
}

#[test]
fn a_reset_between_frames_is_no_exception() {
    let reset = |line: &mut TestConnection<Callbacks>| line.read_error(ErrorKind::ConnectionReset);
    assert_callbacks(reset, &[EMPTY]);
}

#[test]
fn a_connection_that_breaks_is_an_exception_before_the_end() {
    assert_callbacks(
        |line| line.read_error(ErrorKind::HostUnreachable),
        &[
            "exception Some(19) tester the connection was lost: host unreachable",
            EMPTY,
        ],
    );
}

#[test]
fn a_cut_frame_is_an_exception_before_the_end() {
    assert_callbacks(
        |line| {
            line.receive(&frame(0x10, &[1, 2])[..4]);
            line.eof();
        },
        &[
            "exception Some(19) tester the connection ended inside a frame, 4 bytes into it",
            EMPTY,
        ],
    );
}

#[test]
fn a_hangup_by_a_handle_or_a_shutdown_is_no_exception() {
    assert_callbacks(
        |line| {
            line.driver.handle().hangup();
            line.poll_commands();
        },
        &[EMPTY],
    );
    assert_callbacks(
        |line| {
            line.calls.shut_down();
            line.poll_commands();
        },
        &[EMPTY],
    );
}

#[test]
fn a_dropped_driver_sends_the_empty_audio() {
    let transcript = Transcript::default();
    drop(TestConnection::talking(server(&transcript)));
    assert_eq!(transcript.take(), [EMPTY]);
}

#[test]
fn without_a_uuid_there_is_an_exception_and_no_end() {
    let transcript = Transcript::default();
    let mut line = TestConnection::new(server(&transcript));
    line.wait(Duration::from_secs(5));
    line.expect_close();
    drop(line);
    assert_eq!(
        transcript.take(),
        ["exception None tester no UUID came in time"]
    );
}

#[test]
fn a_refused_call_has_no_callback() {
    let transcript = Transcript::default();
    let refusing = server(&transcript).accept_if(|request| match last(request.uuid) {
        0x13 => Err(Refusal::new("not today")),
        _ => Ok(()),
    });
    let mut line = TestConnection::new(refusing.clone());
    line.receive(&[uuid_frame(), frame(0x10, &[1])].concat());
    assert_eq!(line.flush(), HANGUP);
    line.expect_close();
    assert_eq!(
        line.driver.refusal().map(ToString::to_string).as_deref(),
        Some("not today")
    );
    drop(line);
    assert_eq!(transcript.take(), [""; 0]);

    let mut line = TestConnection::new(refusing);
    line.receive(&[frame(0x01, &[7; 16]), frame(0x10, &[1])].concat());
    assert_eq!(transcript.take(), ["audio 7 tester [1]"]);
}
