use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::admission::counts::{ConnectionClass, ConnectionCounts};
use crate::admission::room_watch::{RoomWatch, wake};
use crate::admission::server_stats::{AtomicHistogram, EndedCalls, RefusalLog};
use crate::admission::wait_idle::Idle;
use crate::call::commands::EndRequest;
use crate::{Admission, CallCounters, CallHandle, Peer, Refusal, block_on};

/// The open connections of a server. Limits their number, and ends them. Cheap to clone.
///
/// To shut a server down:
///
/// 1. Take no more connections, and [announce the shutdown](Self::begin_shutdown).
/// 2. Wait until all calls are [over](Self::idle), for a limited time.
/// 3. [Hang up the rest](Self::shut_down), and wait again. This wait is short.
///
/// [`ServerDriver`](crate::ServerDriver) does this.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pub(super) shared: Arc<OpenCalls>,
}

#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    pub(super) admission: Admission,
    pub(super) handler_time: AtomicHistogram,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
pub(super) struct OpenConnections {
    /// All connections that are not closed: also refused ones, and those whose call is over.
    pub(super) connections: HashMap<u64, OpenConnection>,
    /// How many connections were refused and are not closed yet.
    pub(super) refused: usize,
    /// How many connections belong to a call that is over, and are not closed yet.
    pub(super) ended: usize,
    pub(super) counts: ConnectionCounts,
    pub(super) room_watch: RoomWatch,
    pub(super) ended_calls: EndedCalls,
    pub(super) refusals: RefusalLog,
    /// How many [`OpenWork`](super::registration::OpenWork) guards exist.
    pub(super) work: usize,
    next_id: u64,
    pub(super) drain_announced: bool,
    pub(super) shutting_down: bool,
    /// The request to end open and later connections, if there is one.
    pub(super) closing: Option<EndRequest>,
    /// The wakers of [`Idle`].
    pub(super) waiting: HashMap<u64, Waker>,
}

#[derive(Debug)]
pub(super) struct OpenConnection {
    pub(super) call: CallHandle,
    pub(super) class: ConnectionClass,
}

impl Calls {
    /// Returns a set without connections. `admission` decides about later ones. It can be [`Limits`](crate::Limits) or an
    /// [`Admission`].
    #[must_use]
    pub fn new(admission: impl Into<Admission>) -> Self {
        let admission = admission.into();
        let open = OpenConnections {
            counts: ConnectionCounts::new(admission.limits),
            ..OpenConnections::default()
        };
        Self {
            shared: Arc::new(OpenCalls {
                admission,
                handler_time: AtomicHistogram::default(),
                open: Mutex::new(open),
            }),
        }
    }

    /// Returns whether `peer` is a proxy, which sends the address of its client in a header.
    pub(crate) fn is_proxy(&self, peer: &Peer) -> bool {
        self.shared.admission.is_proxy(peer)
    }

    /// Decides whether `peer` may connect. Runs application code.
    pub(crate) fn admit_peer(&self, peer: &Peer) -> Result<(), Refusal> {
        self.shared.admission.check_peer(peer)
    }

    /// Refuses new calls, or accepts them again. For an application that knows that its machine is full. While calls are
    /// refused, the server [closes its listeners](crate::WhenFull::Refuse), or new connections get a hangup. Open calls go
    /// on.
    pub fn refuse_calls(&self, refuse: bool) {
        self.change_room(|counts| counts.refusing = refuse);
    }

    /// Refuses new calls while memory is short, as [`refuse_calls`](Self::refuse_calls) does. Both have to end before calls
    /// are accepted again. `MemoryGuard` calls this method. For an application with a guard of its own.
    pub fn note_memory_short(&self, short: bool) {
        self.change_room(|counts| counts.memory_short = short);
    }

    fn change_room(&self, change: impl FnOnce(&mut ConnectionCounts)) {
        let mut open = self.lock();
        change(&mut open.counts);
        let woken = open.room_changed();
        drop(open);
        wake(woken);
    }

    /// Returns how many connections were admitted and refused so far.
    #[must_use]
    pub fn counters(&self) -> CallCounters {
        self.lock().counts.counters
    }

    /// Returns how many connections are open. Includes connections without a UUID, and those that wait for their
    /// peer to close.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Returns how many connections count against [`Limits::max_calls`](crate::Limits::max_calls): those that
    /// were not refused and whose call is not over.
    #[must_use]
    pub fn admitted(&self) -> usize {
        self.lock().counts.admitted()
    }

    /// Returns whether no connection is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Announces the shutdown of the server to each open call, and to each call that starts later. Calls go on. Their
    /// handlers get [`on_shutdown`](crate::Handler::on_shutdown), and an
    /// [`IncomingCall`](crate::IncomingCall) gets [`CallEvent::ShuttingDown`](crate::CallEvent::ShuttingDown).
    pub fn begin_shutdown(&self) {
        let mut open = self.lock();
        if std::mem::replace(&mut open.shutting_down, true) {
            return;
        }
        let calls = open.handles();
        drop(open);
        for call in calls {
            call.notify_shutdown();
        }
    }

    /// Hangs up every open call and every call that starts later.
    pub fn shut_down(&self) {
        self.end_all(EndRequest::ShutDown);
    }

    /// Closes every open connection and every later one at once, without a hangup. Handlers get
    /// [`End::Abandoned`](audiosocket_proto::End::Abandoned).
    pub fn abandon(&self) {
        self.end_all(EndRequest::Abandon);
    }

    /// Waits until no connection is open and every [`IncomingCall`](crate::IncomingCall) is dropped. After
    /// [`shut_down`](Self::shut_down) or [`abandon`](Self::abandon) it waits for the connections only.
    pub fn idle(&self) -> Idle {
        Idle::new(self.clone())
    }

    /// Blocks the thread until [`idle`](Self::idle) is ready.
    pub fn wait_idle(&self) {
        block_on::block_on(self.idle());
    }

    fn end_all(&self, request: EndRequest) {
        let mut open = self.lock();
        open.closing = Some(request.after(open.closing));
        let calls = open.handles();
        // From here on, the work of the application does not count.
        let waiting = open.take_waiting_if_idle();
        drop(open);
        for call in calls {
            call.order(request);
        }
        wake_all(waiting);
    }

    pub(super) fn remove(&self, id: u64) {
        let mut open = self.lock();
        let Some(OpenConnection { call, class }) = open.connections.remove(&id) else {
            return;
        };
        match class {
            ConnectionClass::Refused => open.refused -= 1,
            ConnectionClass::Ended => open.ended -= 1,
            _ => {
                open.counts.release(call.peer(), class);
            }
        }
        let waiting = open.take_waiting_if_idle();
        let woken = open.room_changed();
        // Not under the lock: a drop of a handle and a wake-up run code of the application, which may use this set.
        drop(open);
        drop(call);
        wake_all(waiting);
        wake(woken);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        // A panic under the lock leaves the state valid, so a poisoned lock is usable.
        let open = &self.shared.open;
        open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenConnections {
    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn is_idle(&self) -> bool {
        self.connections.is_empty() && (self.work == 0 || self.closing.is_some())
    }

    pub(super) fn take_waiting_if_idle(&mut self) -> HashMap<u64, Waker> {
        if self.is_idle() {
            std::mem::take(&mut self.waiting)
        } else {
            HashMap::new()
        }
    }

    fn handles(&self) -> Vec<CallHandle> {
        let connections = self.connections.values();
        connections.map(|open| open.call.clone()).collect()
    }
}

pub(super) fn wake_all(waiting: HashMap<u64, Waker>) {
    waiting.into_values().for_each(Waker::wake);
}
