//! Calls that are refused, and connections that do not become calls.

use std::io::ErrorKind;
use std::time::Duration;

use audiosocket_proto::{Audio, Transmit};
use audiosocket_server::{
    Acceptor, Admission, Call, CallRequest, Calls, Handler, Refusal, Response, acceptor_fn,
};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{ACCEPT, RecordingAcceptor, TestConnection, Transcript, refusing_peers};
use crate::wire::frame;

#[test]
fn a_refused_call_gets_a_hangup_and_has_a_reason() {
    let desk = RecordingAcceptor::refusing("the office is closed");
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::new(desk);
    assert_eq!(line.driver.refusal(), None);
    line.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_eq!(transcript.take(), [ACCEPT]);
    let refusal = line.driver.refusal().map(ToString::to_string);
    assert_eq!(refusal.as_deref(), Some("the office is closed"));
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
    assert_hung_up_without_a_callback(line, &transcript);
}

#[track_caller]
fn assert_hung_up_without_a_callback(
    mut line: TestConnection<RecordingAcceptor>,
    transcript: &Transcript,
) {
    assert_eq!(line.flush(), HANGUP);
    assert_eq!(line.transmit(), Transmit::HalfClose);
    line.expect_close();
    assert!(
        line.driver.refusal().is_some(),
        "the log can have it at the end"
    );
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "no callback");
}

#[test]
fn an_accepted_call_has_no_refusal() {
    let mut line = TestConnection::talking(RecordingAcceptor::new());
    assert_eq!(line.driver.refusal(), None);
    line.eof();
    assert_eq!(line.driver.refusal(), None);
}

/// The hangup leaves at once. The server reads nothing from the peer.
#[test]
fn a_refused_peer_gets_a_hangup_before_it_sends_anything() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let calls = Calls::new(refusing_peers("a stranger"));
    let mut line = TestConnection::among(&calls, desk, |config| config);
    let refusal = line.driver.refusal().map(ToString::to_string);
    assert_eq!(refusal.as_deref(), Some("tester: a stranger"));
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
    line.receive(&[uuid_frame(), frame(0x10, &[1, 2])].concat());
    assert_hung_up_without_a_callback(line, &transcript);
}

/// The end is the same as for every call that is hung up.
#[test]
fn a_refused_peer_that_stays_is_closed_after_the_linger() {
    let calls = Calls::new(refusing_peers("a stranger"));
    let linger = Duration::from_millis(700);
    let mut line = TestConnection::among(&calls, RecordingAcceptor::new(), |config| {
        config.linger(linger)
    });
    assert_eq!(line.flush(), HANGUP);
    line.driver.half_closed();
    assert_eq!(line.driver.poll_timeout(), Some(line.now + linger));
    line.wait(linger);
    assert_eq!(line.transmit(), Transmit::Close);
}

#[test]
fn a_panic_in_admit_peer_is_reported_to_the_acceptor_once() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let calls = Calls::new(Admission::new().admit_peer(|_| panic!("in admit_peer")));
    let mut line = TestConnection::among(&calls, desk, |config| config);
    let report = "no call from tester: HandlerPanicked(\"in admit_peer\")";
    assert_eq!(transcript.take(), [report]);
    assert_eq!(line.driver.refusal(), None);
    assert_eq!(line.flush(), HANGUP);
    line.receive(&uuid_frame());
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0]);
}

/// A server can choose the type of the handler for each call.
#[test]
fn a_boxed_handler_runs_the_same_callbacks() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let boxed = |desk: &RecordingAcceptor, request: &CallRequest<'_>| -> Box<dyn Handler> {
        Box::new(desk.accept(request).expect("it accepts every call"))
    };
    let everything = [
        uuid_frame(),
        frame(0x10, &[1, 2]),
        frame(0x03, b"5"),
        frame(0x7f, b"?"),
        frame(0x03, b"?"),
    ]
    .concat();
    let mut line = TestConnection::new(desk.clone());
    line.receive(&everything);
    line.eof();
    let plain = transcript.take();
    let mut line = TestConnection::new(move |request: &CallRequest<'_>| Ok(boxed(&desk, request)));
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
        true => Err(Refusal::new("the nil UUID")),
        false => Ok(Echo),
    });
    let mut line = TestConnection::talking(accept);
    line.receive(&frame(0x10, &[1, 2]));
    assert_eq!(line.flush(), frame(0x10, &[1, 2]));

    let mut line = TestConnection::new(accept);
    line.receive(&frame(0x01, &[0; 16]));
    assert_eq!(line.flush(), HANGUP);
}

#[test]
fn a_connection_without_a_uuid_is_reported_to_the_acceptor_once() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::new(desk);
    line.wait(Duration::from_secs(5));
    assert_eq!(
        transcript.take(),
        ["no call from tester: Peer(UuidTimeout)"]
    );
    assert_eq!(line.flush(), HANGUP);
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "on_end is for calls only");
}

#[test]
fn a_connection_without_a_valid_uuid_is_reported_to_the_acceptor_once() {
    type Provocation = fn(&mut TestConnection<RecordingAcceptor>);
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
    for (provoke, report) in cases {
        let desk = RecordingAcceptor::new();
        let transcript = desk.transcript.clone();
        let mut line = TestConnection::new(desk);
        provoke(&mut line);
        assert_eq!(transcript.take(), [report]);
        line.expect_close();
        drop(line);
        assert_eq!(transcript.take(), [""; 0]);
    }
}

/// A port scan or a health check makes such connections.
#[test]
fn a_connection_that_only_closes_is_not_reported() {
    type Provocation = fn(&mut TestConnection<RecordingAcceptor>);
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
        let desk = RecordingAcceptor::new();
        let transcript = desk.transcript.clone();
        let mut line = TestConnection::new(desk);
        provoke(&mut line);
        drop(line);
        assert_eq!(transcript.take(), [""; 0]);
    }
}
