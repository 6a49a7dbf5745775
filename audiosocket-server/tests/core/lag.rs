//! Audio that was dropped before a handler could hear it.

use audiosocket_proto::Transmit;
use audiosocket_server::{InboundBuffer, Lag};

use crate::acceptors::{ACCEPT, panicking_in, silent};
use crate::call::{HANGUP, uuid_frame};
use crate::connection::Connection;
use crate::wire::frame;

const TOLD: &str =
    "exception: the handler is too slow: 2 frames of audio (8 bytes) were dropped unheard";

#[test]
fn it_is_told_ahead_of_what_came_after() {
    let acceptor = silent();
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    transcript.take_lines();
    connection.driver.handle_lag(connection.now, lag());
    connection.receive(&frame(0x10, &[1, 2]));
    assert_eq!(transcript.take_lines(), [TOLD, "audio slin 2 bytes"]);
}

#[test]
fn it_says_how_much() {
    assert_eq!(
        lag().to_string(),
        "the handler is too slow: 2 frames of audio (8 bytes) were dropped unheard"
    );
}

#[test]
fn without_a_call_nobody_is_told() {
    let acceptor = silent();
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(acceptor);
    connection.driver.handle_lag(connection.now, lag());
    assert_eq!(transcript.take_lines(), [""; 0]);
    connection.receive(&uuid_frame());
    assert_eq!(transcript.take_lines(), [ACCEPT, "start"]);
    connection.receive(&HANGUP);
    assert_eq!(
        transcript.take_lines(),
        ["end: hung up by the peer", "drop"]
    );
    connection.driver.handle_lag(connection.now, lag());
    connection.see_to_close();
    connection.driver.handle_lag(connection.now, lag());
    assert_eq!(transcript.take_lines(), [""; 0]);
}

#[test]
fn a_panic_at_it_ends_the_call() {
    let acceptor = panicking_in(&["on_exception"]);
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    transcript.take_lines();
    connection.driver.handle_lag(connection.now, lag());
    let panicked = r#"exception: the handler panicked: "in on_exception""#;
    assert_eq!(
        transcript.take_lines(),
        [TOLD, panicked, "end: handler panicked", "drop"]
    );
    assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
    connection.receive(&frame(0x10, &[1, 2]));
    connection.see_to_close();
    assert_eq!(transcript.take_lines(), [""; 0]);
}

#[test]
fn a_handler_can_hang_up_at_it() {
    let acceptor = silent().in_call(|call, record| {
        if record.callback() == "on_exception" {
            call.hangup();
        }
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    transcript.take_lines();
    connection.driver.handle_lag(connection.now, lag());
    assert_eq!(
        transcript.take_lines(),
        [TOLD, "end: hung up by this side", "drop"]
    );
    assert_eq!(connection.flush(), HANGUP);
}

/// Two frames of four bytes each.
fn lag() -> Lag {
    let mut backlog = InboundBuffer::new(0);
    backlog.push(&frame(0x10, &[1; 4]).repeat(2));
    backlog.take_lag().expect("no room for any")
}
