//! The metadata of expected calls.

use std::sync::{Arc, Mutex};

use audiosocket_proto::{End, Uuid};
use audiosocket_server::{
    Acceptor, AnnounceError, Call, CallEvent, CallRequest, Callbacks, Calls, ExpectedCalls,
    incoming,
};

use super::{Clock, Server, refusal, text};
use crate::recorder::{RecordingAcceptor, TestConnection};
use crate::wire::frame;

#[test]
fn an_expected_call_runs_the_same_callbacks_as_any_other() {
    let uuid = Uuid::from_u128(9);
    let everything = [
        frame(0x01, uuid.as_bytes()),
        frame(0x10, &[1, 2]),
        frame(0x03, b"5"),
        frame(0x7f, b"?"),
        frame(0x03, b"?"),
    ]
    .concat();
    let callbacks = |calls: &Calls| {
        let desk = RecordingAcceptor::new().on_any(|callback, call| {
            if callback == "on_start" {
                call.mark(1).unwrap();
            }
        });
        let transcript = desk.transcript.clone();
        let mut line = TestConnection::among(calls, desk, |config| config);
        line.receive(&everything);
        line.eof();
        drop(line);
        transcript.take()
    };
    let expected = ExpectedCalls::new();
    expected.announce_as(uuid, ()).unwrap();
    let with = Server::new(&expected, RecordingAcceptor::new()).calls;
    let without = Calls::default();
    let plain = callbacks(&without);
    assert_eq!(callbacks(&with), plain);
    assert!(plain.len() >= 8, "{plain:?}");
}

#[test]
fn a_connection_without_a_call_is_reported_to_the_acceptor() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let calls = Server::new(&ExpectedCalls::<()>::new(), RecordingAcceptor::new()).calls;
    let mut line = TestConnection::among(&calls, desk, |config| config);
    line.receive(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(transcript.take().len(), 1, "one report");
}

#[test]
fn the_request_has_the_metadata() {
    let expected = Clock::default().expected_calls();
    let server = Server::new(&expected, |request: &CallRequest<'_>| {
        assert!(request.metadata::<u64>().is_none(), "of another type");
        let greeting = request.metadata::<String>().unwrap();
        Ok(Callbacks::new(
            move |_, _, _| greeting.as_bytes().to_vec().into(),
            |_, _, error| panic!("{error}"),
        ))
    });
    let uuid = expected.announce(text("hello")).unwrap();
    let mut line = server.call(uuid);
    line.receive(&frame(0x10, b"?"));
    assert_eq!(line.flush(), frame(0x10, b"hello"));
    line.eof();
}

#[test]
fn the_incoming_call_and_its_handle_have_the_metadata() {
    let expected = Clock::default().expected_calls();
    let (acceptor, mut calls) = incoming();
    let server = Server::new(&expected, acceptor);
    let uuid = expected.announce(text("stream")).unwrap();
    let mut line = server.call(uuid);
    let mut call = calls.blocking().next().unwrap();
    assert_eq!(call.metadata(), Some(Arc::new(text("stream"))));
    assert_eq!(call.handle().metadata(), Some(Arc::new(text("stream"))));
    line.eof();
    let events: Vec<_> = call.blocking().collect();
    assert_eq!(events, [CallEvent::Started, CallEvent::Ended(End::Closed)]);
    assert_eq!(call.metadata(), Some(Arc::new(text("stream"))), "after it");
}

#[test]
fn a_call_of_a_server_without_expected_calls_has_no_metadata() {
    let line = TestConnection::talking(|request: &CallRequest<'_>| {
        assert!(request.metadata::<String>().is_none());
        RecordingAcceptor::new().accept(request)
    });
    assert_eq!(refusal(&line), None);
    assert!(line.driver.handle().metadata::<String>().is_none());
}

/// Without this, a second call with the UUID could start before the handler of the first one has finished.
#[test]
fn a_uuid_is_in_use_until_the_handler_is_dropped() {
    let expected: ExpectedCalls<()> = Clock::default().expected_calls();
    let (registry, seen) = (expected.clone(), Arc::new(Mutex::new(Vec::new())));
    let record = Arc::clone(&seen);
    let desk = RecordingAcceptor::new().on_any(move |callback, call: &mut Call<'_>| {
        let again = registry.announce_as(call.uuid(), ());
        record.lock().unwrap().push((callback, again));
    });
    let uuid = expected.announce(()).unwrap();
    let server = Server::new(&expected, desk);
    let mut line = server.call(uuid);
    line.eof();
    let in_use = Err(AnnounceError::InCall);
    let callbacks = [("on_start", in_use), ("on_end", in_use)];
    assert_eq!(*seen.lock().unwrap(), callbacks);
    assert_eq!(expected.announce_as(uuid, ()), Ok(()), "before the close");
}
