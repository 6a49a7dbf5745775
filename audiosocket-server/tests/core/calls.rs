//! The connections that a server has open.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use audiosocket_proto::Transmit;
use audiosocket_server::{Calls, Refusal};

use crate::call::HANGUP;
use crate::handles::CountingWaker;
use crate::recorder::{ACCEPT, RecordingAcceptor, TestConnection};
use crate::wire::frame;

#[test]
fn connections_are_counted_while_they_are_registered() {
    let calls = Calls::default();
    assert!(calls.is_empty());
    // A connection without a UUID counts, too.
    let first = TestConnection::among(&calls, RecordingAcceptor::new(), |config| config);
    let second = TestConnection::talking_among(&calls.clone(), RecordingAcceptor::new());
    assert_eq!(calls.len(), 2);
    drop(first);
    assert_eq!(calls.len(), 1);
    assert!(!calls.is_empty());
    drop(second);
    assert!(calls.is_empty());
}

/// A refused connection is open until it is closed. It does not count against `max_calls`.
#[test]
fn refused_connections_are_not_counted_as_admitted() {
    let calls = Calls::default();
    let first = TestConnection::talking_among(&calls, RecordingAcceptor::new());
    calls.refuse_calls(true);
    let _second = TestConnection::among(&calls, RecordingAcceptor::new(), |config| config);
    assert_eq!((calls.len(), calls.admitted()), (2, 1));
    drop(first);
    assert_eq!((calls.len(), calls.admitted()), (1, 0));
}

#[test]
fn idle_waits_for_the_last_connection() {
    let calls = Calls::default();
    let [first, second] =
        [(), ()].map(|()| TestConnection::talking_among(&calls, RecordingAcceptor::new()));

    let (wakes, other_wakes) = (
        Arc::new(CountingWaker::default()),
        Arc::new(CountingWaker::default()),
    );
    let (waker, other_waker) = (Waker::from(wakes.clone()), Waker::from(other_wakes.clone()));
    let mut idle = pin!(calls.idle());
    let mut other_idle = pin!(calls.idle());
    let mut cx = Context::from_waker(&waker);
    let mut other_cx = Context::from_waker(&other_waker);
    assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(other_idle.as_mut().poll(&mut other_cx), Poll::Pending);

    drop(first);
    assert_eq!((wakes.wake_count(), other_wakes.wake_count()), (0, 0));
    assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
    drop(second);
    assert_eq!((wakes.wake_count(), other_wakes.wake_count()), (1, 1));
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
fn open_and_later_calls_are_hung_up() {
    let calls = Calls::default();
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let mut lines = [(), ()].map(|()| TestConnection::talking_among(&calls, desk.clone()));
    transcript.take();
    let wakes = Arc::new(CountingWaker::default());
    let waker = Waker::from(wakes.clone());
    for line in &mut lines {
        line.driver.poll_commands(line.now, &waker);
    }

    calls.shut_down();
    assert_eq!(wakes.wake_count(), 2);
    for line in &mut lines {
        line.poll_commands();
        assert_eq!(line.flush(), HANGUP);
        assert_eq!(transcript.take(), ["end ShutDown", "drop"]);
    }
    assert_eq!(calls.len(), 2, "the connection is still open");
    drop(lines);

    let mut late = TestConnection::talking_among(&calls, desk);
    transcript.take();
    late.poll_commands();
    assert_eq!(late.flush(), HANGUP);
    assert_eq!(transcript.take(), ["end ShutDown", "drop"]);
}

/// The first reason counts.
#[test]
fn an_earlier_hangup_keeps_its_reason() {
    let calls = Calls::default();
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking_among(&calls, desk);
    transcript.take();
    line.driver.handle().hangup();
    calls.shut_down();
    line.poll_commands();
    assert_eq!(transcript.take(), ["end HungUp", "drop"]);
}

#[test]
fn a_dropped_idle_future_leaves_no_waker() {
    let calls = Calls::default();
    let _line = TestConnection::talking_among(&calls, RecordingAcceptor::new());
    let wakes = Arc::new(CountingWaker::default());
    let waker = Waker::from(wakes.clone());
    {
        let mut idle = pin!(calls.idle());
        let mut cx = Context::from_waker(&waker);
        assert_eq!(idle.as_mut().poll(&mut cx), Poll::Pending);
        assert_eq!(Arc::strong_count(&wakes), 3);
    }
    assert_eq!(Arc::strong_count(&wakes), 2);
}

/// Ends a call by [`Calls::abandon`] after `before`, and asserts the callbacks since its start.
#[track_caller]
fn assert_abandoned(
    before: impl FnOnce(&mut TestConnection<RecordingAcceptor>),
    expected: &[&str],
) {
    let calls = Calls::default();
    let desk = RecordingAcceptor::echo();
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking_among(&calls, desk);
    transcript.take();
    before(&mut line);
    calls.abandon();
    line.driver.handle().hangup();
    line.poll_commands();
    assert_eq!(line.transmit(), Transmit::Close, "it sends no hangup");
    assert_eq!(line.driver.poll_timeout(), None);
    assert_eq!(transcript.take(), expected);
    line.expect_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "nothing after the end");
}

