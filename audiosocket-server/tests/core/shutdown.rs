//! The shutdown of a server, with a clock that only the test moves.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use audiosocket_proto::{Timestamp, Transmit};
use audiosocket_server::{Calls, Limits, Probe, ServerAction, ServerDriver};

use crate::call::HANGUP;
use crate::handles::CountingWaker;
use crate::recorder::{RecordingAcceptor, TestConnection, Transcript};

const LINGER: Duration = Duration::from_secs(3);

#[test]
fn a_server_accepts_until_its_shutdown() {
    let mut server = Server::new();
    let _caller = server.call();
    for _ in 0..3 {
        assert_eq!(server.poll(), ServerAction::Accept);
        assert_eq!(server.until_deadline(), None);
        server.pass(seconds(1_000_000));
    }
}

#[test]
fn a_shutdown_without_calls_is_over_at_once() {
    let mut server = Server::new();
    server.shutdown(seconds(5));
    assert_eq!(server.poll(), ServerAction::StopAccepting);
    for _ in 0..2 {
        assert_eq!(server.poll(), ServerAction::Over);
        assert_eq!(server.until_deadline(), None);
        server.shutdown(seconds(5));
    }
}

#[test]
fn a_shutdown_is_over_when_the_last_call_is() {
    let (mut server, call) = Server::draining(seconds(5));
    let other = server.call();
    assert_eq!(server.poll(), ServerAction::Wait);
    server.pass(seconds(2));
    drop(call);
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(server.until_deadline(), Some(seconds(3)));
    drop(other);
    assert_eq!(server.poll(), ServerAction::Over);
    assert_eq!(server.until_deadline(), None);
}

/// Each step comes exactly at its deadline.
#[test]
fn a_shutdown_goes_in_steps() {
    let (mut server, mut call) = Server::draining(seconds(5));
    for (wait, callbacks) in [
        (seconds(5), &["end ShutDown", "drop"][..]),
        (LINGER + seconds(1), &[]),
        (seconds(1), &[]),
    ] {
        assert_eq!(server.poll(), ServerAction::Wait);
        assert_eq!(server.until_deadline(), Some(wait));
        server.pass(wait - Duration::from_nanos(1));
        assert_eq!(server.poll(), ServerAction::Wait);
        assert_eq!(call.callbacks(), [""; 0]);
        server.pass(Duration::from_nanos(1));
        let last = wait == seconds(1);
        assert_eq!(
            server.poll(),
            if last {
                ServerAction::Over
            } else {
                ServerAction::Wait
            }
        );
        assert_eq!(call.callbacks(), callbacks);
    }
    assert_eq!(server.until_deadline(), None);
    assert_eq!(
        server.driver.handle().calls().len(),
        1,
        "its handler blocks"
    );
    assert_eq!(call.line.transmit(), Transmit::Close);
}

#[test]
fn a_call_that_is_hung_up_in_time_is_not_abandoned() {
    let (mut server, mut call) = Server::draining(seconds(5));
    server.pass(seconds(5));
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.callbacks(), ["end ShutDown", "drop"]);
    assert_eq!(call.line.flush(), HANGUP);
    drop(call);
    assert_eq!(server.poll(), ServerAction::Over);
}

/// A late poll does not shorten the time of the calls: the time of a step begins at the poll.
#[test]
fn a_late_poll_takes_one_step() {
    let (mut server, mut call) = Server::draining(seconds(5));
    server.pass(seconds(1000));
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.callbacks(), ["end ShutDown", "drop"]);
    assert_eq!(call.line.transmit(), Transmit::Bytes(&HANGUP));
    assert_eq!(server.until_deadline(), Some(LINGER + seconds(1)));
    server.pass(seconds(1000));
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.callbacks(), [""; 0]);
    assert_eq!(call.line.transmit(), Transmit::Close);
    assert_eq!(server.until_deadline(), Some(seconds(1)));
}

#[test]
fn without_grace_calls_are_hung_up_at_once() {
    let (mut server, mut call) = Server::draining(Duration::ZERO);
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.callbacks(), ["end ShutDown", "drop"]);
    assert_eq!(server.until_deadline(), Some(LINGER + seconds(1)));
}

