//! The registry of expected calls, compared with a simple model.

use std::time::Duration;

use audiosocket_proto::Uuid;
use audiosocket_server::{Acceptor, AnnounceError, Duplicate};
use proptest::prelude::*;

use super::{Clock, Server, Shared, refusal};
use crate::recorder::{RecordingAcceptor, TestConnection};

#[derive(Clone, Debug)]
enum Op {
    Announce(u8),
    Withdraw(u8),
    Call(u8),
    /// The open call of this index ends.
    End(usize),
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    // Few UUIDs, so that several operations use the same one.
    let uuid = 0..4_u8;
    prop_oneof![
        3 => uuid.clone().prop_map(Op::Announce),
        1 => uuid.clone().prop_map(Op::Withdraw),
        4 => uuid.prop_map(Op::Call),
        2 => any::<usize>().prop_map(Op::End),
        1 => (0..15_u64).prop_map(Op::Pass),
    ]
}

/// The state of one UUID.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Nothing,
    Waits { until: u64, metadata: usize },
    GoesOn { call: usize, metadata: usize },
    Past(&'static str),
}

const VALID_FOR: u64 = 10;
const MAX_WAITING: usize = 3;

#[derive(Debug)]
struct Naive {
    now: u64,
    known: [Known; 4],
}

impl Naive {
    fn pass(&mut self, time: u64) {
        self.now += time;
        for known in &mut self.known {
            if matches!(known, Known::Waits { until, .. } if *until <= self.now) {
                *known = Known::Past("its UUID was announced, and has expired");
            }
        }
    }

    fn waiting(&self) -> usize {
        let waits = |known: &&Known| matches!(known, Known::Waits { .. });
        self.known.iter().filter(waits).count()
    }

    fn announce(&mut self, uuid: u8, metadata: usize) -> Result<(), AnnounceError> {
        let full = self.waiting() >= MAX_WAITING;
        let until = self.now + VALID_FOR;
        match &mut self.known[usize::from(uuid)] {
            Known::Waits { .. } => Err(AnnounceError::Waiting),
            Known::GoesOn { .. } => Err(AnnounceError::InCall),
            _ if full => Err(AnnounceError::Full),
            known => {
                *known = Known::Waits { until, metadata };
                Ok(())
            }
        }
    }

    fn withdraw(&mut self, uuid: u8) -> Option<usize> {
        let known = &mut self.known[usize::from(uuid)];
        let Known::Waits { metadata, .. } = *known else {
            return None;
        };
        *known = Known::Past("its UUID was announced, and withdrawn");
        Some(metadata)
    }

    /// Returns the reason of the refusal, and the call that is hung up.
    fn call(
        &mut self,
        uuid: u8,
        new: usize,
        policy: Duplicate,
    ) -> (Option<&'static str>, Option<usize>) {
        let known = &mut self.known[usize::from(uuid)];
        match *known {
            Known::Nothing => (Some("its UUID was not announced"), None),
            Known::Past(reason) => (Some(reason), None),
            Known::Waits { metadata, .. } => {
                *known = Known::GoesOn {
                    call: new,
                    metadata,
                };
                (None, None)
            }
            Known::GoesOn { .. } if policy == Duplicate::Refuse => {
                (Some("a call with its UUID goes on"), None)
            }
            Known::GoesOn { call, metadata } => {
                *known = Known::GoesOn {
                    call: new,
                    metadata,
                };
                (None, Some(call))
            }
        }
    }

    fn end(&mut self, ended: usize) {
        for known in &mut self.known {
            if matches!(known, Known::GoesOn { call, .. } if *call == ended) {
                *known = Known::Past("its UUID has been used");
            }
        }
    }

    fn metadata(&self, uuid: u8) -> Option<usize> {
        match self.known[usize::from(uuid)] {
            Known::GoesOn { metadata, .. } => Some(metadata),
            _ => None,
        }
    }
}

fn uuid(number: u8) -> Uuid {
    Uuid::from_u128(number.into())
}

fn run(ops: &[Op], policy: Duplicate) {
    let clock = Clock::default();
    let expected = clock
        .expected_calls()
        .valid_for(Duration::from_secs(VALID_FOR))
        .max_waiting(MAX_WAITING)
        .on_duplicate(policy);
    let server = Server::new(&expected, RecordingAcceptor::new());
    let mut naive = Naive {
        now: 0,
        known: [Known::Nothing; 4],
    };
    let mut calls: Vec<(usize, TestConnection<Shared<_>>)> = Vec::new();
    for (step, op) in ops.iter().enumerate() {
        match *op {
            Op::Announce(number) => {
                let result = expected.announce_as(uuid(number), step);
                assert_eq!(result, naive.announce(number, step));
            }
            Op::Withdraw(number) => {
                let metadata = expected.withdraw(uuid(number));
                assert_eq!(metadata.as_deref().copied(), naive.withdraw(number));
            }
            Op::Call(number) => {
                let line = server.call(uuid(number));
                let (refused, hung_up) = naive.call(number, step, policy);
                assert_eq!(refusal(&line).as_deref(), refused);
                if refused.is_none() {
                    calls.push((step, line));
                }
                assert_eq!(ended_by_us(&mut calls), hung_up);
            }
            Op::End(index) if !calls.is_empty() => {
                let (ended, line) = calls.swap_remove(index % calls.len());
                drop(line);
                naive.end(ended);
            }
            Op::End(_) => {}
            Op::Pass(seconds) => {
                clock.advance(Duration::from_secs(seconds));
                naive.pass(seconds);
            }
        }
        assert_eq!(expected.waiting(), naive.waiting());
        for number in 0..4 {
            assert_eq!(metadata(&calls, uuid(number)), naive.metadata(number));
        }
    }
}

/// Returns the metadata of the call with this UUID. At most one call has it.
fn metadata<A: Acceptor>(calls: &[(usize, TestConnection<A>)], uuid: Uuid) -> Option<usize> {
    let mut calls = calls.iter().map(|(_, line)| line.driver.handle());
    let call = calls.find(|call| call.uuid() == Some(uuid))?;
    call.metadata::<usize>().map(|metadata| *metadata)
}

/// Returns the call that was hung up. It is over then.
fn ended_by_us<A: Acceptor>(calls: &mut Vec<(usize, TestConnection<A>)>) -> Option<usize> {
    let hung_up = calls.iter_mut().position(|(_, line)| {
        line.poll_commands();
        !line.flush().is_empty()
    })?;
    Some(calls.swap_remove(hung_up).0)
}

proptest! {
    #[test]
    fn does_as_the_naive_one(
        ops in prop::collection::vec(op(), 0..60),
        replace in any::<bool>(),
    ) {
        run(&ops, if replace { Duplicate::Replace } else { Duplicate::Refuse });
    }
}
