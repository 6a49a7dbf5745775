//! Calls that are refused, and connections that do not become calls.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_proto::{Audio, Transmit};
use audiosocket_server::{
    Acceptor, Admission, Call, CallRequest, Calls, Handler, Refusal, Response, acceptor_fn,
};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{ACCEPT, Desk, Line, Transcript, refusing_peers};
use crate::wire::frame;

#[test]
fn a_refused_call_gets_a_hangup_and_tells_why() {
    let desk = Desk::refusing("the office is closed");
    let transcript = desk.transcript.clone();
    let mut line = Line::new(desk);
    assert_eq!(line.driver.refusal(), None);
    line.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_eq!(transcript.take(), [ACCEPT]);
    let refusal = line.driver.refusal().map(ToString::to_string);
    assert_eq!(refusal.as_deref(), Some("the office is closed"));
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
    assert_hung_up_in_silence(line, &transcript);
}

#[track_caller]
fn assert_hung_up_in_silence(mut line: Line<Desk>, transcript: &Transcript) {
    assert_eq!(line.flush(), HANGUP);
    assert_eq!(line.transmit(), Transmit::HalfClose);
    line.see_to_close();
    assert!(line.driver.refusal().is_some(), "for a log at the end");
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "no callback tells of it");
}

#[test]
fn a_call_that_is_taken_has_no_refusal() {
    let mut line = Line::talking(Desk::new());
    assert_eq!(line.driver.refusal(), None);
    line.eof();
    assert_eq!(line.driver.refusal(), None);
}

/// The hangup leaves at once: no byte of the peer is awaited, and none of what it sends is heard.
#[test]
fn a_refused_peer_gets_a_hangup_before_it_says_anything() {
    let desk = Desk::new();
    let transcript = desk.transcript.clone();
    let calls = Calls::new(refusing_peers("a stranger"));
    let mut line = Line::among(&calls, desk, |config| config);
    let refusal = line.driver.refusal().map(ToString::to_string);
    assert_eq!(refusal.as_deref(), Some("tester: a stranger"));
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
    line.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_hung_up_in_silence(line, &transcript);
}

/// Whoever is refused is held for no longer than any other call that was hung up.
#[test]
fn a_refused_peer_that_stays_is_closed_after_the_linger() {
    let calls = Calls::new(refusing_peers("a stranger"));
    let linger = Duration::from_millis(700);
    let mut line = Line::among(&calls, Desk::new(), |config| config.linger(linger));
    assert_eq!(line.flush(), HANGUP);
    line.driver.half_closed();
    assert_eq!(line.driver.poll_timeout(), Some(line.now + linger));
    line.wait(linger);
    assert_eq!(line.transmit(), Transmit::Close);
}

#[test]
fn a_panic_about_a_peer_is_told_to_the_acceptor_once() {
    let desk = Desk::new();
    let transcript = desk.transcript.clone();
    let calls = Calls::new(Admission::new().admit_peer(|_| panic!("in admit_peer")));
    let mut line = Line::among(&calls, desk, |config| config);
    let told = "no call from tester: HandlerPanicked(\"in admit_peer\")";
    assert_eq!(transcript.take(), [told]);
    assert_eq!(line.driver.refusal(), None);
    assert_eq!(line.flush(), HANGUP);
    line.receive(&uuid_frame());
    line.see_to_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0]);
}

/// So that a server can choose what handles a call.
#[test]
fn a_boxed_handler_is_told_everything() {
    let desk = Desk::new();
    let transcript = desk.transcript.clone();
    let boxed = |desk: &Desk, request: &CallRequest<'_>| -> Box<dyn Handler> {
        Box::new(desk.accept(request).expect("it takes every call"))
    };
    let everything = [
        uuid_frame(),
        frame(0x10, &[1, 2]),
        frame(0x03, b"5"),
        frame(0x7f, b"?"),
        frame(0x03, b"?"),
    ]
    .concat();
    let mut line = Line::new(desk.clone());
    line.receive(&everything);
    line.eof();
    let plain = transcript.take();
    let mut line = Line::new(move |request: &CallRequest<'_>| Ok(boxed(&desk, request)));
    line.receive(&everything);
    line.eof();
    assert_eq!(transcript.take(), plain);
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
    let accept = acceptor_fn(|request| match request.uuid.is_nil() {
        true => Err(Refusal::new("nobody")),
        false => Ok(Echo),
    });
    let mut line = Line::talking(accept);
    line.receive(&frame(0x10, &[1, 2]));
    assert_eq!(line.flush(), frame(0x10, &[1, 2]));

    let mut line = Line::new(accept);
    line.receive(&frame(0x01, &[0; 16]));
    assert_eq!(line.flush(), HANGUP);
}

#[test]
fn a_connection_without_a_uuid_is_told_to_the_acceptor_once() {
    let desk = Desk::new();
    let transcript = desk.transcript.clone();
    let mut line = Line::new(desk);
    line.wait(Duration::from_secs(5));
    assert_eq!(
        transcript.take(),
        ["no call from tester: Peer(UuidTimeout)"]
    );
    assert_eq!(line.flush(), HANGUP);
    line.see_to_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "no on_end, since no call");
}

#[test]
fn what_is_not_a_call_is_told_to_the_acceptor_once() {
    type Provocation = fn(&mut Line<Desk>);
    let cases: [(Provocation, &str); 5] = [
        (
            |line| line.receive(b"GET / HTTP/1.1\r\n\r\n"),
            "no call from tester: Peer(UuidExpected { kind: FrameKind(0x47) })",
        ),
        (
            |line| line.receive(&frame(0x10, &[0; 320])),
            "no call from tester: Peer(UuidExpected { kind: FrameKind(0x10 (audio slin)) })",
        ),
        (
            |line| line.receive(&frame(0x01, b"short")),
            "no call from tester: Peer(UuidLength { len: 5 })",
        ),
        (
            |line| {
                line.receive(&uuid_frame()[..7]);
                line.eof();
            },
            "no call from tester: Peer(Truncated { received: 7 })",
        ),
        (
            |line| line.read_error(ErrorKind::TimedOut),
            "no call from tester: ConnectionLost(Kind(TimedOut))",
        ),
    ];
    for (provoke, told) in cases {
        let desk = Desk::new();
        let transcript = desk.transcript.clone();
        let mut line = Line::new(desk);
        provoke(&mut line);
        assert_eq!(transcript.take(), [told]);
        line.see_to_close();
        drop(line);
        assert_eq!(transcript.take(), [""; 0]);
    }
}

/// A port scan or a health check is nothing to write home about.
#[test]
fn a_connection_that_just_closes_is_told_to_nobody() {
    type Provocation = fn(&mut Line<Desk>);
    let cases: [Provocation; 4] = [
        |line| line.eof(),
        |line| line.read_error(ErrorKind::ConnectionReset),
        |line| {
            line.driver.handle().hangup();
            line.poll_commands();
            assert_eq!(line.flush(), HANGUP);
        },
        |_dropped| {},
    ];
    for provoke in cases {
        let desk = Desk::new();
        let transcript = desk.transcript.clone();
        let mut line = Line::new(desk);
        provoke(&mut line);
        drop(line);
        assert_eq!(transcript.take(), [""; 0]);
    }
}
