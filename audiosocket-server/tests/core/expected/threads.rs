//! Drops of metadata, and many calls at the same time.

use std::sync::{Arc, Barrier, Weak};

use audiosocket_proto::Uuid;
use audiosocket_server::ExpectedCalls;

use super::{Clock, IN_CALL, SECOND, Server, USED, refusal};
use crate::recorder::RecordingAcceptor;

/// Metadata belongs to the application. Its `drop` may use the registry.
#[test]
fn metadata_is_dropped_outside_of_the_lock() {
    struct Reentrant(Option<ExpectedCalls<Self>>);
    impl Drop for Reentrant {
        fn drop(&mut self) {
            if let Some(expected) = &self.0 {
                let _ = expected.waiting();
            }
        }
    }
    let clock = Clock::default();
    let expected: ExpectedCalls<Reentrant> = clock.expected_calls().max_waiting(2);
    let metadata = || Reentrant(Some(expected.clone()));
    let uuid = Uuid::from_u128(1);
    expected.announce_as(uuid, metadata()).unwrap();
    assert!(expected.announce_as(uuid, metadata()).is_err());
    expected.announce(metadata()).unwrap();
    assert!(expected.announce(metadata()).is_err());
    assert!(expected.withdraw(uuid).is_some());
    clock.advance(30 * SECOND);
    assert_eq!(expected.waiting(), 0);

    let server = Server::new(&expected, RecordingAcceptor::new());
    let uuid = expected.announce(metadata()).unwrap();
    drop(server.call(uuid));
    assert_eq!(server.refusal(uuid).unwrap(), USED);
}

#[test]
fn metadata_is_dropped_when_its_call_is_over() {
    let clock = Clock::default();
    let expected = clock.expected_calls();
    let server = Server::new(&expected, RecordingAcceptor::new());
    let announce = || {
        let metadata = Arc::new(());
        let weak: Weak<()> = Arc::downgrade(&metadata);
        (expected.announce(metadata).unwrap(), weak)
    };
    let (used, of_used) = announce();
    let (withdrawn, of_withdrawn) = announce();
    let (_, of_expired) = announce();
    drop(server.call(used));
    drop(expected.withdraw(withdrawn));
    clock.advance(30 * SECOND);
    assert_eq!(expected.waiting(), 0);
    for weak in [of_used, of_withdrawn, of_expired] {
        assert!(weak.upgrade().is_none());
    }
}

#[test]
fn one_of_several_calls_at_once_is_accepted() {
    const CALLERS: usize = 4;
    let expected = ExpectedCalls::new();
    let server = Server::new(&expected, RecordingAcceptor::new());
    for _ in 0..200 {
        let uuid = expected.announce(()).unwrap();
        let start = Barrier::new(CALLERS);
        let lines: Vec<_> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        server.call(uuid)
                    })
                })
                .collect();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .collect()
        });
        let reasons: Vec<_> = lines.iter().filter_map(refusal).collect();
        assert_eq!(reasons, [IN_CALL; CALLERS - 1]);
    }
}

/// Either the call starts, or the withdrawal succeeds.
#[test]
fn a_call_and_a_withdrawal_at_once_agree() {
    let expected = ExpectedCalls::new();
    let server = Server::new(&expected, RecordingAcceptor::new());
    for _ in 0..200 {
        let uuid = expected.announce(()).unwrap();
        let start = Barrier::new(2);
        let (line, withdrawn) = std::thread::scope(|scope| {
            let caller = scope.spawn(|| {
                start.wait();
                server.call(uuid)
            });
            start.wait();
            let withdrawn = expected.withdraw(uuid).is_some();
            (caller.join().unwrap(), withdrawn)
        });
        assert_eq!(refusal(&line).is_some(), withdrawn);
    }
}
