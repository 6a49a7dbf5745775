//! Many connections that share one wait: a server that collects what is ready now and then, instead of
//! being woken for each frame.

mod poller;
mod ready_queue;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::Acceptor;
use slab::Slab;

use crate::io::runtime::{Listener, Timer};
use crate::io::unregistered::{UnregisteredStream, UnregisteredTimer};
use crate::io::{AcceptLoop, Connection};
use poller::Poller;
use ready_queue::ReadyQueue;

pub(crate) use poller::SUPPORTED;

/// The connections of a server with a
/// [`wake_interval`](crate::io::ServerOptions::wake_interval), all of them polled in one future.
///
/// Their sockets are the crowd's own and not the runtime's, so that none of their frames wakes it. What
/// wakes it is one timer, and then all is done that has come since: what was received, and every
/// deadline. Deadlines do not move the timer: among many calls there is always one that is about to be
/// due, and nothing would be gathered any more. Commands of a
/// [`CallHandle`](crate::CallHandle) do not wait.
pub struct BatchPoller<T, A: Acceptor> {
    interval: Duration,
    members: Slab<Member<T, A>>,
    /// Without those of which nothing is left but this.
    alarms: BinaryHeap<Reverse<(Instant, usize)>>,
    poller: Poller,
    woken: Arc<ReadyQueue>,
    /// Whose turn it is.
    turns: Vec<usize>,
    /// Rings when it is time to collect; none while nobody is here.
    timer: Option<T>,
}

struct Member<T, A: Acceptor> {
    connection: Connection<UnregisteredStream, UnregisteredTimer<T>, A>,
    waker: Waker,
    /// Not later than the connection's deadline, so that one which moves with every frame sets no
    /// alarm with every frame.
    alarm: Option<Instant>,
}

impl<T: Timer, A: Acceptor> BatchPoller<T, A> {
    /// Nobody yet, to be looked after every `interval`.
    ///
    /// # Errors
    ///
    /// Those of `epoll_create1(2)`; `Unsupported` on systems without it.
    pub fn new(interval: Duration) -> io::Result<Self> {
        Ok(Self {
            interval,
            members: Slab::new(),
            alarms: BinaryHeap::new(),
            poller: Poller::new()?,
            woken: Arc::default(),
            turns: Vec::new(),
            timer: None,
        })
    }

    /// Takes a connection in, to be served from the next [`poll`](Self::poll) on.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl(2)`. The connection is [turned away](Connection::turn_away) then.
    pub fn add(&mut self, connection: Connection<UnregisteredStream, T, A>) -> io::Result<()> {
        let mut connection = connection.moved(Ok)?;
        let entry = self.members.vacant_entry();
        let key = entry.key();
        let socket = connection.stream_mut().socket();
        if let Err(error) = self.poller.add(socket, key) {
            connection.turn_away();
            return Err(error);
        }
        entry.insert(Member {
            connection,
            waker: self.woken.waker(key),
            alarm: None,
        });
        // It has deadlines and can be hung up before it says a word.
        self.turns.push(key);
        Ok(())
    }

    /// Takes in all whom `serving` accepts, and serves them until that is over.
    pub async fn serve<L>(mut self, mut serving: AcceptLoop<L, T, A>)
    where
        L: Listener<Stream = UnregisteredStream>,
    {
        poll_fn(|cx| {
            let over = serving.poll(cx, |connection| self.add(connection));
            if over.is_pending() {
                self.poll(cx);
            }
            over
        })
        .await;
    }

    /// Does what is to be done now, and has `cx` woken when there is more.
    pub fn poll(&mut self, cx: &mut Context<'_>) {
        self.woken.take(cx.waker(), &mut self.turns);
        self.yield_now();
        if self.members.is_empty() {
            self.timer = None;
            return;
        }
        let timer = self.timer.get_or_insert_with(|| T::at(T::now()));
        if timer.poll(cx).is_pending() {
            return;
        }
        let now = T::now();
        let more = self.collect(now);
        self.yield_now();
        // From the time of the collection, so that what comes right behind it waits no longer than
        // that, however long the work takes.
        let pause = self.interval.saturating_sub(T::GRANULARITY);
        let next = now + pause.max(Duration::from_nanos(1));
        if let Some(timer) = &mut self.timer {
            timer.set(next);
            if more || timer.poll(cx).is_ready() {
                // Accepting and the other tasks of the thread come first.
                self.timer = None;
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Gives a turn to everybody who has something to do; tells whether there are more of them.
    fn collect(&mut self, now: Instant) -> bool {
        while let Some(Reverse((at, key))) = self.alarms.peek().copied()
            && at <= now
        {
            self.alarms.pop();
            let Some(member) = self.members.get_mut(key) else {
                continue;
            };
            if member.alarm != Some(at) {
                continue;
            }
            member.alarm = None;
            match member.connection.deadline() {
                Some(deadline) if deadline <= now => self.turns.push(key),
                deadline => member.set_alarm(deadline, key, &mut self.alarms),
            }
        }
        let (members, turns) = (&mut self.members, &mut self.turns);
        let collected = self.poller.collect(|key, readiness| {
            if let Some(member) = members.get_mut(key) {
                member.connection.stream_mut().became(readiness);
                turns.push(key);
            }
        });
        collected.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot learn which calls have something to say");
            false
        })
    }

    fn yield_now(&mut self) {
        let mut turns = std::mem::take(&mut self.turns);
        for key in turns.drain(..) {
            let Some(member) = self.members.get_mut(key) else {
                continue;
            };
            let mut cx = Context::from_waker(&member.waker);
            if Pin::new(&mut member.connection).poll(&mut cx).is_ready() {
                self.members.remove(key);
                continue;
            }
            let deadline = member.connection.deadline();
            member.set_alarm(deadline, key, &mut self.alarms);
        }
        self.turns = turns;
    }
}

impl<T: Timer, A: Acceptor> Member<T, A> {
    fn set_alarm(
        &mut self,
        deadline: Option<Instant>,
        key: usize,
        alarms: &mut BinaryHeap<Reverse<(Instant, usize)>>,
    ) {
        if let Some(at) = deadline
            && self.alarm.is_none_or(|alarm| at < alarm)
        {
            self.alarm = Some(at);
            alarms.push(Reverse((at, key)));
        }
    }
}

impl<T, A: Acceptor> fmt::Debug for BatchPoller<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchPoller")
            .field("interval", &self.interval)
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}
