//! The connections that a server has open.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use audiosocket_proto::Transmit;
use audiosocket_server::{Calls, Refusal};

use crate::call::HANGUP;
use crate::handles::Bell;
use crate::recorder::{ACCEPT, Desk, Line};
use crate::wire::frame;

#[test]
fn connections_are_counted_while_they_are_registered() {
    let calls = Calls::default();
    assert!(calls.is_empty());
    // Without a UUID too.
    let first = Line::among(&calls, Desk::new(), |config| config);
    let second = Line::talking_among(&calls.clone(), Desk::new());
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
    let first = Line::talking_among(&calls, Desk::new());
    calls.refuse_calls(true);
    let _second = Line::among(&calls, Desk::new(), |config| config);
    assert_eq!((calls.len(), calls.admitted()), (2, 1));
    drop(first);
    assert_eq!((calls.len(), calls.admitted()), (1, 0));
}

#[test]
fn idle_waits_until_the_last_is_gone() {
    let calls = Calls::default();
    let [first, second] = [(), ()].map(|()| Line::talking_among(&calls, Desk::new()));

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
    let desk = Desk::new();
    let transcript = desk.transcript.clone();
    let mut lines = [(), ()].map(|()| Line::talking_among(&calls, desk.clone()));
    transcript.take();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    for line in &mut lines {
        line.driver.poll_commands(line.now, &waker);
    }

    calls.shut_down();
    assert_eq!(bell.rung(), 2);
    for line in &mut lines {
        line.poll_commands();
        assert_eq!(line.flush(), HANGUP);
        assert_eq!(transcript.take(), ["end ShutDown", "drop"]);
    }
    assert_eq!(calls.len(), 2, "hung up is not yet closed");
    drop(lines);

    let mut late = Line::talking_among(&calls, desk);
    transcript.take();
    late.poll_commands();
    assert_eq!(late.flush(), HANGUP);
    assert_eq!(transcript.take(), ["end ShutDown", "drop"]);
}

/// The first reason stays: a call that was being hung up is not said to have been shut down.
#[test]
fn a_hangup_that_was_asked_for_before_is_not_renamed() {
    let calls = Calls::default();
    let desk = Desk::new();
    let transcript = desk.transcript.clone();
    let mut line = Line::talking_among(&calls, desk);
    transcript.take();
    line.driver.handle().hangup();
    calls.shut_down();
    line.poll_commands();
    assert_eq!(transcript.take(), ["end HungUp", "drop"]);
}

#[test]
fn one_who_waits_no_longer_leaves_no_waker_behind() {
    let calls = Calls::default();
    let _line = Line::talking_among(&calls, Desk::new());
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
fn assert_abandoned(before: impl FnOnce(&mut Line<Desk>), expected: &[&str]) {
    let calls = Calls::default();
    let desk = Desk::echo();
    let transcript = desk.transcript.clone();
    let mut line = Line::talking_among(&calls, desk);
    transcript.take();
    before(&mut line);
    calls.abandon();
    line.driver.handle().hangup();
    line.poll_commands();
    assert_eq!(line.transmit(), Transmit::Close, "and no hangup before it");
    assert_eq!(line.driver.poll_timeout(), None);
    assert_eq!(transcript.take(), expected);
    line.see_to_close();
    drop(line);
    assert_eq!(transcript.take(), [""; 0], "nothing after the end");
}

#[test]
fn an_abandoned_call_is_closed_as_it_is() {
    assert_abandoned(|_| {}, &["end Abandoned", "drop"]);
    assert_abandoned(
        |line| line.receive(&frame(0x10, &[1, 2])),
        &["audio slin 2", "end Abandoned", "drop"],
    );
    let cut = |line: &mut Line<Desk>| line.receive(&frame(0x10, &[1, 2])[..4]);
    assert_abandoned(cut, &["end Abandoned", "drop"]);
}

/// Nobody can wait for a hangup any more, be it asked for or on its way.
#[test]
fn abandoning_overtakes_a_hangup() {
    let asked = |line: &mut Line<Desk>| line.driver.handle().hangup();
    assert_abandoned(asked, &["end Abandoned", "drop"]);
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
fn a_call_that_the_peer_ended_is_not_abandoned_as_well() {
    assert_abandoned(
        |line| line.receive(&HANGUP),
        &["end HangupReceived", "drop"],
    );
    assert_abandoned(|line| line.eof(), &["end Closed", "drop"]);
}

#[test]
fn a_connection_without_a_call_is_abandoned_in_silence() {
    let (waiting, refused) = (Desk::new(), Desk::refusing("full"));
    let (transcript, refusals) = (waiting.transcript.clone(), refused.transcript.clone());
    let calls = Calls::default();
    let waiting = Line::among(&calls, waiting, |config| config);
    let mut lines = [waiting, Line::talking_among(&calls, refused)];
    calls.abandon();
    for line in &mut lines {
        line.poll_commands();
        assert_eq!(line.transmit(), Transmit::Close);
        line.see_to_close();
    }
    assert_eq!(transcript.take(), [""; 0]);
    assert_eq!(refusals.take(), [ACCEPT]);
    assert_eq!(lines[1].driver.refusal(), Some(&Refusal::new("full")));
}

#[test]
fn once_abandoned_those_that_come_later_are_too() {
    let calls = Calls::default();
    calls.abandon();
    for _ in 0..2 {
        let desk = Desk::new();
        let transcript = desk.transcript.clone();
        let mut late = Line::talking_among(&calls, desk);
        late.poll_commands();
        assert_eq!(late.transmit(), Transmit::Close);
        assert_eq!(transcript.take()[2..], ["end Abandoned", "drop"]);
        // Which is less, and takes nothing back.
        calls.shut_down();
    }
}
