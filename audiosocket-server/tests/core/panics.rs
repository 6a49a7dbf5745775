//! A panic of a callback is reported and ends its call only.

use audiosocket_proto::Transmit;

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{ACCEPT, RecordingAcceptor, TestConnection};
use crate::wire::frame;

/// Runs a call through all callbacks. Asserts the callbacks, and that the peer gets a hangup. The UUID is in a read of its
/// own.
#[track_caller]
fn assert_callbacks(panic_in: &'static [&'static str], reads: &[Vec<u8>], expected: &[&str]) {
    let desk = RecordingAcceptor::panicking_in(panic_in);
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::new(desk);
    line.receive(&uuid_frame());
    for read in reads {
        line.receive(read);
    }
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
    assert_eq!(transcript.take(), expected);
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "nothing after the end");
}

#[test]
fn a_panic_in_accept() {
    assert_callbacks(
        &["accept"],
        &[frame(0x10, &[1, 2])],
        &[
            ACCEPT,
            r#"no call from tester: HandlerPanicked("in accept")"#,
        ],
    );
}

#[test]
fn a_panic_in_accept_and_in_its_report() {
    assert_callbacks(
        &["accept", "acceptor's on_exception"],
        &[frame(0x10, &[1, 2])],
        &[
            ACCEPT,
            r#"no call from tester: HandlerPanicked("in accept")"#,
        ],
    );
}

#[test]
fn a_panic_in_on_start() {
    assert_callbacks(
        &["on_start"],
        &[frame(0x10, &[1, 2])],
        &[
            ACCEPT,
            "start",
            r#"exception HandlerPanicked("in on_start")"#,
            "end HandlerPanicked",
            "drop",
        ],
    );
}

#[test]
fn a_panic_in_on_audio() {
    assert_callbacks(
        &["on_audio"],
        &[[frame(0x10, &[1, 2]), frame(0x10, &[3, 4])].concat()],
        &[
            ACCEPT,
            "start",
            "audio slin 2",
            r#"exception HandlerPanicked("in on_audio")"#,
            "end HandlerPanicked",
            "drop",
        ],
    );
}

#[test]
fn a_panic_in_on_dtmf() {
    assert_callbacks(
        &["on_dtmf"],
        &[frame(0x03, b"1"), frame(0x03, b"2")],
        &[
            ACCEPT,
            "start",
            "dtmf 1",
            r#"exception HandlerPanicked("in on_dtmf")"#,
            "end HandlerPanicked",
            "drop",
        ],
    );
}

#[test]
fn a_panic_in_on_ignored() {
    assert_callbacks(
        &["on_ignored"],
        &[frame(0x02, &[]), frame(0x02, &[])],
        &[
            ACCEPT,
            "start",
            "ignored 0x02 (silence) 0",
            r#"exception HandlerPanicked("in on_ignored")"#,
            "end HandlerPanicked",
            "drop",
        ],
    );
}

/// The panic is an exception too, so `on_exception` runs again and panics again.
#[test]
fn a_panic_in_on_exception() {
    assert_callbacks(
        &["on_exception"],
        &[frame(0xff, &[0x04]), frame(0xff, &[0x04])],
        &[
            ACCEPT,
            "start",
            "exception Peer(Reported { flags: ErrorFlags(0x04 (memory)) })",
            r#"exception HandlerPanicked("in on_exception")"#,
            "end HandlerPanicked",
            "drop",
        ],
    );
}

#[test]
fn a_panic_in_the_on_exception_before_the_end() {
    assert_callbacks(
        &["on_exception"],
        &[uuid_frame()],
        &[
            ACCEPT,
            "start",
            "exception Peer(UuidRepeated)",
            "end Failed(UuidRepeated)",
            "drop",
        ],
    );
}

#[test]
fn a_panic_in_on_end() {
    assert_callbacks(
        &["on_end"],
        &[frame(0x03, b"#")],
        &[ACCEPT, "start", "dtmf #", "end HungUp", "drop"],
    );
}

