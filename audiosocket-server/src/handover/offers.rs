//! The calls that are offered to another process.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::CallHandle;
use crate::handover::snapshot::CallSnapshot;

/// A call that has stopped. Another process can continue it.
#[derive(Debug)]
pub struct OfferedCall {
    pub(crate) handle: CallHandle,
    pub(crate) snapshot: CallSnapshot,
    pub(crate) socket: OwnedFd,
    pub(crate) stopped_at: Instant,
}

impl OfferedCall {
    /// Returns the state of the call.
    #[must_use]
    pub fn snapshot(&self) -> &CallSnapshot {
        &self.snapshot
    }

    /// Returns the time since the call has stopped. Give it to [`CallSnapshot::add_delay`], with the time until the other
    /// process continues the call.
    #[must_use]
    pub fn stopped_for(&self) -> Duration {
        self.stopped_at.elapsed()
    }

    /// Returns the socket of the call.
    #[must_use]
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }
}

/// The calls of one [`hand_over`](super::hand_over).
#[derive(Debug, Default)]
pub(super) struct Offers {
    state: Mutex<OffersState>,
    pub(super) answered: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct OffersState {
    pub(super) calls: Vec<OfferedCall>,
    pub(super) unanswered: usize,
    /// The time is over.
    pub(super) is_closed: bool,
}

impl Offers {
    pub(super) fn lock(&self) -> MutexGuard<'_, OffersState> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request to one call. Dropping it without an offer is a refusal.
#[derive(Debug)]
pub(crate) struct HandoverRequest(pub(super) Arc<Offers>);

impl HandoverRequest {
    /// Offers the call. Returns false if the time is over: then the call goes on.
    pub(crate) fn offer(self, call: OfferedCall) -> bool {
        let mut state = self.0.lock();
        let is_open = !state.is_closed;
        if is_open {
            state.calls.push(call);
        }
        is_open
    }
}

impl Drop for HandoverRequest {
    fn drop(&mut self) {
        self.0.lock().unanswered -= 1;
        self.0.answered.notify_one();
    }
}

/// The handover of a call, in the state that its connection and its handles share.
#[derive(Debug)]
pub(crate) enum CallHandover {
    Requested(HandoverRequest),
    Offered,
    /// True if another process has the call.
    Decided(bool),
}
