//! The limits on connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use audiosocket_proto::{End, SessionConfig, Timestamp, Transmit};
use audiosocket_server::{
    Acceptor, Admission, CallDriver, CallRequest, Calls, Exception, Handler, Limits, Peer, Refusal,
};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::{RecordingAcceptor, TestConnection};

type Driver = CallDriver<RecordingAcceptor>;

fn limited(limit: impl FnOnce(&mut Limits)) -> Calls {
    let mut limits = Limits::default();
    limit(&mut limits);
    Calls::new(limits)
}

fn connect(calls: &Calls, from: &str) -> Driver {
    let peer = match from.parse::<SocketAddr>() {
        Ok(addr) => Peer::from(addr),
        Err(_) => Peer::from(from),
    };
    let config = SessionConfig::default();
    CallDriver::new(
        Arc::new(RecordingAcceptor::new()),
        peer,
        config,
        calls,
        Timestamp::ZERO,
    )
}

fn call(calls: &Calls, from: &str) -> Driver {
    let mut driver = connect(calls, from);
    driver.receive(Timestamp::ZERO, &uuid_frame());
    driver
}

#[track_caller]
fn assert_refused(mut driver: Driver, why: &str) {
    assert_eq!(driver.refusal().unwrap().to_string(), why);
    // The server reads nothing from the peer.
    driver.receive(Timestamp::ZERO, &uuid_frame());
    assert_eq!(driver.transmit_all(), HANGUP);
    assert_eq!(driver.poll_transmit(), Transmit::HalfClose);
}

trait TransmitAll {
    fn transmit_all(&mut self) -> Vec<u8>;
}

impl TransmitAll for Driver {
    fn transmit_all(&mut self) -> Vec<u8> {
        let Transmit::Bytes(bytes) = self.poll_transmit() else {
            return Vec::new();
        };
        let bytes = bytes.to_vec();
        self.transmitted(Timestamp::ZERO, bytes.len());
        bytes
    }
}

#[test]
fn calls_beyond_the_limit_are_refused() {
    let calls = limited(|limits| limits.max_calls = 2);
    let first = call(&calls, "one");
    let second = connect(&calls, "two");
    assert_refused(connect(&calls, "three"), "too many calls");
    assert_eq!(calls.len(), 2, "the refused connection is closed");
    drop(first);
    let third = call(&calls, "three");
    assert_eq!(third.refusal(), None);
    assert_refused(call(&calls, "four"), "too many calls");
    drop((second, third));
    let counters = calls.counters();
    assert_eq!((counters.connections, counters.started), (5, 2));
    assert_eq!((counters.over_max_calls, counters.refused), (2, 0));
}

#[test]
fn connections_without_a_uuid_beyond_the_limit_are_refused() {
    let calls = limited(|limits| limits.max_pending = 2);
    let why = "too many connections without a UUID";
    let mut first = connect(&calls, "one");
    let second = connect(&calls, "two");
    assert_refused(connect(&calls, "three"), why);
    // A connection that gets its UUID, or closes, makes room for another one.
    first.receive(Timestamp::ZERO, &uuid_frame());
    let third = connect(&calls, "three");
    assert_refused(connect(&calls, "four"), why);
    drop(second);
    assert_eq!(connect(&calls, "four").refusal(), None);
    // The end of a call makes no room.
    drop(first);
    let fourth = connect(&calls, "four");
    assert_refused(connect(&calls, "five"), why);
    drop((third, fourth));
    assert_eq!(calls.counters().over_max_pending, 3);
}

#[test]
fn connections_without_a_uuid_from_one_address_beyond_the_limit_are_refused() {
    let calls = limited(|limits| limits.max_pending_per_addr = 1);
    let why = "too many connections without a UUID from this address";
    let mut here = connect(&calls, "192.0.2.1:1000");
    // The same address in IPv6 form counts too.
    for same in ["192.0.2.1:1001", "[::ffff:192.0.2.1]:1002"] {
        assert_refused(connect(&calls, same), why);
    }
    let elsewhere = connect(&calls, "192.0.2.2:1000");
    let site = connect(&calls, "[2001:db8::1]:1000");
    assert_refused(connect(&calls, "[2001:db8::ffff:0:0:2]:1"), why);
    let other_site = connect(&calls, "[2001:db8:0:1::1]:1000");
    // A peer with a name has no address.
    let named = [connect(&calls, "pipe"), connect(&calls, "pipe")];
    for driver in [&elsewhere, &site, &other_site, &named[0], &named[1]] {
        assert_eq!(driver.refusal(), None);
    }
    here.receive(Timestamp::ZERO, &uuid_frame());
    let again = connect(&calls, "192.0.2.1:1003");
    assert_eq!(again.refusal(), None);
    drop((again, site));
    assert_eq!(connect(&calls, "192.0.2.1:1004").refusal(), None);
    assert_eq!(connect(&calls, "[2001:db8::3]:1").refusal(), None);
    assert_eq!(calls.counters().over_max_pending_per_addr, 3);
}

