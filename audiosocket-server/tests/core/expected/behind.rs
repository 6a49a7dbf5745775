//! What is behind the registry.

use std::sync::Arc;

use audiosocket_proto::{End, Uuid};
use audiosocket_server::{CallEvent, Callbacks, ExpectedCalls, incoming};

use super::{Clock, call, refusal, text};
use crate::recorder::{Desk, Line};
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
        Desk::new().on_any(|callback, call| {
            if callback == "on_start" {
                call.mark(1).unwrap();
            }
        })
    };
    let story = |desk: Desk, guarded: bool| {
        let transcript = desk.transcript.clone();
        if guarded {
            let announced = ExpectedCalls::new();
            announced.announce_as(uuid, ()).unwrap();
            let mut line = Line::new(announced.guard(desk));
            line.receive(&everything);
            line.eof();
        } else {
            let mut line = Line::new(desk);
            line.receive(&everything);
            line.eof();
        }
        transcript.take()
    };
    let plain = story(marking(), false);
    assert_eq!(story(marking(), true), plain);
    assert!(plain.len() >= 8, "{plain:?}");

    let desk = Desk::new();
    let transcript = desk.transcript.clone();
    let mut line = Line::new(ExpectedCalls::<()>::new().guard(desk));
    line.receive(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(transcript.take().len(), 1, "not a call");
    let refusing = Desk::refusing_peers("a stranger");
    let line = Line::new(ExpectedCalls::<()>::new().guard(refusing));
    assert_eq!(refusal(&line).unwrap(), "tester: a stranger");
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
    let mut line = call(&acceptor, uuid);
    line.receive(&frame(0x10, b"?"));
    assert_eq!(line.flush(), frame(0x10, b"hello"));
    line.eof();

    let (acceptor, mut calls) = incoming();
    let acceptor = Arc::new(announced.clone().guard(acceptor));
    let uuid = announced.announce(text("stream")).unwrap();
    let mut line = call(&acceptor, uuid);
    let mut taken = calls.blocking().next().unwrap();
    let said = announced.metadata(taken.uuid()).unwrap();
    assert_eq!(*said, "stream");
    line.eof();
    assert_eq!(announced.metadata(uuid), None);
    let events: Vec<_> = taken.blocking().collect();
    assert_eq!(events, [CallEvent::Started, CallEvent::Ended(End::Closed)]);
}
