use std::collections::VecDeque;
use std::task::{Context, Poll};

use crate::wake_cell::WakeCell;
use crate::{IncomingCall, Refusal};

/// Calls that wait to be accepted.
#[derive(Debug, Default)]
pub(crate) struct AcceptQueue {
    inner: WakeCell<AcceptQueueState>,
}

/// The default limit on the calls that wait.
const MAX_WAITING: usize = 1024;

#[derive(Debug)]
struct AcceptQueueState {
    waiting: VecDeque<IncomingCall>,
    max_waiting: usize,
    /// No further calls arrive.
    closed: bool,
    /// The application accepts no more calls.
    receiver_closed: bool,
}

impl Default for AcceptQueueState {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            max_waiting: MAX_WAITING,
            closed: false,
            receiver_closed: false,
        }
    }
}

impl AcceptQueueState {
    fn check(&self) -> Result<(), Refusal> {
        if self.receiver_closed {
            return Err(Refusal::new(
                "the application accepts no more calls: it has dropped its server or its `IncomingCalls`",
            ));
        }
        if self.waiting.len() >= self.max_waiting {
            return Err(Refusal::new("too many calls wait for `accept`"));
        }
        Ok(())
    }
}

impl AcceptQueue {
    /// Returns the next call. Returns `None` after the queue is closed and empty.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<IncomingCall>> {
        self.inner
            .poll(cx.waker(), |inner| match inner.waiting.pop_front() {
                None if !inner.closed => Poll::Pending,
                next => Poll::Ready(next),
            })
    }

    /// No further calls arrive.
    pub(crate) fn close(&self) {
        self.inner.change(|inner| inner.closed = true);
    }

    /// The application accepts no more calls.
    pub(crate) fn close_receiver(&self) {
        let waiting = self.inner.with(|inner| {
            inner.receiver_closed = true;
            std::mem::take(&mut inner.waiting)
        });
        self.inner.close();
        // Not under the lock: this hangs the calls up.
        drop(waiting);
    }

    pub(crate) fn set_max_waiting(&self, calls: usize) {
        self.inner.with(|inner| inner.max_waiting = calls);
    }

    /// Returns the reason to refuse a call now, if there is one.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        self.inner.with(|inner| inner.check())
    }

    /// Queues the call, and wakes the receiver. Hangs the call up if another call has taken the last room.
    pub(crate) fn push(&self, call: IncomingCall) {
        let refused = self.inner.change(|inner| {
            if inner.check().is_err() {
                return Some(call);
            }
            inner.waiting.push_back(call);
            None
        });
        // Not under the lock: this hangs the call up.
        drop(refused);
    }
}
