use std::pin::Pin;
use std::task::{Context, Poll};

use crate::Calls;

/// A future that waits until a server has no connection and no work left: see [`Calls::idle`].
#[derive(Debug)]
#[must_use = "it waits only while it is polled"]
pub struct Idle {
    calls: Calls,
    /// The key of its waker.
    id: Option<u64>,
}

impl Idle {
    pub(super) fn new(calls: Calls) -> Self {
        Self { calls, id: None }
    }
}

impl Future for Idle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut open = self.calls.lock();
        if open.is_idle() {
            return Poll::Ready(());
        }
        let id = self.id.unwrap_or_else(|| open.new_id());
        let replaced = open.waiting.insert(id, cx.waker().clone());
        // Not under the lock: to drop a waker can drop a task, which may use this set.
        drop(open);
        drop(replaced);
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let waker = self.calls.lock().waiting.remove(&id);
            drop(waker);
        }
    }
}