#[test]
fn a_panic_in_the_drop_of_the_handler() {
    assert_callbacks(
        &["drop"],
        &[frame(0x03, b"#")],
        &[ACCEPT, "start", "dtmf #", "end HungUp", "drop"],
    );
}

#[test]
fn a_panic_in_each_callback_after_on_audio() {
    assert_callbacks(
        &["on_audio", "on_exception", "on_end", "drop"],
        &[frame(0x10, &[1, 2])],
        &[
            ACCEPT,
            "start",
            "audio slin 2",
            r#"exception HandlerPanicked("in on_audio")"#,
            "end HandlerPanicked",
            "drop",
        ],
    );
}

#[test]
fn a_panic_while_the_driver_is_dropped() {
    let desk = RecordingAcceptor::panicking_in(&["on_end", "drop"]);
    let transcript = desk.transcript.clone();
    drop(TestConnection::talking(desk));
    assert_eq!(
        transcript.take(),
        [ACCEPT, "start", "end Abandoned", "drop"]
    );
}

#[test]
fn a_panic_after_the_connection_has_closed() {
    let desk = RecordingAcceptor::panicking_in(&["on_end"]);
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    line.eof();
    assert_eq!(line.transmit(), Transmit::Close);
    drop(line);
    assert_eq!(transcript.take(), [ACCEPT, "start", "end Closed", "drop"]);
}

#[test]
fn earlier_answers_are_sent_after_a_panic() {
    let desk = RecordingAcceptor::panicking_in(&["on_audio"]);
    let mut line = TestConnection::talking(desk);
    line.receive(&[frame(0x03, b"*"), frame(0x10, &[1, 2])].concat());
    assert_eq!(line.flush(), [&frame(0x10, b"star")[..], &HANGUP].concat());
}

#[test]
fn a_panic_does_not_affect_other_calls() {
    let desk = RecordingAcceptor::new().on_audio(|_, _| panic!("boom"));
    let transcript = desk.transcript.clone();
    let (mut one, mut other) = (
        TestConnection::talking(desk.clone()),
        TestConnection::talking(desk),
    );
    one.receive(&frame(0x10, &[1, 2]));
    assert_eq!(
        transcript.take()[5..],
        [
            r#"exception HandlerPanicked("boom")"#,
            "end HandlerPanicked",
            "drop"
        ]
    );
    other.receive(&frame(0x03, b"*"));
    assert_eq!(other.flush(), frame(0x10, b"star"));
    assert_eq!(transcript.take(), ["dtmf *"]);
}

#[test]
fn a_panic_without_a_message_is_reported() {
    let desk = RecordingAcceptor::new().on_audio(|_, _| std::panic::panic_any(42));
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    line.receive(&frame(0x10, &[1, 2]));
    assert_eq!(
        transcript.take()[3..],
        [
            r#"exception HandlerPanicked("(no message)")"#,
            "end HandlerPanicked",
            "drop"
        ]
    );
}

/// The payload of a panic is a value of the handler, and its drop can panic too.
#[test]
fn a_panic_in_the_drop_of_the_payload_of_a_panic() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    // It panics in `on_audio`, and then in `on_exception` and `on_end`.
    let desk = RecordingAcceptor::new().on_any(|name, _| {
        if name != "on_start" {
            std::panic::panic_any(Bomb);
        }
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    assert_eq!(transcript.take(), [ACCEPT, "start"]);
    line.receive(&frame(0x10, &[1, 2]));
    assert_eq!(transcript.take(), ["drop"]);
    assert_eq!(line.flush(), HANGUP);
}

#[test]
fn a_panic_in_on_mark() {
    let desk = RecordingAcceptor::panicking_in(&["on_mark"]).on_any(|name, call| {
        if name == "on_start" {
            call.mark(1).unwrap();
            call.mark(2).unwrap();
        }
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    assert_eq!(
        transcript.take(),
        [
            ACCEPT,
            "start",
            "mark 1 Played",
            r#"exception HandlerPanicked("in on_mark")"#,
            "end HandlerPanicked",
            "drop",
        ]
    );
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "nothing after the end");
}