#[test]
fn an_asterisk_that_places_500_calls_at_once_is_served() {
    let calls = Calls::default();
    let from = |port| connect(&calls, &format!("192.0.2.1:{port}"));
    let pending: Vec<_> = (1..=500).map(from).collect();
    assert!(pending.iter().all(|driver| driver.refusal().is_none()));
}

#[test]
fn an_application_can_refuse_all_calls() {
    let calls = Calls::default();
    let going_on = call(&calls, "one");
    calls.refuse_calls(true);
    assert_refused(
        connect(&calls, "two"),
        "the application refuses calls at present",
    );
    assert_eq!(
        going_on.poll_transmit(),
        Transmit::Bytes(
            &[0x10, 1, 64]
                .iter()
                .copied()
                .chain([0; 320])
                .collect::<Vec<_>>()
        )
    );
    calls.refuse_calls(false);
    assert_eq!(connect(&calls, "three").refusal(), None);
    assert_eq!(calls.counters().while_refusing, 1);
}

#[test]
fn free_memory_accepts_no_calls_that_the_application_refuses() {
    let calls = Calls::default();
    calls.note_memory_short(true);
    assert_refused(connect(&calls, "one"), "memory is short");
    calls.refuse_calls(true);
    let why = "the application refuses calls at present";
    assert_refused(connect(&calls, "two"), why);
    calls.note_memory_short(false);
    assert_refused(connect(&calls, "three"), why);
    calls.note_memory_short(true);
    calls.refuse_calls(false);
    assert_refused(connect(&calls, "four"), "memory is short");
    calls.note_memory_short(false);
    assert_eq!(connect(&calls, "five").refusal(), None);
    let counters = calls.counters();
    assert_eq!(
        (counters.while_refusing, counters.while_memory_short),
        (2, 2)
    );
}

/// Without this, foreign peers could use up the limits.
#[test]
fn peers_that_are_not_admitted_count_against_no_limit() {
    let admission = Admission::new().limits(Limits::new().max_calls(1).max_pending(1));
    let calls = Calls::new(admission.admit_peer(|peer| match peer.to_string() {
        peer if peer == "one" => Ok(()),
        _ => Err(Refusal::new("no")),
    }));
    let strangers = [(), ()].map(|()| connect(&calls, "stranger"));
    assert_eq!(connect(&calls, "one").refusal(), None);
    drop(strangers);
    let counters = calls.counters();
    assert_eq!((counters.refused, counters.over_max_calls), (2, 0));
}

#[test]
fn the_number_of_refused_connections_that_linger_is_bounded() {
    let calls = limited(|limits| limits.max_calls = 0);
    let lingering = |driver: &mut Driver| {
        assert_eq!(driver.transmit_all(), HANGUP);
        driver.half_closed();
        driver.handle_timeout(Timestamp::ZERO);
        driver.poll_transmit() != Transmit::Close
    };
    let mut refused: Vec<_> = (0..300).map(|_| connect(&calls, "one")).collect();
    let lingers = refused.iter_mut().map(lingering);
    assert_eq!(lingers.filter(|lingers| *lingers).count(), 256);
    refused.truncate(255);
    let mut next = [connect(&calls, "one"), connect(&calls, "one")];
    assert_eq!(next.each_mut().map(lingering), [true, false]);
}

/// Each open connection takes memory, which the application may lack. The others are closed at once.
#[test]
fn fewer_linger_while_the_application_refuses_calls() {
    let calls = limited(|_| {});
    calls.refuse_calls(true);
    let refused: Vec<_> = (0..50).map(|_| connect(&calls, "one")).collect();
    let away = refused.iter().map(CallDriver::turned_away);
    assert_eq!(away.filter(|away| *away).count(), 42);
    drop(refused);
    calls.refuse_calls(false);
    assert!(!connect(&calls, "one").turned_away());
}

/// Refused connections leave room for other calls.
#[test]
fn calls_that_are_refused_by_their_uuid_count_against_no_limit() {
    let calls = limited(|limits| limits.max_calls = 1);
    let refused = |_| TestConnection::talking_among(&calls, RecordingAcceptor::refusing("unknown"));
    let mut lines: Vec<_> = (0..300).map(refused).collect();
    let lingering = lines.iter_mut().filter_map(|line| {
        assert_eq!(line.flush(), HANGUP);
        line.driver.half_closed();
        line.wait(Duration::ZERO);
        (line.transmit() != Transmit::Close).then_some(())
    });
    assert_eq!(lingering.count(), 256);
    let accepted = call(&calls, "one");
    assert_eq!(accepted.refusal(), None);
    let counters = calls.counters();
    assert_eq!((counters.refused, counters.started), (300, 1));
    assert_eq!(counters.over_max_calls, 0);
    drop((lines, accepted));
    assert!(calls.is_empty());
}

