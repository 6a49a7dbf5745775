//! The connections that a server has open.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use audiosocket_proto::server::Calls;

use crate::call::HANGUP;
use crate::desk::{Desk, Line};
use crate::handles::Bell;

#[test]
fn connections_are_counted_while_they_are_registered() {
    let calls = Calls::default();
    assert!(calls.is_empty());
    // Without a UUID too.
    let (one, two) = (Line::new(Desk::new()), Line::talking(Desk::new()));
    let first = calls.register(one.driver.handle());
    let second = calls.clone().register(two.driver.handle());
    assert_eq!(calls.len(), 2);
    drop(first);
    assert_eq!(calls.len(), 1);
    assert!(!calls.is_empty());
    drop(second);
    assert!(calls.is_empty());
}

#[test]
fn idle_waits_until_the_last_is_gone() {
    let calls = Calls::default();
    let lines = [Line::talking(Desk::new()), Line::talking(Desk::new())];
    let [first, second] = lines
        .each_ref()
        .map(|line| calls.register(line.driver.handle()));

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
    let mut lines = [Line::talking(desk.clone()), Line::talking(desk.clone())];
    transcript.take();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let registrations = lines.each_mut().map(|line| {
        line.driver.poll_commands(line.now, &waker);
        calls.register(line.driver.handle())
    });

    calls.shut_down();
    assert_eq!(bell.rung(), 2);
    for line in &mut lines {
        line.poll_commands();
        assert_eq!(line.flush(), HANGUP);
        assert_eq!(transcript.take(), ["end ShutDown", "drop"]);
    }
    assert_eq!(calls.len(), 2, "hung up is not yet closed");
    drop(registrations);

    let mut late = Line::talking(desk);
    transcript.take();
    let _registration = calls.register(late.driver.handle());
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
    let mut line = Line::talking(desk);
    transcript.take();
    let _registration = calls.register(line.driver.handle());
    line.driver.handle().hangup();
    calls.shut_down();
    line.poll_commands();
    assert_eq!(transcript.take(), ["end HungUp", "drop"]);
}

#[test]
fn one_who_waits_no_longer_leaves_no_waker_behind() {
    let calls = Calls::default();
    let line = Line::talking(Desk::new());
    let _registration = calls.register(line.driver.handle());
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
