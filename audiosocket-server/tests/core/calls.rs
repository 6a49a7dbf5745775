//! The connections that a server has open.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use audiosocket_proto::Transmit;
use audiosocket_server::{Calls, Refusal};

use crate::acceptors::{ACCEPT, Recorded, echo, refusing, silent};
use crate::call::HANGUP;
use crate::connection::Connection;
use crate::handles::Bell;
use crate::wire::frame;

#[test]
fn connections_are_counted_while_they_are_registered() {
    let calls = Calls::default();
    assert!(calls.is_empty());
    // Without a UUID too.
    let first = Connection::among(&calls, silent(), |_| {});
    let second = Connection::talking_among(&calls.clone(), silent());
    assert_eq!(calls.len(), 2);
    drop(first);
    assert_eq!(calls.len(), 1);
    assert!(!calls.is_empty());
    drop(second);
    assert!(calls.is_empty());
}

/// One that was refused is open until it is closed, and takes no place.
#[test]
fn those_that_were_refused_are_not_counted_among_the_admitted() {
    let calls = Calls::default();
    let first = Connection::talking_among(&calls, silent());
    calls.refuse_calls(true);
    let _second = Connection::among(&calls, silent(), |_| {});
    assert_eq!((calls.len(), calls.admitted()), (2, 1));
    drop(first);
    assert_eq!((calls.len(), calls.admitted()), (1, 0));
}

#[test]
fn idle_waits_until_the_last_is_gone() {
    let calls = Calls::default();
    let [first, second] = [(), ()].map(|()| Connection::talking_among(&calls, silent()));

    let (bell, other_bell) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    let (waker, other_waker) = (Waker::from(bell.clone()), Waker::from(other_bell.clone()));
    let mut idle = pin!(calls.idle());
    let mut other_idle = pin!(calls.idle());
    let mut cx = Context::from_waker(&waker);
    let mut other_cx = Context::from_waker(&other_waker);
    assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(other_idle.as_mut().poll(&mut other_cx), Poll::Pending);

    drop(first);
    assert_eq!((bell.rung(), other_bell.rung()), (0, 0));
    assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
    drop(second);
    assert_eq!((bell.rung(), other_bell.rung()), (1, 1));
    assert_eq!(idle.as_mut().poll(&mut cx), Poll::Ready(()));
    assert_eq!(other_idle.as_mut().poll(&mut other_cx), Poll::Ready(()));
}

#[test]
fn idle_is_ready_at_once_without_connections() {
    let calls = Calls::default();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(pin!(calls.idle()).poll(&mut cx), Poll::Ready(()));
}

#[test]
fn all_are_hung_up_and_those_that_come_later_too() {
    let calls = Calls::default();
    let acceptor = silent();
    let transcript = acceptor.transcript();
    let mut connections = [(), ()].map(|()| Connection::talking_among(&calls, acceptor.clone()));
    transcript.take_lines();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    for connection in &mut connections {
        connection.driver.poll_commands(connection.now, &waker);
    }

    calls.shut_down();
    assert_eq!(bell.rung(), 2);
    for connection in &mut connections {
        connection.poll_commands();
        assert_eq!(connection.flush(), HANGUP);
        assert_eq!(
            transcript.take_lines(),
            ["end: hung up by shutdown", "drop"]
        );
    }
    assert_eq!(calls.len(), 2, "hung up is not yet closed");
    drop(connections);

    let mut late = Connection::talking_among(&calls, acceptor);
    transcript.take_lines();
    late.poll_commands();
    assert_eq!(late.flush(), HANGUP);
    assert_eq!(
        transcript.take_lines(),
        ["end: hung up by shutdown", "drop"]
    );
}

/// The first reason stays: a call that was being hung up is not said to have been shut down.
#[test]
fn a_hangup_that_was_asked_for_before_is_not_renamed() {
    let calls = Calls::default();
    let acceptor = silent();
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking_among(&calls, acceptor);
    transcript.take_lines();
    connection.driver.handle().hangup();
    calls.shut_down();
    connection.poll_commands();
    assert_eq!(
        transcript.take_lines(),
        ["end: hung up by this side", "drop"]
    );
}

