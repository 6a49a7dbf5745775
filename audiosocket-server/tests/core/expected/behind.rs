//! What is behind the registry.

use std::sync::Arc;

use audiosocket_proto::{End, Uuid};
use audiosocket_server::{CallEvent, Callbacks, ExpectedCalls, incoming};

use super::{Clock, call, refusal, text};
use crate::acceptors::{Recorded, refusing_peers, silent};
use crate::connection::Connection;
use crate::wire::frame;

/// What is behind the registry notices nothing of it.
#[test]
fn a_guarded_acceptor_is_told_everything() {
    let uuid = Uuid::from_u128(9);
    let everything = [
        frame(0x01, uuid.as_bytes()),
        frame(0x10, &[1, 2]),
        frame(0x03, b"5"),
        frame(0x7f, b"?"),
        frame(0x03, b"?"),
    ]
    .concat();
    let marking = || {
        silent().in_call(|call, record| {
            if record.callback() == "on_start" {
                call.mark(1).unwrap();
            }
        })
    };
    let story = |acceptor: Recorded, guarded: bool| {
        let transcript = acceptor.transcript();
        if guarded {
            let announced = ExpectedCalls::new();
            announced.announce_as(uuid, ()).unwrap();
            let mut connection = Connection::new(announced.guard(acceptor));
            connection.receive(&everything);
            connection.eof();
        } else {
            let mut connection = Connection::new(acceptor);
            connection.receive(&everything);
            connection.eof();
        }
        transcript.take_lines()
    };
    let plain = story(marking(), false);
    assert_eq!(story(marking(), true), plain);
    assert!(plain.len() >= 8, "{plain:?}");

    let acceptor = silent();
    let transcript = acceptor.transcript();
    let mut connection = Connection::new(ExpectedCalls::<()>::new().guard(acceptor));
    connection.receive(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(transcript.take_lines().len(), 1, "not a call");
    let refusing = refusing_peers("a stranger");
    let connection = Connection::new(ExpectedCalls::<()>::new().guard(refusing));
    assert_eq!(refusal(&connection).unwrap(), "tester: a stranger");
}

#[test]
fn callbacks_and_streams_find_the_metadata_by_the_uuid() {
    let announced = Clock::default().registry::<String>();
    let registry = announced.clone();
    let callbacks = Callbacks::new(
        move |uuid, _, _| {
            let said = registry.metadata(uuid).unwrap();
            said.as_bytes().to_vec().into()
        },
        |_, _, error| panic!("{error}"),
    );
    let acceptor = Arc::new(announced.clone().guard(callbacks));
    let uuid = announced.announce(text("hello")).unwrap();
    let mut connection = call(&acceptor, uuid);
    connection.receive(&frame(0x10, b"?"));
    assert_eq!(connection.flush(), frame(0x10, b"hello"));
    connection.eof();

    let (acceptor, mut calls) = incoming();
    let acceptor = Arc::new(announced.clone().guard(acceptor));
    let uuid = announced.announce(text("stream")).unwrap();
    let mut connection = call(&acceptor, uuid);
    let mut taken = calls.blocking().next().unwrap();
    let said = announced.metadata(taken.uuid()).unwrap();
    assert_eq!(*said, "stream");
    connection.eof();
    assert_eq!(announced.metadata(uuid), None);
    let events: Vec<_> = taken.blocking().collect();
    assert_eq!(events, [CallEvent::Started, CallEvent::Ended(End::Closed)]);
}
