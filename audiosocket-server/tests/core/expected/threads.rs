//! What is let go, and when many come at once.

use std::sync::{Arc, Barrier, Weak};

use audiosocket_proto::Uuid;
use audiosocket_server::ExpectedCalls;

use super::{Clock, IN_CALL, SECOND, USED, call, refusal};
use crate::acceptors::silent;

/// Metadata is the application's, and so is its drop, which may come back to the registry.
#[test]
fn what_has_expired_is_let_go_outside_of_the_lock() {
    struct Nosy(Option<ExpectedCalls<Self>>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(announced) = &self.0 {
                let _ = announced.waiting();
            }
        }
    }
    let clock = Clock::default();
    let announced: ExpectedCalls<Nosy> = clock.registry().max_waiting(2);
    let nosy = || Nosy(Some(announced.clone()));
    let uuid = Uuid::from_u128(1);
    announced.announce_as(uuid, nosy()).unwrap();
    assert!(announced.announce_as(uuid, nosy()).is_err());
    announced.announce(nosy()).unwrap();
    assert!(announced.announce(nosy()).is_err());
    assert!(announced.withdraw(uuid).is_some());
    clock.pass(30 * SECOND);
    assert_eq!(announced.waiting(), 0);

    let acceptor = Arc::new(announced.clone().guard(silent()));
    let uuid = announced.announce(nosy()).unwrap();
    drop(call(&acceptor, uuid));
    assert_eq!(refusal(&call(&acceptor, uuid)).unwrap(), USED);
}

/// No metadata is kept of what is past.
#[test]
fn metadata_is_let_go() {
    let clock = Clock::default();
    let announced = clock.registry();
    let acceptor = Arc::new(announced.clone().guard(silent()));
    let announce = || {
        let metadata = Arc::new(());
        let weak: Weak<()> = Arc::downgrade(&metadata);
        (announced.announce(metadata).unwrap(), weak)
    };
    let (used, of_used) = announce();
    let (withdrawn, of_withdrawn) = announce();
    let (_, of_expired) = announce();
    drop(call(&acceptor, used));
    drop(announced.withdraw(withdrawn));
    clock.pass(30 * SECOND);
    assert_eq!(announced.waiting(), 0);
    for weak in [of_used, of_withdrawn, of_expired] {
        assert!(weak.upgrade().is_none());
    }
}

#[test]
fn one_of_many_that_come_at_once_is_let_in() {
    const CALLERS: usize = 4;
    let announced = ExpectedCalls::new();
    let acceptor = Arc::new(announced.clone().guard(silent()));
    for _ in 0..200 {
        let uuid = announced.announce(()).unwrap();
        let start = Barrier::new(CALLERS);
        let connections: Vec<_> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        call(&acceptor, uuid)
                    })
                })
                .collect();
            callers
                .into_iter()
                .map(|caller| caller.join().unwrap())
                .collect()
        });
        let reasons: Vec<_> = connections.iter().filter_map(refusal).collect();
        assert_eq!(reasons, [IN_CALL; CALLERS - 1]);
    }
}

/// Whoever comes while it is withdrawn is let in or is not, and the withdrawal says which.
#[test]
fn a_call_and_a_withdrawal_at_once() {
    let announced = ExpectedCalls::new();
    let acceptor = Arc::new(announced.clone().guard(silent()));
    for _ in 0..200 {
        let uuid = announced.announce(()).unwrap();
        let start = Barrier::new(2);
        let (connection, withdrawn) = std::thread::scope(|scope| {
            let caller = scope.spawn(|| {
                start.wait();
                call(&acceptor, uuid)
            });
            start.wait();
            let withdrawn = announced.withdraw(uuid).is_some();
            (caller.join().unwrap(), withdrawn)
        });
        assert_eq!(refusal(&connection).is_some(), withdrawn);
    }
}
