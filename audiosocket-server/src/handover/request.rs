//! The request to hand calls over, and the decision about them.

use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::CallHandle;
use crate::call::commands::Commands;
use crate::call::control::CallControl;
use crate::call::times::LaggedAudio;
use crate::handover::offers::{CallHandover, HandoverRequest, OfferedCall, Offers};

/// Asks `calls` to stop, so that another process can continue them. Blocks until each of them has answered, and at most
/// for the time `within`. A call that answers later goes on.
///
/// These calls go on:
///
/// - Calls whose [handler](crate::Handler::hand_over) keeps them.
/// - Connections without a UUID, and calls that are over.
/// - Calls for which a [`play`](CallHandle::play) or [`played`](CallHandle::played) waits.
/// - Calls whose stream is not a plain socket, or whose adapter has no handover.
pub fn hand_over(calls: &[CallHandle], within: Duration) -> HandoverBatch {
    let offers = Arc::new(Offers::default());
    for call in calls {
        call.control().request_handover(&offers);
    }
    let mut state = offers.lock();
    let until = Instant::now() + within;
    while state.unanswered > 0 {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let waited = offers.answered.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    state.is_closed = true;
    HandoverBatch {
        calls: mem::take(&mut state.calls),
    }
}

/// Calls that have stopped, and wait for the decision whether another process takes them over. Dropping it lets them go on in
/// this process.
#[derive(Debug)]
#[must_use = "dropping it lets the calls go on in this process"]
pub struct HandoverBatch {
    calls: Vec<OfferedCall>,
}

impl HandoverBatch {
    /// Returns the calls.
    #[must_use]
    pub fn calls(&self) -> &[OfferedCall] {
        &self.calls
    }

    /// Ends this process's part of the calls for whose index `is_taken` returns true: their handlers are dropped without
    /// [`on_end`](crate::Handler::on_end). All other calls go on.
    pub fn commit(mut self, is_taken: impl Fn(usize) -> bool) {
        for (index, call) in mem::take(&mut self.calls).into_iter().enumerate() {
            call.handle.control().decide_handover(is_taken(index));
        }
    }
}

impl Drop for HandoverBatch {
    fn drop(&mut self) {
        for call in &self.calls {
            call.handle.control().decide_handover(false);
        }
    }
}

impl CallControl {
    /// Returns the audio of the caller that was dropped.
    pub(super) fn lagged(&self) -> Option<LaggedAudio> {
        self.lock().rare.as_ref()?.lagged
    }

    /// Goes on with the number of another process.
    pub(super) fn set_lagged(&self, lagged: Option<LaggedAudio>) {
        if lagged.is_some() {
            self.lock().rare().lagged = lagged;
        }
    }

    fn request_handover(&self, offers: &Arc<Offers>) {
        let mut inner = self.lock();
        // Before the first poll and after the end, no answer would come.
        if inner.waker.is_none() {
            return;
        }
        let rare = inner.rare();
        // Another request waits, or the connection has not been polled since the decision about it.
        if rare.handover.is_some() {
            return;
        }
        offers.lock().unanswered += 1;
        let request = HandoverRequest(Arc::clone(offers));
        rare.handover = Some(CallHandover::Requested(request));
        drop(inner);
        self.handover_requested.store(true, Ordering::Release);
        self.command(Commands::HAND_OVER);
    }

    /// Returns whether there is a request to take.
    #[inline]
    pub(crate) fn has_handover_request(&self) -> bool {
        self.handover_requested.load(Ordering::Acquire)
    }

    /// Takes the request, if it still waits.
    pub(crate) fn take_handover_request(&self) -> Option<HandoverRequest> {
        self.handover_requested.store(false, Ordering::Release);
        let mut inner = self.lock();
        let handover = &mut inner.rare.as_mut()?.handover;
        match handover.take() {
            Some(CallHandover::Requested(request)) => Some(request),
            other => {
                *handover = other;
                None
            }
        }
    }

    /// Notes that the connection has stopped.
    pub(crate) fn suspend(&self) {
        self.lock().rare().handover = Some(CallHandover::Offered);
    }

    /// Notes that the connection continues, since its offer came too late.
    pub(crate) fn resume_late(&self) {
        self.lock().rare().handover = None;
    }

    fn decide_handover(&self, is_taken: bool) {
        let mut inner = self.lock();
        inner.rare().handover = Some(CallHandover::Decided(is_taken));
        let waker = inner.waker.clone();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns the decision about the call. Until then, it wakes `waker`.
    pub(crate) fn poll_handover(&self, waker: &Waker) -> Option<bool> {
        let waker = Some(waker.clone());
        let mut inner = self.lock();
        let replaced = mem::replace(&mut inner.waker, waker);
        let handover = &mut inner.rare().handover;
        let decided = match handover {
            Some(CallHandover::Decided(is_taken)) => Some(*is_taken),
            _ => None,
        };
        if decided.is_some() {
            *handover = None;
        }
        drop(inner);
        // Not under the lock: to drop a waker can drop a task.
        drop(replaced);
        decided
    }
}
