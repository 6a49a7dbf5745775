use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::admission::limits::{ConnectionClass, ConnectionCounts};
use crate::call::control::EndRequest;
use crate::{CallCounters, CallHandle, LimitReached, Limits, Peer, block_on};

/// How many refused connections may stay for their [`linger`](audiosocket_proto::SessionConfig::linger); those
/// beyond are closed at once, by which the hangup may be lost.
const MAX_LINGERING: usize = 256;

/// The same while the application [refuses calls](Calls::refuse_calls): of what the machine has run
/// out of, each of them takes some too.
const MAX_LINGERING_WHILE_REFUSING: usize = 8;

/// The connections that a server has open: bounds their number, and hangs them up. Cheap to clone.
///
/// Shutdown in two steps: accept no more and wait [until all calls are over](Self::idle); when
/// patience ends, [hang up the rest](Self::shut_down) and wait again, which is then short.
/// [`ServerDriver`](crate::ServerDriver) does so.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    registry: Arc<Mutex<Registry>>,
}

#[derive(Debug, Default)]
struct Registry {
    /// Those that were refused and are not closed yet included.
    open: HashMap<u64, CallHandle>,
    /// How many of `open` were refused.
    lingering: usize,
    census: ConnectionCounts,
    next_id: u64,
    /// How calls that still come in are ended at once.
    closing: Option<EndRequest>,
    /// Wakes those who wait for `open` to become empty.
    waiting: HashMap<u64, Waker>,
}

impl Calls {
    /// No calls yet, and never more than these.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let registry = Registry {
            census: ConnectionCounts::new(limits),
            ..Registry::default()
        };
        Self {
            registry: Arc::new(Mutex::new(registry)),
        }
    }

    /// Counts a connection as open until the returned registration is dropped. One that was not
    /// `admitted` counts against no limit.
    pub(crate) fn register(&self, call: &CallHandle, admitted: bool) -> (Registration, Entry) {
        let mut registry = self.lock();
        let id = registry.new_id();
        registry.open.insert(id, call.clone());
        let entered = registry.census.enter(call.peer(), admitted);
        let standing = entered.unwrap_or(ConnectionClass::Refused);
        let most = match entered {
            Err(LimitReached::Refusing) => MAX_LINGERING_WHILE_REFUSING,
            _ => MAX_LINGERING,
        };
        let entry = Entry {
            full: entered.err(),
            may_linger: standing != ConnectionClass::Refused || registry.linger(most),
        };
        let closing = registry.closing;
        drop(registry);
        if let Some(order) = closing {
            call.order(order);
        }
        let registration = Registration {
            calls: self.clone(),
            id,
            standing,
        };
        (registration, entry)
    }

    /// Takes no new calls, or takes them again: for an application that knows that its machine is
    /// full. Callers get a hangup meanwhile; the calls that there are go on.
    pub fn refuse_calls(&self, refuse: bool) {
        self.lock().census.refusing = refuse;
    }

    /// What became of the connections so far.
    #[must_use]
    pub fn counters(&self) -> CallCounters {
        self.lock().census.counters
    }

    /// How many connections are open, those without a UUID included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// How many of them count against [`Limits::max_calls`]: those that were not refused.
    #[must_use]
    pub fn admitted(&self) -> usize {
        self.lock().census.open()
    }

    /// Whether no connection is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hangs up every call that is open, and every one that still comes.
    pub fn shut_down(&self) {
        self.end_all(EndRequest::ShutDown);
    }

    /// Closes every connection that is open, and every one that still comes, at once and without
    /// a hangup. Handlers are told [`End::Abandoned`](audiosocket_proto::End::Abandoned).
    pub fn abandon(&self) {
        self.end_all(EndRequest::Abandon);
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
        block_on::block_on(self.idle());
    }

    fn end_all(&self, order: EndRequest) {
        let mut registry = self.lock();
        registry.closing = Some(order.after(registry.closing));
        let open: Vec<_> = registry.open.values().cloned().collect();
        drop(registry);
        for call in open {
            call.order(order);
        }
    }

    fn remove(&self, id: u64, standing: ConnectionClass) {
        let mut registry = self.lock();
        let Some(call) = registry.open.remove(&id) else {
            return;
        };
        registry.lingering -= usize::from(standing == ConnectionClass::Refused);
        registry.census.leave(call.peer(), standing);
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

    /// One more was refused; tells whether it may linger, as the `most` that do.
    fn linger(&mut self, most: usize) -> bool {
        self.lingering += 1;
        self.lingering <= most
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

/// Keeps a connection counted as open; see [`Calls::register`].
#[derive(Debug)]
#[must_use = "dropping it takes the connection out of the count"]
pub(crate) struct Registration {
    calls: Calls,
    id: u64,
    standing: ConnectionClass,
}

/// What becomes of a connection that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The limit that it met.
    pub(crate) full: Option<LimitReached>,
    /// Whether there is time for it to hear that it is refused.
    pub(crate) may_linger: bool,
}

impl Registration {
    /// The connection from `peer` sent its UUID, and the acceptor took the call, or refused it: then it
    /// counts against the limits no more. Tells whether it may linger.
    pub(crate) fn identified(&mut self, peer: &Peer, taken: bool) -> bool {
        let mut registry = self.calls.lock();
        registry.census.identify(peer, &mut self.standing, taken);
        taken || registry.linger(MAX_LINGERING)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.calls.remove(self.id, self.standing);
    }
}
