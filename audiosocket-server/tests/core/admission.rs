//! Calls that are refused, and connections that do not become calls.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_proto::{Audio, Transmit};
use audiosocket_server::{Acceptor, Call, CallRequest, Handler, Refusal, Response};

use crate::acceptors::{
    ACCEPT, Recorded, Transcript, panicking_about_peers, refusing, refusing_peers, silent,
};
use crate::call::{HANGUP, uuid_frame};
use crate::connection::Connection;
use crate::wire::frame;

#[test]
fn a_refused_call_gets_a_hangup_and_tells_why() {
    let acceptor = refusing("the office is closed");
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(acceptor);
    assert_eq!(connection.driver.refusal(), None);
    connection.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_eq!(transcript.take_lines(), [ACCEPT]);
    let refusal = connection.driver.refusal().map(ToString::to_string);
    assert_eq!(refusal.as_deref(), Some("the office is closed"));
    assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
    assert_hung_up_in_silence(connection, &transcript);
}

#[track_caller]
fn assert_hung_up_in_silence(mut connection: Connection<Recorded>, transcript: &Transcript) {
    assert_eq!(connection.flush(), HANGUP);
    assert_eq!(connection.transmit(), Transmit::HalfClose);
    connection.see_to_close();
    assert!(
        connection.driver.refusal().is_some(),
        "for a log at the end"
    );
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0], "no callback tells of it");
}

#[test]
fn a_call_that_is_taken_has_no_refusal() {
    let mut connection = Connection::talking(silent());
    assert_eq!(connection.driver.refusal(), None);
    connection.eof();
    assert_eq!(connection.driver.refusal(), None);
}

/// The hangup leaves at once: no byte of the peer is awaited, and none of what it sends is heard.
#[test]
fn a_refused_peer_gets_a_hangup_before_it_says_anything() {
    let acceptor = refusing_peers("a stranger");
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(acceptor);
    let refusal = connection.driver.refusal().map(ToString::to_string);
    assert_eq!(refusal.as_deref(), Some("tester: a stranger"));
    assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
    connection.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_hung_up_in_silence(connection, &transcript);
}

/// Whoever is refused is held for no longer than any other call that was hung up.
#[test]
fn a_refused_peer_that_stays_is_closed_after_the_linger() {
    let acceptor = refusing_peers("a stranger");
    let linger = Duration::from_millis(700);
    let mut connection = Connection::with(acceptor, |config| config.linger = linger);
    assert_eq!(connection.flush(), HANGUP);
    connection.driver.half_closed();
    assert_eq!(
        connection.driver.poll_timeout(),
        Some(connection.now + linger)
    );
    connection.wait(linger);
    assert_eq!(connection.transmit(), Transmit::Close);
}

#[test]
fn a_panic_about_a_peer_is_told_to_the_acceptor_once() {
    let acceptor = panicking_about_peers();
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(acceptor);
    let told = "no call: the handler panicked: \"in admit_peer\"";
    assert_eq!(transcript.take_lines(), [told]);
    assert_eq!(connection.driver.refusal(), None);
    assert_eq!(connection.flush(), HANGUP);
    connection.receive(&uuid_frame());
    connection.see_to_close();
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0]);
}

/// So that a server can choose what handles a call.
#[test]
fn a_boxed_handler_is_told_everything() {
    let acceptor = silent();
    let transcript = acceptor.transcript();
    let boxed = |acceptor: &Recorded, request: &CallRequest<'_>| -> Box<dyn Handler> {
        Box::new(acceptor.accept(request).expect("it takes every call"))
    };
    let everything = [
        uuid_frame(),
        frame(0x10, &[1, 2]),
        frame(0x03, b"5"),
        frame(0x7f, b"?"),
        frame(0x03, b"?"),
    ]
    .concat();
    let mut connection = Connection::new(acceptor.clone());
    connection.receive(&everything);
    connection.eof();
    let plain = transcript.take_lines();
    let mut connection =
        Connection::new(move |request: &CallRequest<'_>| Ok(boxed(&acceptor, request)));
    connection.receive(&everything);
    connection.eof();
    assert_eq!(transcript.take_lines(), plain);
    assert!(plain.len() >= 7, "{plain:?}");
}

#[test]
fn a_closure_can_accept() {
    struct Echo;
    impl Handler for Echo {
        fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
            audio.into()
        }
    }
    let accept = |request: &CallRequest<'_>| match request.uuid.is_nil() {
        true => Err(Refusal::new("nobody")),
        false => Ok(Echo),
    };
    let mut connection = Connection::talking(accept);
    connection.receive(&frame(0x10, &[1, 2]));
    assert_eq!(connection.flush(), frame(0x10, &[1, 2]));

    let mut connection = Connection::new(accept);
    connection.receive(&frame(0x01, &[0; 16]));
    assert_eq!(connection.flush(), HANGUP);
}

#[test]
fn a_connection_without_a_uuid_is_told_to_the_acceptor_once() {
    let acceptor = silent();
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(acceptor);
    connection.wait(Duration::from_secs(5));
    assert_eq!(transcript.take_lines(), ["no call: no UUID came in time"]);
    assert_eq!(connection.flush(), HANGUP);
    connection.see_to_close();
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0], "no on_end, since no call");
}

#[test]
fn what_is_not_a_call_is_told_to_the_acceptor_once() {
    type Provocation = fn(&mut Connection<Recorded>);
    let cases: [(Provocation, &str); 5] = [
        (
            |connection| connection.receive(b"GET / HTTP/1.1\r\n\r\n"),
            "no call: the first frame was of kind 0x47 and not a UUID",
        ),
        (
            |connection| connection.receive(&frame(0x10, &[0; 320])),
            "no call: the first frame was of kind 0x10 (audio slin) and not a UUID",
        ),
        (
            |connection| connection.receive(&frame(0x01, b"short")),
            "no call: a UUID of 5 bytes instead of 16",
        ),
        (
            |connection| {
                connection.receive(&uuid_frame()[..7]);
                connection.eof();
            },
            "no call: the connection ended inside a frame, 7 bytes into it",
        ),
        (
            |connection| connection.read_error(ErrorKind::TimedOut),
            "no call: the connection was lost: timed out",
        ),
    ];
    for (provoke, told) in cases {
        let acceptor = silent();
        let transcript = acceptor.transcript();
        let mut connection = Connection::new(acceptor);
        provoke(&mut connection);
        assert_eq!(transcript.take_lines(), [told]);
        connection.see_to_close();
        drop(connection);
        assert_eq!(transcript.take_lines(), [""; 0]);
    }
}

/// A port scan or a health check is nothing to write home about.
#[test]
fn a_connection_that_just_closes_is_told_to_nobody() {
    type Provocation = fn(&mut Connection<Recorded>);
    let cases: [Provocation; 4] = [
        |connection| connection.eof(),
        |connection| connection.read_error(ErrorKind::ConnectionReset),
        |connection| {
            connection.driver.handle().hangup();
            connection.poll_commands();
            assert_eq!(connection.flush(), HANGUP);
        },
        |_dropped| {},
    ];
    for provoke in cases {
        let acceptor = silent();
        let transcript = acceptor.transcript();
        let mut connection = Connection::new(acceptor);
        provoke(&mut connection);
        drop(connection);
        assert_eq!(transcript.take_lines(), [""; 0]);
    }
}
