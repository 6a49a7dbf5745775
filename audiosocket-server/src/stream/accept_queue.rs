use std::collections::VecDeque;
use std::task::{Context, Poll};

use crate::wake_cell::WakeCell;
use crate::{IncomingCall, Refusal};

/// Calls between the one who takes them in and the one who asks for them.
#[derive(Debug, Default)]
pub(crate) struct AcceptQueue {
    inner: WakeCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<IncomingCall>,
    /// Calls that have been taken and are about to wait.
    coming: usize,
    /// Nobody takes in any more.
    closed: bool,
    /// Nobody asks any more.
    deserted: bool,
}

impl AcceptQueue {
    /// The next call; `None` once there will be none.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<IncomingCall>> {
        self.inner
            .poll(cx.waker(), |inner| match inner.waiting.pop_front() {
                None if !inner.closed => Poll::Pending,
                next => Poll::Ready(next),
            })
    }

    /// Nobody takes in any more.
    pub(crate) fn close(&self) {
        self.inner.change(|inner| inner.closed = true);
    }

    /// Nobody asks any more.
    pub(crate) fn desert(&self) {
        let waiting = self.inner.with(|inner| {
            inner.deserted = true;
            std::mem::take(&mut inner.waiting)
        });
        self.inner.close();
        // Which hangs them up.
        drop(waiting);
    }

    /// Makes sure of a place for one call.
    pub(crate) fn reserve(&self, max_waiting: usize) -> Result<(), Refusal> {
        self.inner.with(|inner| {
            if inner.deserted {
                return Err(Refusal::new("nobody accepts calls any more"));
            }
            if inner.waiting.len() + inner.coming >= max_waiting {
                return Err(Refusal::new("too many calls wait to be accepted"));
            }
            inner.coming += 1;
            Ok(())
        })
    }

    /// Gives back the place that was reserved.
    pub(crate) fn leave(&self) {
        self.inner.with(|inner| inner.coming -= 1);
    }

    /// Takes the place that was reserved.
    pub(crate) fn enter(&self, call: IncomingCall) {
        let refused = self.inner.change(|inner| {
            inner.coming -= 1;
            if inner.deserted {
                return Some(call);
            }
            inner.waiting.push_back(call);
            None
        });
        // Which hangs it up.
        drop(refused);
    }
}
