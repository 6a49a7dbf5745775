use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::CallHandle;
use super::handle::in_force;
use crate::End;

/// The connections that a server has open, for whoever shuts it down. Cheap to clone.
///
/// Shutdown in two steps: accept no more and wait [until all calls are over](Self::idle); when
/// patience ends, [hang up the rest](Self::shut_down) and wait again, which is then short.
/// [`ServerDriver`](super::ServerDriver) does so.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    registry: Arc<Mutex<Registry>>,
}

#[derive(Debug, Default)]
struct Registry {
    open: HashMap<u64, CallHandle>,
    next_id: u64,
    /// How calls that still come in are ended at once.
    closing: Option<End>,
    /// Wakes those who wait for `open` to become empty.
    waiting: HashMap<u64, Waker>,
}

impl Calls {
    /// Counts a connection as open until the returned registration is dropped.
    pub fn register(&self, call: &CallHandle) -> Registration {
        let mut registry = self.lock();
        let id = registry.new_id();
        registry.open.insert(id, call.clone());
        let closing = registry.closing;
        drop(registry);
        if let Some(end) = closing {
            call.end(end);
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
    pub fn shut_down(&self) {
        self.end_all(End::ShutDown);
    }

    /// Closes every connection that is open, and every one that still comes, at once and without
    /// a hangup. Handlers are told [`End::Abandoned`].
    pub fn abandon(&self) {
        self.end_all(End::Abandoned);
    }

    /// Waits until no connection is open.
    pub fn idle(&self) -> Idle {
        Idle {
            calls: self.clone(),
            id: None,
        }
    }

    /// [`idle`](Self::idle) for a thread: blocks it until no connection is open.
    pub fn wait_idle(&self) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut idle = self.idle();
        while Pin::new(&mut idle).poll(&mut cx).is_pending() {
            thread::park();
        }
    }

    fn end_all(&self, end: End) {
        let mut registry = self.lock();
        registry.closing = Some(in_force(registry.closing, end));
        let open: Vec<_> = registry.open.values().cloned().collect();
        drop(registry);
        for call in open {
            call.end(end);
        }
    }

    fn remove(&self, id: u64) {
        let mut registry = self.lock();
        let call = registry.open.remove(&id);
        let waiting = if registry.open.is_empty() {
            std::mem::take(&mut registry.waiting)
        } else {
            HashMap::new()
        };
        // Dropping a handle and waking run code of others, which may come back here.
        drop(registry);
        drop(call);
        waiting.into_values().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

/// Waits until no connection is open; see [`Calls::idle`].
#[derive(Debug)]
#[must_use = "it waits only while it is polled"]
pub struct Idle {
    calls: Calls,
    /// Under which its waker is kept.
    id: Option<u64>,
}

impl Future for Idle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut registry = self.calls.lock();
        if registry.open.is_empty() {
            return Poll::Ready(());
        }
        let id = self.id.unwrap_or_else(|| registry.new_id());
        let replaced = registry.waiting.insert(id, cx.waker().clone());
        // Dropping a waker can drop a task, which may come back here.
        drop(registry);
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

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
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