#[test]
fn one_who_waits_no_longer_leaves_no_waker_behind() {
    let calls = Calls::default();
    let _line = Connection::talking_among(&calls, silent());
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    {
        let mut idle = pin!(calls.idle());
        let mut cx = Context::from_waker(&waker);
        assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
        assert_eq!(Arc::strong_count(&bell), 3);
    }
    assert_eq!(Arc::strong_count(&bell), 2);
}

/// Ends a call by [`Calls::abandon`] after `before`, and asserts what its handler was told since
/// the call began.
#[track_caller]
fn assert_abandoned(before: impl FnOnce(&mut Connection<Recorded>), expected: &[&str]) {
    let calls = Calls::default();
    let acceptor = echo();
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking_among(&calls, acceptor);
    transcript.take_lines();
    before(&mut connection);
    calls.abandon();
    connection.driver.handle().hangup();
    connection.poll_commands();
    assert_eq!(
        connection.transmit(),
        Transmit::Close,
        "and no hangup before it"
    );
    assert_eq!(connection.driver.poll_timeout(), None);
    assert_eq!(transcript.take_lines(), expected);
    connection.see_to_close();
    drop(connection);
    assert_eq!(transcript.take_lines(), [""; 0], "nothing after the end");
}

#[test]
fn an_abandoned_call_is_closed_as_it_is() {
    assert_abandoned(|_| {}, &["end: abandoned", "drop"]);
    assert_abandoned(
        |connection| connection.receive(&frame(0x10, &[1, 2])),
        &["audio slin 2 bytes", "end: abandoned", "drop"],
    );
    let cut =
        |connection: &mut Connection<Recorded>| connection.receive(&frame(0x10, &[1, 2])[..4]);
    assert_abandoned(cut, &["end: abandoned", "drop"]);
}

/// Nobody can wait for a hangup any more, be it asked for or on its way.
#[test]
fn abandoning_overtakes_a_hangup() {
    let asked = |connection: &mut Connection<Recorded>| connection.driver.handle().hangup();
    assert_abandoned(asked, &["end: abandoned", "drop"]);
    assert_abandoned(
        |connection| {
            connection.driver.handle().hangup();
            connection.poll_commands();
            assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["end: hung up by this side", "drop"],
    );
    assert_abandoned(
        |connection| {
            connection.driver.handle().hangup();
            connection.poll_commands();
            connection.flush();
            connection.driver.half_closed();
            assert_eq!(connection.transmit(), Transmit::Idle, "it lingers");
        },
        &["end: hung up by this side", "drop"],
    );
}

#[test]
fn a_call_that_the_peer_ended_is_not_abandoned_as_well() {
    assert_abandoned(
        |connection| connection.receive(&HANGUP),
        &["end: hung up by the peer", "drop"],
    );
    assert_abandoned(
        |connection| connection.eof(),
        &["end: closed by the peer", "drop"],
    );
}

#[test]
fn a_connection_without_a_call_is_abandoned_in_silence() {
    let (waiting, refused) = (silent(), refusing("full"));
    let (transcript, refusals) = (waiting.transcript(), refused.transcript());
    let calls = Calls::default();
    let waiting = Connection::among(&calls, waiting, |_| {});
    let mut connections = [waiting, Connection::talking_among(&calls, refused)];
    calls.abandon();
    for connection in &mut connections {
        connection.poll_commands();
        assert_eq!(connection.transmit(), Transmit::Close);
        connection.see_to_close();
    }
    assert_eq!(transcript.take_lines(), [""; 0]);
    assert_eq!(refusals.take_lines(), [ACCEPT]);
    assert_eq!(connections[1].driver.refusal(), Some(&Refusal::new("full")));
}

#[test]
fn once_abandoned_those_that_come_later_are_too() {
    let calls = Calls::default();
    calls.abandon();
    for _ in 0..2 {
        let acceptor = silent();
        let transcript = acceptor.transcript();
        let mut late = Connection::talking_among(&calls, acceptor);
        late.poll_commands();
        assert_eq!(late.transmit(), Transmit::Close);
        assert_eq!(transcript.take_lines()[2..], ["end: abandoned", "drop"]);
        // Which is less, and takes nothing back.
        calls.shut_down();
    }
}
