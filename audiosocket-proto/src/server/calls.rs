use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::CallHandle;
use crate::End;

/// The connections that a server has open, for whoever shuts it down. Cheap to clone.
///
/// Shutdown in two steps: accept no more and wait [until all calls are over](Self::idle); when
/// patience ends, [hang up the rest](Self::hang_up_all) and wait again, which is then short.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    registry: Arc<Mutex<Registry>>,
}

#[derive(Debug, Default)]
struct Registry {
    open: HashMap<u64, CallHandle>,
    next_id: u64,
    /// Calls that still come in are hung up at once.
    closing: bool,
    /// Wakes those who wait for `open` to become empty.
    waiting: Vec<Waker>,
}

impl Calls {
    /// Counts a connection as open until the returned registration is dropped.
    pub fn register(&self, call: &CallHandle) -> Registration {
        let mut registry = self.lock();
        let id = registry.next_id;
        registry.next_id += 1;
        registry.open.insert(id, call.clone());
        let closing = registry.closing;
        drop(registry);
        if closing {
            call.end(End::ShutDown);
        }
        Registration {
            calls: self.clone(),
            id,
        }
    }

    /// How many connections are open, those without a UUID included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// Whether no connection is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hangs up every call that is open, and every one that still comes.
    pub fn hang_up_all(&self) {
        let mut registry = self.lock();
        registry.closing = true;
        let open: Vec<_> = registry.open.values().cloned().collect();
        drop(registry);
        for call in open {
            call.end(End::ShutDown);
        }
    }

    /// Waits until no connection is open.
    pub async fn idle(&self) {
        poll_fn(|cx| {
            let mut registry = self.lock();
            if registry.open.is_empty() {
                return Poll::Ready(());
            }
            if !registry
                .waiting
                .iter()
                .any(|waker| waker.will_wake(cx.waker()))
            {
                registry.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn remove(&self, id: u64) {
        let mut registry = self.lock();
        let call = registry.open.remove(&id);
        let waiting = if registry.open.is_empty() {
            std::mem::take(&mut registry.waiting)
        } else {
            Vec::new()
        };
        // Dropping a handle and waking run code of others, which may come back here.
        drop(registry);
        drop(call);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a connection counted as open; see [`Calls::register`].
#[derive(Debug)]
#[must_use = "dropping it takes the connection out of the count"]
pub struct Registration {
    calls: Calls,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.calls.remove(self.id);
    }
}