/// A caller that learns of the end, and calls again at once, is not refused.
#[test]
fn the_place_of_a_call_is_free_before_its_last_callback() {
    let calls = limited(|limits| limits.max_calls = 1);
    let (same, second) = (calls.clone(), Arc::new(Mutex::new(None)));
    let slot = Arc::clone(&second);
    let desk = RecordingAcceptor::new().on_any(move |callback, _| {
        if callback == "on_end" {
            *slot.lock().unwrap() = Some(call(&same, "second"));
        }
    });
    let mut first = TestConnection::talking_among(&calls, desk);
    assert_refused(connect(&calls, "early"), "too many calls");
    first.receive(&HANGUP);
    let second = second.lock().unwrap().take().expect("the call has ended");
    assert_eq!(second.refusal(), None);
    assert_eq!(calls.counters().started, 2);
    assert_eq!((calls.len(), calls.admitted()), (2, 1), "the first lingers");
    assert_refused(connect(&calls, "third"), "too many calls");
    drop(first);
    assert_eq!((calls.len(), calls.admitted()), (1, 1));
    drop(second);
    assert!(calls.is_empty());
}

/// The acceptor gets the error of a connection that did not become a call.
#[test]
fn the_place_of_a_connection_without_a_uuid_is_free_before_it_is_reported() {
    let calls = limited(|limits| limits.max_pending = 1);
    let (same, admitted) = (calls.clone(), Arc::new(Mutex::new(Vec::new())));
    let record = Arc::clone(&admitted);
    let acceptor = Reporting(move || {
        let next = connect(&same, "next");
        record.lock().unwrap().push(next.refusal().cloned());
    });
    let mut first = TestConnection::among(&calls, acceptor, |config| config);
    first.wait(Duration::from_secs(5));
    assert_eq!(*admitted.lock().unwrap(), [None]);
    assert_eq!(first.flush(), HANGUP);
}

/// Runs a closure at an error before a call.
struct Reporting<F>(F);

impl<F: Fn() + Send + Sync + 'static> Acceptor for Reporting<F> {
    type Handler = Box<dyn Handler>;

    fn accept(&self, _: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        Err(Refusal::new("no calls here"))
    }

    fn on_exception(&self, _: &Peer, _: &Exception) {
        (self.0)();
    }
}

/// A call that is over, and whose peer does not close. Returns whether the server waits for the peer.
fn lingers_after_its_end(calls: &Calls) -> (Driver, bool) {
    let mut driver = call(calls, "one");
    assert_eq!(driver.refusal(), None);
    driver.receive(Timestamp::ZERO, &HANGUP);
    driver.transmit_all();
    driver.half_closed();
    driver.handle_timeout(Timestamp::ZERO);
    let lingers = driver.poll_transmit() != Transmit::Close;
    (driver, lingers)
}

/// Calls that are over do not count against `max_calls`, so their connections have a limit of their own.
#[test]
fn the_number_of_ended_calls_that_linger_is_bounded() {
    // The limit is `max_calls`, so that all calls can be hung up at once. It is at least 256.
    for (max_calls, bound) in [(2, 256), (300, 300)] {
        let calls = limited(|limits| limits.max_calls = max_calls);
        let (mut ended, lingering): (Vec<_>, Vec<_>) =
            (0..400).map(|_| lingers_after_its_end(&calls)).unzip();
        assert_eq!(lingering.iter().filter(|lingers| **lingers).count(), bound);
        assert!(lingering[..bound].iter().all(|lingers| *lingers));
        assert_eq!((calls.len(), calls.admitted()), (400, 0));
        ended.truncate(bound - 1);
        assert!(lingers_after_its_end(&calls).1);
        drop(ended);
        assert!(calls.is_empty());
    }
}

/// Refused connections and ended calls have separate limits.
#[test]
fn refused_connections_do_not_shorten_the_linger_of_calls() {
    let calls = limited(|limits| limits.max_calls = 1);
    let open = call(&calls, "open");
    let refused: Vec<_> = (0..400).map(|_| connect(&calls, "refused")).collect();
    drop(open);
    assert!(lingers_after_its_end(&calls).1);
    drop(refused);
}

#[test]
fn a_call_that_lasts_too_long_is_hung_up() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let longest = Duration::from_secs(3600);
    let mut line = TestConnection::with(desk, |config| config.max_duration(Some(longest)));
    // The duration begins with the UUID.
    line.wait(Duration::from_secs(4));
    line.receive(&uuid_frame());
    line.wait(longest - Duration::from_nanos(1));
    assert_eq!(line.transmit(), Transmit::Idle);
    transcript.take();
    line.wait(Duration::from_nanos(1));
    assert_eq!(transcript.take(), ["end MaxDuration", "drop"]);
    assert_eq!(line.flush(), HANGUP);
    assert_eq!(
        End::MaxDuration.to_string(),
        "hung up after the longest duration"
    );
    line.expect_close();
}
