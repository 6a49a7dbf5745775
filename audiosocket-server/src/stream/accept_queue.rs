use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::wake_cell::WakeCell;
use crate::{IncomingCall, Refusal};

/// Calls that wait to be accepted.
#[derive(Debug, Default)]
pub(crate) struct AcceptQueue {
    inner: WakeCell<AcceptQueueState>,
}

#[derive(Debug, Default)]
struct AcceptQueueState {
    waiting: VecDeque<IncomingCall>,
    /// How many [`Place`]s exist.
    reserved: usize,
    /// No further calls arrive.
    closed: bool,
    /// The application accepts no more calls.
    receiver_closed: bool,
}

/// A place in the queue for one call. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None` once the call is in the queue.
    queue: Option<Arc<AcceptQueue>>,
}

impl AcceptQueue {
    /// The next call; `None` after the queue is closed and empty.
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

    /// Reserves a place for one call.
    pub(crate) fn reserve(this: &Arc<Self>, max_waiting: usize) -> Result<Place, Refusal> {
        this.inner.with(|inner| {
            if inner.receiver_closed {
                return Err(Refusal::new("nobody accepts calls any more"));
            }
            if inner.waiting.len() + inner.reserved >= max_waiting {
                return Err(Refusal::new("too many calls wait to be accepted"));
            }
            inner.reserved += 1;
            Ok(())
        })?;
        Ok(Place {
            queue: Some(Arc::clone(this)),
        })
    }
}

impl Place {
    /// Queues the call, and wakes the receiver.
    pub(crate) fn fill(mut self, call: IncomingCall) {
        let Some(queue) = self.queue.take() else {
            return;
        };
        let refused = queue.inner.change(|inner| {
            inner.reserved -= 1;
            if inner.receiver_closed {
                return Some(call);
            }
            inner.waiting.push_back(call);
            None
        });
        // Not under the lock: this hangs the call up.
        drop(refused);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.inner.with(|inner| inner.reserved -= 1);
        }
    }
}
