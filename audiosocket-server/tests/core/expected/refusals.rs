//! The reasons of refusals, for calls that are not expected.

use std::time::Duration;

use audiosocket_proto::Uuid;
use audiosocket_server::{CallRequest, Refusal};

use super::{Clock, IN_CALL, SECOND, Server, Speaker, USED, refusal, speaking, text};
use crate::call::HANGUP;
use crate::recorder::RecordingAcceptor;
use crate::wire::frame;

const UNKNOWN: &str = "its UUID was not announced";
const EXPIRED: &str = "its UUID was announced, and has expired";
const WITHDRAWN: &str = "its UUID was announced, and withdrawn";

#[test]
fn each_refusal_has_its_reason() {
    let clock = Clock::default();
    let expected = clock.expected_calls();
    let server = speaking(&expected);
    let refused = |uuid| {
        let mut line = server.call(uuid);
        assert_eq!(line.flush(), HANGUP);
        refusal(&line).unwrap()
    };

    assert_eq!(refused(Uuid::from_u128(1)), UNKNOWN);
    assert_eq!(refused(Uuid::nil()), UNKNOWN);

    let withdrawn = expected.announce(text("withdrawn")).unwrap();
    let metadata = expected.withdraw(withdrawn);
    assert_eq!(metadata.as_deref(), Some(&text("withdrawn")));
    assert_eq!(expected.withdraw(withdrawn), None);
    assert_eq!(refused(withdrawn), WITHDRAWN);

    let used = expected.announce(text("used")).unwrap();
    let mut line = server.call(used);
    assert_eq!(refused(used), IN_CALL);
    assert_eq!(expected.withdraw(used), None, "its call has arrived");
    assert_eq!(line.flush(), frame(0x10, b"used"), "the call goes on");
    line.eof();
    assert_eq!(refused(used), USED);
    drop(line);
    assert_eq!(refused(used), USED);

    let expired = expected.announce(text("expired")).unwrap();
    clock.advance(30 * SECOND);
    assert_eq!(refused(expired), EXPIRED);
    assert_eq!(expected.withdraw(expired), None);
    clock.advance(3600 * SECOND);
    assert_eq!(refused(expired), EXPIRED, "the reason is remembered");
}

#[test]
fn an_announcement_expires_after_its_time() {
    let clock = Clock::default();
    let expected = clock.expected_calls().valid_for(7 * SECOND);
    let server = speaking(&expected);
    let just_in_time = expected.announce(text("just in time")).unwrap();
    let too_late = expected.announce(text("too late")).unwrap();
    clock.advance(7 * SECOND - Duration::from_nanos(1));
    assert_eq!(server.refusal(just_in_time), None);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(server.refusal(too_late).unwrap(), EXPIRED);

    let endless = expected.clone().valid_for(Duration::MAX);
    let uuid = endless.announce(text("patient")).unwrap();
    clock.advance(1_000_000_000 * SECOND);
    assert_eq!(server.refusal(uuid), None);
}

/// The number of remembered reasons is bounded.
#[test]
fn the_oldest_uuids_are_forgotten() {
    let clock = Clock::default();
    let expected = clock.expected_calls();
    let server = speaking(&expected);
    for number in 0..=10_000_u128 {
        let uuid = Uuid::from_u128(number);
        expected.announce_as(uuid, text("brief")).unwrap();
        expected.withdraw(uuid).unwrap();
    }
    let refused = |number| server.refusal(Uuid::from_u128(number));
    assert_eq!(refused(0).unwrap(), UNKNOWN);
    assert_eq!(refused(1).unwrap(), WITHDRAWN);
    assert_eq!(refused(10_000).unwrap(), WITHDRAWN);
}

#[test]
fn a_call_that_the_acceptor_refuses_uses_its_announcement_up() {
    let expected = Clock::default().expected_calls();
    let closed = |_: &CallRequest<'_>| Err::<Speaker, _>(Refusal::new("closed"));
    let server = Server::new(&expected, closed);
    let uuid = expected.announce(text("hello")).unwrap();
    assert_eq!(server.refusal(uuid).unwrap(), "closed");
    assert_eq!(server.refusal(uuid).unwrap(), USED);
}

#[test]
fn a_call_whose_acceptor_panics_uses_its_announcement_up() {
    let expected = Clock::default().expected_calls();
    let server = Server::new(&expected, RecordingAcceptor::panicking_in(&["accept"]));
    let uuid = expected.announce(()).unwrap();
    assert_eq!(server.call(uuid).flush(), HANGUP);
    assert_eq!(server.refusal(uuid).unwrap(), USED);
}

/// The acceptor does not run for a call that is not expected.
#[test]
fn an_unexpected_call_runs_no_callback() {
    let desk = RecordingAcceptor::new();
    let transcript = desk.transcript.clone();
    let server = Server::new(&Clock::default().expected_calls::<()>(), desk);
    assert_eq!(server.refusal(Uuid::from_u128(1)).unwrap(), UNKNOWN);
    assert_eq!(transcript.take(), [""; 0]);
    assert_eq!(server.calls.counters().refused, 1);
}
