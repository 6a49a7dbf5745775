//! The life of a server, under a clock that only tests move.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use audiosocket_proto::{Timestamp, Transmit};
use audiosocket_server::{Calls, Limits, ServerAction, ServerDriver};

use crate::call::HANGUP;
use crate::handles::Bell;
use crate::recorder::{Desk, Line, Transcript};

const LINGER: Duration = Duration::from_secs(3);

#[test]
fn accepts_until_it_is_told_otherwise() {
    let mut office = Office::new();
    let _caller = office.caller();
    for _ in 0..3 {
        assert_eq!(office.poll(), ServerAction::Accept);
        assert_eq!(office.patience(), None);
        office.pass(seconds(1_000_000));
    }
}

#[test]
fn without_calls_it_is_over_at_once() {
    let mut office = Office::new();
    office.shutdown(seconds(5));
    assert_eq!(office.poll(), ServerAction::StopAccepting);
    for _ in 0..2 {
        assert_eq!(office.poll(), ServerAction::Over);
        assert_eq!(office.patience(), None);
        office.shutdown(seconds(5));
    }
}

#[test]
fn it_is_over_when_the_last_call_is() {
    let (mut office, caller) = Office::draining(seconds(5));
    let other = office.caller();
    assert_eq!(office.poll(), ServerAction::Wait);
    office.pass(seconds(2));
    drop(caller);
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(office.patience(), Some(seconds(3)));
    drop(other);
    assert_eq!(office.poll(), ServerAction::Over);
    assert_eq!(office.patience(), None);
}

/// Each step at its deadline and not a nanosecond before.
#[test]
fn patience_ends_in_steps() {
    let (mut office, mut caller) = Office::draining(seconds(5));
    for (patience, told) in [
        (seconds(5), &["end ShutDown", "drop"][..]),
        (LINGER + seconds(1), &[]),
        (seconds(1), &[]),
    ] {
        assert_eq!(office.poll(), ServerAction::Wait);
        assert_eq!(office.patience(), Some(patience));
        office.pass(patience - Duration::from_nanos(1));
        assert_eq!(office.poll(), ServerAction::Wait);
        assert_eq!(caller.told(), [""; 0]);
        office.pass(Duration::from_nanos(1));
        let last = patience == seconds(1);
        assert_eq!(
            office.poll(),
            if last {
                ServerAction::Over
            } else {
                ServerAction::Wait
            }
        );
        assert_eq!(caller.told(), told);
    }
    assert_eq!(office.patience(), None);
    assert_eq!(
        office.driver.handle().calls().len(),
        1,
        "its handler blocks"
    );
    assert_eq!(caller.line.transmit(), Transmit::Close);
}

#[test]
fn a_call_that_is_hung_up_in_time_is_not_abandoned() {
    let (mut office, mut caller) = Office::draining(seconds(5));
    office.pass(seconds(5));
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.told(), ["end ShutDown", "drop"]);
    assert_eq!(caller.line.flush(), HANGUP);
    drop(caller);
    assert_eq!(office.poll(), ServerAction::Over);
}

/// What was slow to poll does not take it out on the calls: each step begins when it is taken.
#[test]
fn a_late_poll_takes_one_step() {
    let (mut office, mut caller) = Office::draining(seconds(5));
    office.pass(seconds(1000));
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.told(), ["end ShutDown", "drop"]);
    assert_eq!(caller.line.transmit(), Transmit::Bytes(&HANGUP));
    assert_eq!(office.patience(), Some(LINGER + seconds(1)));
    office.pass(seconds(1000));
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.told(), [""; 0]);
    assert_eq!(caller.line.transmit(), Transmit::Close);
    assert_eq!(office.patience(), Some(seconds(1)));
}

#[test]
fn without_grace_calls_are_hung_up_at_once() {
    let (mut office, mut caller) = Office::draining(Duration::ZERO);
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.told(), ["end ShutDown", "drop"]);
    assert_eq!(office.patience(), Some(LINGER + seconds(1)));
}

#[test]
fn asked_again_it_is_shorter_and_never_longer() {
    let (mut office, mut caller) = Office::draining(seconds(10));
    for (asked, patience) in [(20, 10), (9, 9), (30, 9), (1, 1), (2, 1)] {
        office.shutdown(seconds(asked));
        assert_eq!(
            office.poll(),
            ServerAction::Wait,
            "and not to stop once more"
        );
        assert_eq!(office.patience(), Some(seconds(patience)));
    }
    office.shutdown(Duration::ZERO);
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.told(), ["end ShutDown", "drop"]);

    // Nothing is left to be shortened.
    for patience in [LINGER + seconds(1), seconds(1)] {
        office.shutdown(Duration::ZERO);
        assert_eq!(office.poll(), ServerAction::Wait);
        assert_eq!(office.patience(), Some(patience));
        office.pass(patience);
    }
    assert_eq!(office.poll(), ServerAction::Over);
}

#[test]
fn the_shorter_of_two_that_wait_counts() {
    for graces in [[7, 4], [4, 7]] {
        let mut office = Office::new();
        let _caller = office.caller();
        for grace in graces {
            office.shutdown(seconds(grace));
        }
        assert_eq!(office.poll(), ServerAction::StopAccepting);
        assert_eq!(office.poll(), ServerAction::Wait);
        assert_eq!(office.patience(), Some(seconds(4)));
    }
}

/// Time that is asked for begins when the order is taken, and a later order compares with what is
/// left.
#[test]
fn what_is_left_is_what_is_shortened() {
    let (mut office, _caller) = Office::draining(seconds(10));
    office.pass(seconds(8));
    office.shutdown(seconds(5));
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(office.patience(), Some(seconds(2)));
}

