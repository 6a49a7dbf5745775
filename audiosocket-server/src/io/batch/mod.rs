//! Connections that are polled together at an interval, without a wake-up for each frame.

mod ready_queue;
mod unregistered_stream;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use audiosocket_proto::Ptime;
use mio::{Events, Interest, Token};
use slab::Slab;

use crate::Acceptor;
use crate::io::runtime::{Listener, Timer};
use crate::io::{AcceptLoop, Connection};
use ready_queue::ReadyQueue;

pub use unregistered_stream::{UnregisteredStream, UnregisteredTimer};

/// The maximum number of events of one poll.
const EVENTS: usize = 1024;

/// A connection that a [`BatchPoller`] can poll.
pub type BatchConnection<T, A> = Connection<UnregisteredStream, UnregisteredTimer<T>, A>;

/// The connections of a server with a wake interval. One future polls all of them.
///
/// Their sockets are registered with a poller of the batch and not with the runtime, so a frame does not wake the runtime.
/// One timer wakes it at the interval. Then the batch handles all frames and deadlines since the last time. A deadline
/// does not move the timer: with many calls, some deadline is always near, and the batch would collect nothing. Commands
/// of a [`CallHandle`](crate::CallHandle) act at once.
pub struct BatchPoller<T, A: Acceptor> {
    interval: Duration,
    entries: Slab<BatchEntry<T, A>>,
    /// The deadlines of connections. May have old entries, which are skipped.
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    poller: mio::Poll,
    events: Events,
    woken: Arc<ReadyQueue>,
    /// The keys of the connections to poll.
    ready: Vec<usize>,
    /// The timer of the next collection. `None` without connections.
    timer: Option<T>,
}

struct BatchEntry<T, A: Acceptor> {
    connection: BatchConnection<T, A>,
    waker: Waker,
    /// The time of this connection in the heap. It is not later than the deadline of the connection. So a deadline that
    /// moves with each frame needs no new entry in the heap for each frame.
    deadline: Option<Instant>,
}

impl<T: Timer, A: Acceptor> BatchPoller<T, A> {
    /// Makes a batch without connections, which polls them every `interval`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the interval is zero, or not shorter than half of `ptime`: all played audio would be late. The
    /// error of the system if it has no descriptors left.
    pub fn new(interval: Duration, ptime: Ptime) -> io::Result<Self> {
        let longest = ptime.duration() / 2;
        if interval.is_zero() || interval >= longest {
            let message = format!(
                "the wake interval {interval:?} is not between zero and {longest:?}, half a ptime; choose 2ms"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(Self {
            interval,
            entries: Slab::new(),
            deadlines: BinaryHeap::new(),
            poller: mio::Poll::new()?,
            events: Events::with_capacity(EVENTS),
            woken: Arc::default(),
            ready: Vec::new(),
            timer: None,
        })
    }

    /// Adds a connection. The next [`poll`](Self::poll) polls it.
    ///
    /// # Errors
    ///
    /// If the socket cannot be registered. The connection is then [hung up and closed](Connection::turn_away).
    pub fn add(&mut self, mut connection: BatchConnection<T, A>) -> io::Result<()> {
        let vacant = self.entries.vacant_entry();
        let key = vacant.key();
        let registered = self.poller.registry().register(
            connection.stream_mut().socket_mut(),
            Token(key),
            Interest::READABLE | Interest::WRITABLE,
        );
        if let Err(error) = registered {
            connection.turn_away();
            return Err(error);
        }
        vacant.insert(BatchEntry {
            connection,
            waker: ready_queue::waker(&self.woken, key),
            deadline: None,
        });
        // The first poll sets its deadlines and its waker.
        self.ready.push(key);
        Ok(())
    }

    /// Adds the connections that `accept_loop` takes, and polls all connections. Ready when the accept loop is ready.
    pub fn poll_server<L>(
        &mut self,
        accept_loop: &mut AcceptLoop<L, T, A>,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        L: Listener<Stream = UnregisteredStream>,
    {
        let over = accept_loop.poll(cx, |connection| self.add(connection));
        if over.is_pending() {
            self.poll(cx);
        }
        over
    }

    /// Does all work that can be done now. Wakes `cx` when there is more.
    pub fn poll(&mut self, cx: &mut Context<'_>) {
        let ready = &mut self.ready;
        self.woken.poll(cx.waker(), |keys| ready.append(keys));
        self.poll_ready();
        if self.entries.is_empty() {
            self.timer = None;
            return;
        }
        let timer = self.timer.get_or_insert_with(|| T::at(T::now()));
        if timer.poll(cx).is_pending() {
            return;
        }
        let now = T::now();
        let more = self.collect(now);
        self.poll_ready();
        // The interval counts from the collection. So a frame that arrives after the collection waits for the
        // interval only, even if the work takes long.
        let pause = self.interval.saturating_sub(T::GRANULARITY);
        let next = now + pause.max(Duration::from_nanos(1));
        if let Some(timer) = &mut self.timer {
            timer.set(next);
            if more || timer.poll(cx).is_ready() {
                // The accept loop and the other tasks of the thread run first.
                self.timer = None;
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Collects the connections with work. Returns whether there may be more of them.
    fn collect(&mut self, now: Instant) -> bool {
        while let Some(Reverse((at, key))) = self.deadlines.peek().copied()
            && at <= now
        {
            self.deadlines.pop();
            let Some(entry) = self.entries.get_mut(key) else {
                continue;
            };
            if entry.deadline != Some(at) {
                continue;
            }
            entry.deadline = None;
            match entry.connection.deadline() {
                Some(deadline) if deadline <= now => self.ready.push(key),
                deadline => entry.set_deadline(deadline, key, &mut self.deadlines),
            }
        }
        if let Err(error) = self.poller.poll(&mut self.events, Some(Duration::ZERO)) {
            tracing::error!(%error, "cannot poll the sockets of the calls; the server tries again at the next interval");
            return false;
        }
        let mut count = 0;
        for event in &self.events {
            count += 1;
            let Token(key) = event.token();
            if let Some(entry) = self.entries.get_mut(key) {
                entry.connection.stream_mut().set_ready(event);
                self.ready.push(key);
            }
        }
        count == EVENTS
    }

    fn poll_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        for key in ready.drain(..) {
            let Some(entry) = self.entries.get_mut(key) else {
                continue;
            };
            let mut cx = Context::from_waker(&entry.waker);
            if Pin::new(&mut entry.connection).poll(&mut cx).is_ready() {
                self.entries.remove(key);
                continue;
            }
            let deadline = entry.connection.deadline();
            entry.set_deadline(deadline, key, &mut self.deadlines);
        }
        self.ready = ready;
    }
}

impl<T: Timer, A: Acceptor> BatchEntry<T, A> {
    fn set_deadline(
        &mut self,
        deadline: Option<Instant>,
        key: usize,
        deadlines: &mut BinaryHeap<Reverse<(Instant, usize)>>,
    ) {
        if let Some(at) = deadline
            && self.deadline.is_none_or(|known| at < known)
        {
            self.deadline = Some(at);
            deadlines.push(Reverse((at, key)));
        }
    }
}

impl<T, A: Acceptor> fmt::Debug for BatchPoller<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchPoller")
            .field("interval", &self.interval)
            .field("connections", &self.entries.len())
            .finish_non_exhaustive()
    }
}