#[test]
fn an_abandoned_call_is_closed_at_once() {
    assert_abandoned(|_| {}, &["end Abandoned", "drop"]);
    assert_abandoned(
        |line| line.receive(&frame(0x10, &[1, 2])),
        &["audio slin 2", "end Abandoned", "drop"],
    );
    let cut =
        |line: &mut TestConnection<RecordingAcceptor>| line.receive(&frame(0x10, &[1, 2])[..4]);
    assert_abandoned(cut, &["end Abandoned", "drop"]);
}

/// A requested hangup is not sent. After a sent hangup, the server does not linger.
#[test]
fn abandon_acts_before_a_requested_hangup() {
    let requested = |line: &mut TestConnection<RecordingAcceptor>| line.driver.handle().hangup();
    assert_abandoned(requested, &["end Abandoned", "drop"]);
    assert_abandoned(
        |line| {
            line.driver.handle().hangup();
            line.poll_commands();
            assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
        },
        &["end HungUp", "drop"],
    );
    assert_abandoned(
        |line| {
            line.driver.handle().hangup();
            line.poll_commands();
            line.flush();
            line.driver.half_closed();
            assert_eq!(line.transmit(), Transmit::Idle, "it lingers");
        },
        &["end HungUp", "drop"],
    );
}

#[test]
fn a_call_that_the_peer_ended_is_not_abandoned() {
    assert_abandoned(
        |line| line.receive(&HANGUP),
        &["end HangupReceived", "drop"],
    );
    assert_abandoned(|line| line.eof(), &["end Closed", "drop"]);
}

#[test]
fn a_connection_without_a_call_is_abandoned_without_a_callback() {
    let (waiting, refused) = (
        RecordingAcceptor::new(),
        RecordingAcceptor::refusing("full"),
    );
    let (transcript, refusals) = (waiting.transcript.clone(), refused.transcript.clone());
    let calls = Calls::default();
    let waiting = TestConnection::among(&calls, waiting, |config| config);
    let mut lines = [waiting, TestConnection::talking_among(&calls, refused)];
    calls.abandon();
    for line in &mut lines {
        line.poll_commands();
        assert_eq!(line.transmit(), Transmit::Close);
        line.expect_close();
    }
    assert_eq!(transcript.take(), [""; 0]);
    assert_eq!(refusals.take(), [ACCEPT]);
    assert_eq!(lines[1].driver.refusal(), Some(&Refusal::new("full")));
}

#[test]
fn later_calls_are_abandoned_too() {
    let calls = Calls::default();
    calls.abandon();
    for _ in 0..2 {
        let desk = RecordingAcceptor::new();
        let transcript = desk.transcript.clone();
        let mut late = TestConnection::talking_among(&calls, desk);
        late.poll_commands();
        assert_eq!(late.transmit(), Transmit::Close);
        assert_eq!(transcript.take()[2..], ["end Abandoned", "drop"]);
        // A hangup after `abandon` has no effect.
        calls.shut_down();
    }
}