#[test]
fn endless_grace_and_linger_do_not_overflow() {
    let mut office = Office::with_linger(Duration::MAX);
    let mut caller = office.caller();
    office.shutdown(Duration::MAX);
    assert_eq!(office.poll(), ServerAction::StopAccepting);
    office.pass(seconds(100 * 365 * 24 * 3600));
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.told(), [""; 0]);
    office.shutdown(Duration::ZERO);
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.told(), ["end ShutDown", "drop"]);
    office.pass(seconds(100 * 365 * 24 * 3600));
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(caller.line.transmit(), Transmit::Bytes(&HANGUP));
}

/// They waited in the kernel, and `StopAccepting` is what takes them.
#[test]
fn calls_that_come_while_it_stops_are_waited_for() {
    let mut office = Office::new();
    office.shutdown(seconds(5));
    assert_eq!(office.poll(), ServerAction::StopAccepting);
    let mut late = office.caller();
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(late.told(), [""; 0]);
    office.pass(seconds(5));
    assert_eq!(office.poll(), ServerAction::Wait);
    assert_eq!(late.told(), ["end ShutDown", "drop"]);
}

#[test]
fn calls_that_come_later_end_as_the_others_did() {
    let (mut office, _caller) = Office::draining(Duration::ZERO);
    assert_eq!(office.poll(), ServerAction::Wait);
    let mut late = office.caller();
    assert_eq!(late.told(), ["end ShutDown", "drop"]);
    assert_eq!(late.line.flush(), HANGUP);

    office.pass(LINGER + seconds(1));
    assert_eq!(office.poll(), ServerAction::Wait);
    let mut later = office.caller();
    assert_eq!(later.told(), ["end Abandoned", "drop"]);
    assert_eq!(later.line.transmit(), Transmit::Close);
}

#[test]
fn shutdown_wakes_and_so_does_the_end_of_the_last_call() {
    let mut office = Office::new();
    let callers = [office.caller(), office.caller()];
    assert_eq!(office.poll(), ServerAction::Accept);
    assert_eq!(office.bell.rung(), 0);
    office.shutdown(seconds(5));
    assert_eq!(office.bell.rung(), 1);
    assert_eq!(office.poll(), ServerAction::StopAccepting);

    // In every phase alike: what waited for the calls waits on.
    for (phase, rung) in [(0, 1), (1, 1), (2, 1)] {
        assert_eq!(office.poll(), ServerAction::Wait, "phase {phase}");
        assert_eq!(office.bell.rung(), rung);
        if phase < 2 {
            office.pass(office.patience().expect("a deadline"));
        }
    }
    let [first, second] = callers;
    drop(first);
    assert_eq!(office.bell.rung(), 1);
    drop(second);
    assert_eq!(office.bell.rung(), 2);
    assert_eq!(office.poll(), ServerAction::Over);
}

#[test]
fn dropped_it_abandons_its_calls_and_keeps_no_waker() {
    let (mut office, mut caller) = Office::draining(seconds(5));
    assert_eq!(office.poll(), ServerAction::Wait);
    let (bell, handle) = (office.bell.clone(), office.driver.handle().clone());
    drop(office);
    assert_eq!(caller.told(), ["end Abandoned", "drop"]);
    assert_eq!(caller.line.transmit(), Transmit::Close);
    assert_eq!(Arc::strong_count(&bell), 1);

    handle.shutdown(Duration::ZERO);
    assert_eq!(bell.rung(), 1, "by the shutdown before");
    let mut late = Caller::new(handle.calls());
    assert_eq!(late.told(), ["end Abandoned", "drop"]);
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server with its clock, and a bell for a waker.
struct Office {
    driver: ServerDriver,
    now: Timestamp,
    bell: Arc<Bell>,
}

impl Office {
    fn new() -> Self {
        Self::with_linger(LINGER)
    }

    fn with_linger(linger: Duration) -> Self {
        Self {
            driver: ServerDriver::new(linger, Limits::default()),
            now: Timestamp::from_nanos(99_000_000_000),
            bell: Arc::default(),
        }
    }

    /// With one call, and told to stop accepting just now.
    fn draining(grace: Duration) -> (Self, Caller) {
        let mut office = Self::new();
        let caller = office.caller();
        assert_eq!(office.poll(), ServerAction::Accept);
        office.shutdown(grace);
        assert_eq!(office.poll(), ServerAction::StopAccepting);
        (office, caller)
    }

    fn caller(&self) -> Caller {
        Caller::new(self.driver.handle().calls())
    }

    fn shutdown(&self, grace: Duration) {
        self.driver.handle().shutdown(grace);
    }

    fn poll(&mut self) -> ServerAction {
        let waker = Waker::from(self.bell.clone());
        self.driver.poll(self.now, &mut Context::from_waker(&waker))
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// How long nothing has to be done from now on.
    fn patience(&self) -> Option<Duration> {
        let until = self.driver.poll_timeout()?;
        Some(until.saturating_since(self.now))
    }
}

/// A call that is going on.
struct Caller {
    line: Line<Desk>,
    transcript: Transcript,
}

impl Caller {
    fn new(calls: &Calls) -> Self {
        let desk = Desk::new();
        let transcript = desk.transcript.clone();
        let line = Line::talking_among(calls, desk);
        transcript.take();
        Self { line, transcript }
    }

    /// What its handler is told once it is awake.
    fn told(&mut self) -> Vec<String> {
        self.line.poll_commands();
        self.transcript.take()
    }
}