#[test]
fn a_second_shutdown_shortens_the_grace_and_never_extends_it() {
    let (mut server, mut call) = Server::draining(seconds(10));
    for (requested, wait) in [(20, 10), (9, 9), (30, 9), (1, 1), (2, 1)] {
        server.shutdown(seconds(requested));
        assert_eq!(
            server.poll(),
            ServerAction::Wait,
            "the server stops accepting once"
        );
        assert_eq!(server.until_deadline(), Some(seconds(wait)));
    }
    server.shutdown(Duration::ZERO);
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.callbacks(), ["end ShutDown", "drop"]);

    // No grace is left to shorten.
    for wait in [LINGER + seconds(1), seconds(1)] {
        server.shutdown(Duration::ZERO);
        assert_eq!(server.poll(), ServerAction::Wait);
        assert_eq!(server.until_deadline(), Some(wait));
        server.pass(wait);
    }
    assert_eq!(server.poll(), ServerAction::Over);
}

#[test]
fn the_shorter_of_two_requests_counts() {
    for graces in [[7, 4], [4, 7]] {
        let mut server = Server::new();
        let _caller = server.call();
        for grace in graces {
            server.shutdown(seconds(grace));
        }
        assert_eq!(server.poll(), ServerAction::StopAccepting);
        assert_eq!(server.poll(), ServerAction::Wait);
        assert_eq!(server.until_deadline(), Some(seconds(4)));
    }
}

/// The grace begins when the server takes the request. A later request is compared with the time that is left.
#[test]
fn a_later_grace_is_compared_with_the_time_that_is_left() {
    let (mut server, _caller) = Server::draining(seconds(10));
    server.pass(seconds(8));
    server.shutdown(seconds(5));
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(server.until_deadline(), Some(seconds(2)));
}

#[test]
fn endless_grace_and_linger_do_not_overflow() {
    let mut server = Server::with_linger(Duration::MAX);
    let mut call = server.call();
    server.shutdown(Duration::MAX);
    assert_eq!(server.poll(), ServerAction::StopAccepting);
    server.pass(seconds(100 * 365 * 24 * 3600));
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.callbacks(), [""; 0]);
    server.shutdown(Duration::ZERO);
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.callbacks(), ["end ShutDown", "drop"]);
    server.pass(seconds(100 * 365 * 24 * 3600));
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(call.line.transmit(), Transmit::Bytes(&HANGUP));
}

/// These calls waited in the kernel. The server accepts them at `StopAccepting`.
#[test]
fn a_shutdown_waits_for_calls_that_start_while_it_begins() {
    let mut server = Server::new();
    server.shutdown(seconds(5));
    assert_eq!(server.poll(), ServerAction::StopAccepting);
    let mut late = server.call();
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(late.callbacks(), [""; 0]);
    server.pass(seconds(5));
    assert_eq!(server.poll(), ServerAction::Wait);
    assert_eq!(late.callbacks(), ["end ShutDown", "drop"]);
}

#[test]
fn calls_that_start_later_end_as_the_others_did() {
    let (mut server, _caller) = Server::draining(Duration::ZERO);
    assert_eq!(server.poll(), ServerAction::Wait);
    let mut late = server.call();
    assert_eq!(late.callbacks(), ["end ShutDown", "drop"]);
    assert_eq!(late.line.flush(), HANGUP);

    server.pass(LINGER + seconds(1));
    assert_eq!(server.poll(), ServerAction::Wait);
    let mut later = server.call();
    assert_eq!(later.callbacks(), ["end Abandoned", "drop"]);
    assert_eq!(later.line.transmit(), Transmit::Close);
}

#[test]
fn a_shutdown_and_the_end_of_the_last_call_wake_the_server() {
    let mut server = Server::new();
    let calls_open = [server.call(), server.call()];
    assert_eq!(server.poll(), ServerAction::Accept);
    assert_eq!(server.wakes.wake_count(), 0);
    server.shutdown(seconds(5));
    assert_eq!(server.wakes.wake_count(), 1);
    assert_eq!(server.poll(), ServerAction::StopAccepting);

    // The same in every phase.
    for (phase, wake_count) in [(0, 1), (1, 1), (2, 1)] {
        assert_eq!(server.poll(), ServerAction::Wait, "phase {phase}");
        assert_eq!(server.wakes.wake_count(), wake_count);
        if phase < 2 {
            server.pass(server.until_deadline().expect("a deadline"));
        }
    }
    let [first, second] = calls_open;
    drop(first);
    assert_eq!(server.wakes.wake_count(), 1);
    drop(second);
    assert_eq!(server.wakes.wake_count(), 2);
    assert_eq!(server.poll(), ServerAction::Over);
}

