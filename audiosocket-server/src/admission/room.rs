//! Whether a server has a place for another connection, and how its accept loop learns of it.

use std::task::{Context, Waker};

use crate::admission::open_calls::OpenConnections;
use crate::{Calls, LimitReached};

impl Calls {
    /// Returns why the server has no place for a new connection at present. Returns `None` if it has one.
    ///
    /// [`Limits::when_full`](crate::Limits::when_full) decides what a new connection gets then. A readiness check can
    /// use this method.
    #[must_use]
    pub fn full(&self) -> Option<LimitReached> {
        self.lock().counts.full()
    }

    /// Returns how many connections to accept at most, and 0 to refuse connections. Wakes `cx` when this changes between
    /// 0 and another number, or grows to twice the number.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> usize {
        let mut open = self.lock();
        let room = open.counts.room();
        if room == 0 && open.room_watch.room != Some(0) {
            open.counts.counters.times_full += 1;
        }
        open.room_watch.room = Some(room);
        let waker = &mut open.room_watch.waker;
        if waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            return room;
        }
        let replaced = waker.replace(cx.waker().clone());
        // Not under the lock: to drop a waker can drop a task, which may use this set.
        drop(open);
        drop(replaced);
        room
    }

    /// Drops the waker of [`poll_room`](Self::poll_room).
    pub(crate) fn forget_accept_loop(&self) {
        let watch = std::mem::take(&mut self.lock().room_watch);
        drop(watch);
    }

    /// Sets how many connections the descriptors suffice for.
    #[cfg(feature = "io")]
    pub(crate) fn set_descriptors(&self, connections: usize) {
        self.lock().counts.descriptors = Some(connections);
    }

    /// Returns whether a server that is full refuses connections, and does not hang up.
    #[cfg(feature = "io")]
    pub(crate) fn refuses_when_full(&self) -> bool {
        self.lock().counts.limits().when_full == crate::WhenFull::Refuse
    }
}

impl OpenConnections {
    /// Returns the waker of the accept loop if the number of places has changed enough. Wake it without the lock.
    pub(super) fn room_changed(&mut self) -> Option<Waker> {
        let known = self.room_watch.room?;
        let room = self.counts.room();
        let changed = (room == 0) != (known == 0) || room / 2 >= known.max(1);
        changed.then(|| self.room_watch.waker.take()).flatten()
    }
}
