//! A panic ends its own call, is reported, and goes no further.

use audiosocket_proto::Transmit;

use crate::acceptors::{ACCEPT, answering, panicking_in, silent};
use crate::call::{HANGUP, uuid_frame};
use crate::connection::Connection;
use crate::wire::frame;

/// Runs a call through every callback, and asserts what was told and that the caller heard a
/// hangup. Begins with the UUID in a read of its own.
#[track_caller]
fn assert_told(panic_in: &'static [&'static str], reads: &[Vec<u8>], expected: &[&str]) {
    let acceptor = panicking_in(panic_in);
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(acceptor);
    connection.receive(&uuid_frame());
    for read in reads {
        connection.receive(read);
    }
    assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
    assert_eq!(transcript.take_lines(), expected);
    connection.see_to_close();
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0], "nothing after the end");
}

#[test]
fn in_accept() {
    assert_told(
        &["accept"],
        &[frame(0x10, &[1, 2])],
        &[ACCEPT, r#"no call: the handler panicked: "in accept""#],
    );
}

#[test]
fn in_accept_and_again_when_that_is_reported() {
    assert_told(
        &["accept", "on_exception"],
        &[frame(0x10, &[1, 2])],
        &[ACCEPT, r#"no call: the handler panicked: "in accept""#],
    );
}

#[test]
fn in_on_start() {
    assert_told(
        &["on_start"],
        &[frame(0x10, &[1, 2])],
        &[
            ACCEPT,
            "start",
            r#"exception: the handler panicked: "in on_start""#,
            "end: handler panicked",
            "drop",
        ],
    );
}

#[test]
fn in_on_audio() {
    assert_told(
        &["on_audio"],
        &[[frame(0x10, &[1, 2]), frame(0x10, &[3, 4])].concat()],
        &[
            ACCEPT,
            "start",
            "audio slin 2 bytes",
            r#"exception: the handler panicked: "in on_audio""#,
            "end: handler panicked",
            "drop",
        ],
    );
}

#[test]
fn in_on_dtmf() {
    assert_told(
        &["on_dtmf"],
        &[frame(0x03, b"1"), frame(0x03, b"2")],
        &[
            ACCEPT,
            "start",
            "dtmf 1",
            r#"exception: the handler panicked: "in on_dtmf""#,
            "end: handler panicked",
            "drop",
        ],
    );
}

#[test]
fn in_on_ignored() {
    assert_told(
        &["on_ignored"],
        &[frame(0x02, &[]), frame(0x02, &[])],
        &[
            ACCEPT,
            "start",
            "ignored 0x02 (silence) 0 bytes",
            r#"exception: the handler panicked: "in on_ignored""#,
            "end: handler panicked",
            "drop",
        ],
    );
}

/// The panic itself is an exception too, and the handler that panics at each is asked once more.
#[test]
fn in_on_exception() {
    assert_told(
        &["on_exception"],
        &[frame(0xff, &[0x04]), frame(0xff, &[0x04])],
        &[
            ACCEPT,
            "start",
            "exception: the peer reported error 0x04 (memory)",
            r#"exception: the handler panicked: "in on_exception""#,
            "end: handler panicked",
            "drop",
        ],
    );
}

#[test]
fn in_the_on_exception_that_tells_of_the_end() {
    assert_told(
        &["on_exception"],
        &[uuid_frame()],
        &[
            ACCEPT,
            "start",
            "exception: a second UUID on the same connection",
            "end: failed: a second UUID on the same connection",
            "drop",
        ],
    );
}

#[test]
fn in_on_end() {
    assert_told(
        &["on_end"],
        &[frame(0x03, b"#")],
        &[
            ACCEPT,
            "start",
            "dtmf #",
            "end: hung up by this side",
            "drop",
        ],
    );
}

#[test]
fn in_the_handlers_drop() {
    assert_told(
        &["drop"],
        &[frame(0x03, b"#")],
        &[
            ACCEPT,
            "start",
            "dtmf #",
            "end: hung up by this side",
            "drop",
        ],
    );
}

#[test]
fn in_everything_from_on_audio_on() {
    assert_told(
        &["on_audio", "on_exception", "on_end", "drop"],
        &[frame(0x10, &[1, 2])],
        &[
            ACCEPT,
            "start",
            "audio slin 2 bytes",
            r#"exception: the handler panicked: "in on_audio""#,
            "end: handler panicked",
            "drop",
        ],
    );
}

#[test]
fn while_the_driver_is_dropped() {
    let acceptor = panicking_in(&["on_end", "drop"]);
    let transcript = acceptor.transcript();
    drop(Connection::talking(acceptor));
    assert_eq!(
        transcript.take_lines(),
        [ACCEPT, "start", "end: abandoned", "drop"]
    );
}

#[test]
fn after_the_connection_is_gone() {
    let acceptor = panicking_in(&["on_end"]);
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    connection.eof();
    assert_eq!(connection.transmit(), Transmit::Close);
    drop(connection);
    assert_eq!(
        transcript.take_lines(),
        [ACCEPT, "start", "end: closed by the peer", "drop"]
    );
}

#[test]
fn what_was_answered_before_is_sent() {
    let acceptor = panicking_in(&["on_audio"]);
    let mut connection = Connection::talking(acceptor);
    connection.receive(&[frame(0x03, b"*"), frame(0x10, &[1, 2])].concat());
    assert_eq!(
        connection.flush(),
        [&frame(0x10, b"star")[..], &HANGUP].concat()
    );
}

#[test]
fn other_calls_of_the_same_server_notice_nothing() {
    let acceptor = answering(|_, _| panic!("boom"));
    let transcript = acceptor.transcript();
    let (mut one, mut other) = (
        Connection::talking(acceptor.clone()),
        Connection::talking(acceptor),
    );
    one.receive(&frame(0x10, &[1, 2]));
    assert_eq!(
        transcript.take_lines()[5..],
        [
            r#"exception: the handler panicked: "boom""#,
            "end: handler panicked",
            "drop"
        ]
    );
    other.receive(&frame(0x03, b"*"));
    assert_eq!(other.flush(), frame(0x10, b"star"));
    assert_eq!(transcript.take_lines(), ["dtmf *"]);
}

#[test]
fn a_panic_without_words_is_told_too() {
    let acceptor = answering(|_, _| std::panic::panic_any(42));
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    connection.receive(&frame(0x10, &[1, 2]));
    assert_eq!(
        transcript.take_lines()[3..],
        [
            r#"exception: the handler panicked: "(no message)""#,
            "end: handler panicked",
            "drop"
        ]
    );
}

/// The words of a panic are the handler's too, and go away as its own value does.
#[test]
fn in_the_drop_of_what_it_panicked_with() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("once more");
        }
    }
    // In `on_audio`, and then in `on_exception` and `on_end` as well.
    let acceptor = silent().in_call(|_, record| {
        if record.callback() != "on_start" {
            std::panic::panic_any(Bomb);
        }
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    assert_eq!(transcript.take_lines(), [ACCEPT, "start"]);
    connection.receive(&frame(0x10, &[1, 2]));
    assert_eq!(
        transcript.take_lines(),
        [
            "audio slin 2 bytes",
            r#"exception: the handler panicked: "(no message)""#,
            "end: handler panicked",
            "drop",
        ]
    );
    assert_eq!(connection.flush(), HANGUP);
}

#[test]
fn in_on_mark() {
    let acceptor = panicking_in(&["on_mark"]).in_call(|call, record| {
        if record.callback() == "on_start" {
            call.mark(1).unwrap();
            call.mark(2).unwrap();
        }
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    assert_eq!(
        transcript.take_lines(),
        [
            ACCEPT,
            "start",
            "mark 1: Played",
            r#"exception: the handler panicked: "in on_mark""#,
            "end: handler panicked",
            "drop",
        ]
    );
    connection.see_to_close();
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0], "nothing after the end");
}