#[test]
fn a_dropped_server_abandons_its_calls_and_keeps_no_waker() {
    let (mut server, mut call) = Server::draining(seconds(5));
    assert_eq!(server.poll(), ServerAction::Wait);
    let (wakes, handle) = (server.wakes.clone(), server.driver.handle().clone());
    drop(server);
    assert_eq!(call.callbacks(), ["end Abandoned", "drop"]);
    assert_eq!(call.line.transmit(), Transmit::Close);
    assert_eq!(Arc::strong_count(&wakes), 1);

    handle.shutdown(Duration::ZERO);
    assert_eq!(wakes.wake_count(), 1, "the earlier shutdown woke it");
    let mut late = OpenCall::new(handle.calls());
    assert_eq!(late.callbacks(), ["end Abandoned", "drop"]);
}

#[test]
fn a_server_that_runs_answers_probes() {
    let mut server = Server::new();
    let _call = server.call();
    assert_eq!(server.poll(), ServerAction::Accept);
    let probes = [server.probe(), server.probe()];
    assert_eq!(server.wakes.wake_count(), 1);
    assert!(!probes.iter().any(Probe::is_answered));
    assert_eq!(server.poll(), ServerAction::Accept);
    assert!(probes.iter().all(Probe::is_answered));

    // While it drains, and at the same time as another request.
    let probe = server.probe();
    assert!(!probe.is_answered());
    server.shutdown(seconds(5));
    assert_eq!(server.poll(), ServerAction::StopAccepting);
    assert!(probe.is_answered());
    let probe = server.probe();
    assert_eq!(server.poll(), ServerAction::Wait);
    assert!(probe.is_answered());

    let probe = server.probe();
    drop(server);
    assert!(!probe.is_answered());
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server with a clock that only the test moves, and a waker that counts.
struct Server {
    driver: ServerDriver,
    now: Timestamp,
    wakes: Arc<CountingWaker>,
}

impl Server {
    fn new() -> Self {
        Self::with_linger(LINGER)
    }

    fn with_linger(linger: Duration) -> Self {
        Self {
            driver: ServerDriver::new(linger, Limits::default()),
            now: Timestamp::from_nanos(99_000_000_000),
            wakes: Arc::default(),
        }
    }

    /// A server with one call, whose shutdown has begun.
    fn draining(grace: Duration) -> (Self, OpenCall) {
        let mut server = Self::new();
        let call = server.call();
        assert_eq!(server.poll(), ServerAction::Accept);
        server.shutdown(grace);
        assert_eq!(server.poll(), ServerAction::StopAccepting);
        (server, call)
    }

    fn call(&self) -> OpenCall {
        OpenCall::new(self.driver.handle().calls())
    }

    fn shutdown(&self, grace: Duration) {
        self.driver.handle().shutdown(grace);
    }

    fn probe(&self) -> Probe {
        self.driver.handle().probe()
    }

    fn poll(&mut self) -> ServerAction {
        let waker = Waker::from(self.wakes.clone());
        self.driver.poll(self.now, &mut Context::from_waker(&waker))
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Returns the time until the next deadline.
    fn until_deadline(&self) -> Option<Duration> {
        let until = self.driver.poll_timeout()?;
        Some(until.saturating_since(self.now))
    }
}

/// An open call.
struct OpenCall {
    line: TestConnection<RecordingAcceptor>,
    transcript: Transcript,
}

impl OpenCall {
    fn new(calls: &Calls) -> Self {
        let desk = RecordingAcceptor::new();
        let transcript = desk.transcript.clone();
        let line = TestConnection::talking_among(calls, desk);
        transcript.take();
        Self { line, transcript }
    }

    /// Handles the commands of the call. Returns the callbacks since the last call of this method.
    fn callbacks(&mut self) -> Vec<String> {
        self.line.poll_commands();
        self.transcript.take()
    }
}
