use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::{Acceptor, Peer, ServerAction, ServerDriver, ServerHandle};
use audiosocket_proto::{Epoch, SessionConfig, Timestamp};

use crate::io::accept::accept_backoff::is_of_one_connection;
use crate::io::accept::descriptors::{DescriptorProbe, MAX_COUNTED};
use crate::io::accept::listener_slot::ListenerSlot;
use crate::io::accept::timeout_spread::TimeoutSpread;
use crate::io::coalescing_timer::CoalescingTimer;
use crate::io::runtime::{Listener, Stream, Timer};
use crate::io::{Connection, LogRateLimit, ServerConfig};

/// The maximum number of waiting connections that a server takes from the kernel at its shutdown. New connections may
/// arrive faster than the server takes them.
const MAX_WAITING: usize = 4096;

/// After this many errors in a row, the server does not take the rest of these connections.
const MAX_FAILED: usize = 16;

/// With descriptors for fewer connections, they are measured at an interval. The end of a call frees some.
const FEW_CONNECTIONS: usize = 16;

/// The interval between two measurements of the descriptors while they are few.
const DESCRIPTOR_INTERVAL: Duration = Duration::from_millis(100);

/// With descriptors for `MAX_COUNTED` connections or more, they are measured after this many connections.
const UNMEASURED: usize = MAX_COUNTED / 2;

/// The interval between two log lines that the listeners were closed.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Accepts the connections of a server, until its shutdown is complete. Each adapter uses this loop.
pub struct AcceptLoop<L, T, A> {
    acceptor: Arc<A>,
    listeners: Vec<ListenerSlot<L>>,
    driver: ServerDriver,
    session: SessionConfig,
    blocked_handler_warning: bool,
    epoch: Epoch,
    timer: CoalescingTimer<T>,
    /// The timer wakes this waker.
    waker: Option<Waker>,
    timeout_spread: TimeoutSpread,
    /// `None` if no listener can be closed.
    descriptors: Option<DescriptorProbe>,
    #[cfg(feature = "tls")]
    tls: Option<crate::io::TlsConfig>,
    measure_at: Option<Timestamp>,
    /// The number of connections to accept before the next measurement of the descriptors.
    unmeasured: usize,
    closings: LogRateLimit,
    /// Since when the listeners are closed, if the log has a line about it.
    logged_closing: Option<Timestamp>,
}

impl<L, T, A> AcceptLoop<L, T, A>
where
    L: Listener<Stream: Stream>,
    T: Timer,
    A: Acceptor,
{
    /// Makes an accept loop for these listeners.
    pub fn new(acceptor: A, listeners: impl IntoIterator<Item = L>, config: &ServerConfig) -> Self {
        let listeners: Vec<_> = listeners.into_iter().map(ListenerSlot::new).collect();
        let mut accept_loop = Self {
            acceptor: Arc::new(acceptor),
            descriptors: None,
            #[cfg(feature = "tls")]
            tls: config.tls.clone(),
            measure_at: None,
            unmeasured: 0,
            closings: LogRateLimit::of(1, LOG_INTERVAL),
            logged_closing: None,
            listeners,
            driver: ServerDriver::new(config.session.linger, config.admission.clone()),
            session: config.session,
            blocked_handler_warning: config.blocked_handler_warning,
            epoch: Epoch::new(T::now()),
            timer: CoalescingTimer::new(),
            waker: None,
            timeout_spread: TimeoutSpread::default(),
        };
        let can_close = |slot: &ListenerSlot<L>| slot.can_close;
        let calls = accept_loop.driver.handle().calls();
        if calls.refuses_when_full() && accept_loop.listeners.iter().any(can_close) {
            accept_loop.descriptors = DescriptorProbe::new();
            accept_loop.measure_descriptors();
        }
        accept_loop
    }

    /// Returns a handle, which shuts the server down from other tasks and threads.
    pub fn handle(&self) -> ServerHandle {
        self.driver.handle().clone()
    }

    /// Returns the acceptor of all connections.
    pub fn acceptor(&self) -> &Arc<A> {
        &self.acceptor
    }

    /// Returns the listeners that are open and not paused. Use this in a runtime without wakers.
    pub fn listeners(&self) -> impl Iterator<Item = &L> {
        self.listeners
            .iter()
            .filter(|slot| slot.paused_until.is_none() && !slot.is_closed)
            .map(|slot| &slot.listener)
    }

    /// Returns when to poll next if no connection arrives. Returns `None` if there is no deadline. Use this in a
    /// runtime whose timers do not wake.
    pub fn deadline(&self) -> Option<Instant> {
        self.epoch.instant(self.due()?)
    }

    /// Accepts connections, and gives each of them to `serve`, which must not wait. Ready after
    /// [`ServerHandle::shutdown`] is complete.
    ///
    /// If `serve` returns an error, its connection is lost, and the listener pauses.
    ///
    /// `C` is the timer type of the connections. It can differ from that of the loop.
    pub fn poll<C: Timer>(
        &mut self,
        cx: &mut Context<'_>,
        mut serve: impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) -> Poll<()> {
        loop {
            if self.measure_at.is_some_and(|at| at <= self.now()) {
                self.measure_descriptors();
            }
            match self.driver.poll(self.now(), cx) {
                ServerAction::Accept => {
                    self.accept(cx, &mut serve);
                    if self.driver.handle().calls().poll_room(cx) == 0 {
                        // At once, before the kernel accepts more connections.
                        self.close(&mut serve);
                    }
                }
                ServerAction::Refuse => {
                    self.close(&mut serve);
                    self.accept(cx, &mut serve);
                }
                ServerAction::StopAccepting => {
                    self.measure_at = None;
                    let is_paused = self.driver.handle().is_accepting_paused();
                    for mut slot in std::mem::take(&mut self.listeners) {
                        if !is_paused {
                            self.accept_waiting(&mut slot, &mut serve);
                        }
                    }
                    continue;
                }
                ServerAction::Over => break,
                _ => {}
            }
            let (now, due) = (self.now(), self.due());
            if !self
                .waker
                .as_ref()
                .is_some_and(|known| known.will_wake(cx.waker()))
            {
                self.waker = Some(cx.waker().clone());
                self.timer.waker_changed();
            }
            ready!(self.timer.poll(cx, &self.epoch, now, due));
        }
        let calls = self.driver.handle().calls().len();
        if calls > 0 {
            tracing::warn!(
                calls,
                "the shutdown is complete, but handlers of these calls still block"
            );
        }
        Poll::Ready(())
    }

    /// Takes one connection from each listener. Then the calls run: to take a connection takes several times as long
    /// as to handle a frame.
    fn accept<C: Timer>(
        &mut self,
        cx: &mut Context<'_>,
        serve: &mut impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) {
        let mut more = false;
        for index in 0..self.listeners.len() {
            let room = self.driver.handle().calls().poll_room(cx);
            more |= self.accept_one(index, room, cx, serve).is_ready();
        }
        if more {
            T::yield_now(cx);
        }
    }

    /// Accepts one connection. Pending if no connection waits or the listener is paused or closed.
    fn accept_one<C: Timer>(
        &mut self,
        index: usize,
        room: usize,
        cx: &mut Context<'_>,
        serve: &mut impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) -> Poll<()> {
        let now = self.now();
        let share = room.div_ceil(self.listeners.len());
        let slot = &mut self.listeners[index];
        if slot.is_paused(now) || (room == 0 && slot.can_close) {
            return Poll::Pending;
        }
        match slot.open(share) {
            Ok(was_closed) => {
                if was_closed {
                    self.log_opening(now);
                }
            }
            Err(error) => {
                slot.note(now, Err(error));
                return Poll::Pending;
            }
        }
        let slot = &mut self.listeners[index];
        let accepted = ready!(slot.listener.poll_accept(cx));
        let served = accepted.and_then(|(stream, peer)| self.serve(stream, peer, serve));
        // Without a descriptor, the connection stays in the kernel. To close the listener would reset it.
        if served.is_ok() {
            self.unmeasured = self.unmeasured.saturating_sub(1);
            if self.unmeasured == 0 {
                self.measure_descriptors();
            }
        }
        self.listeners[index].note(now, served);
        Poll::Ready(())
    }

    /// Closes the listeners that can be closed, since the server is full.
    fn close<C: Timer>(
        &mut self,
        serve: &mut impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) {
        let mut closed = 0;
        let mut listeners = std::mem::take(&mut self.listeners);
        for slot in &mut listeners {
            if slot.can_close && !slot.is_closed {
                self.accept_waiting(slot, serve);
                slot.close();
                closed += usize::from(slot.is_closed);
            }
        }
        self.listeners = listeners;
        if closed == 0 {
            return;
        }
        if let Some(unlogged) = self.closings.take(T::now()) {
            let calls = self.driver.handle().calls();
            let reason = calls.full().map(tracing::field::display);
            let unlogged = (unlogged > 0).then_some(unlogged);
            let admitted = calls.admitted();
            self.logged_closing = Some(self.now());
            tracing::warn!(
                reason,
                calls = admitted,
                unlogged,
                "the server is full: it refuses new connections until there is a place"
            );
        }
    }

    fn log_opening(&mut self, now: Timestamp) {
        if let Some(since) = self.logged_closing.take() {
            let after = now.saturating_since(since);
            tracing::info!(?after, "the server accepts connections again");
        }
    }

    fn measure_descriptors(&mut self) {
        if let Some(probe) = &self.descriptors {
            let closed = self.listeners.iter().filter(|slot| slot.is_closed).count();
            let connections = probe.connections(closed);
            self.driver.handle().calls().set_descriptors(connections);
            let many = connections >= MAX_COUNTED;
            self.unmeasured = if many { UNMEASURED } else { 1 };
            let few = connections < FEW_CONNECTIONS;
            self.measure_at = few.then(|| self.now() + DESCRIPTOR_INTERVAL);
        }
    }

    /// Accepts the connections that wait in the kernel, before the listener is closed. For the peers, these connections
    /// are calls: closing the listener would reset them.
    fn accept_waiting<C: Timer>(
        &mut self,
        slot: &mut ListenerSlot<L>,
        serve: &mut impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) {
        let mut failed = 0;
        for _ in 0..MAX_WAITING {
            if slot.is_closed {
                break;
            }
            let Poll::Ready(accepted) = slot.listener.poll_accept_waiting() else {
                break;
            };
            match accepted.and_then(|(stream, peer)| self.serve(stream, peer, serve)) {
                Ok(()) => failed = 0,
                Err(error) => {
                    failed += usize::from(!is_of_one_connection(&error));
                    tracing::warn!(%error, "a connection that waited while a listener was closed was lost");
                    if failed == MAX_FAILED {
                        break;
                    }
                }
            }
        }
    }

    fn serve<C: Timer>(
        &mut self,
        stream: L::Stream,
        peer: Peer,
        serve: &mut impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) -> io::Result<()> {
        let local_addr = L::local_addr(&stream);
        let now = self.now();
        let uuid_timeout = self.timeout_spread.timeout(now, self.session.uuid_timeout);
        let session = self.session.uuid_timeout(uuid_timeout);
        let connection = Connection::new(
            stream,
            peer,
            Arc::clone(&self.acceptor),
            session,
            self.driver.handle().calls(),
        );
        if connection.is_turned_away() {
            connection.turn_away();
            return Ok(());
        }
        #[cfg(feature = "tls")]
        let connection = match &self.tls {
            Some(config) => connection.tls(config)?,
            None => connection,
        };
        let connection = match self.blocked_handler_warning {
            true => connection.warn_if_blocked(),
            false => connection,
        };
        serve(match local_addr {
            Some(local_addr) => connection.at(local_addr),
            None => connection,
        })
    }

    fn due(&self) -> Option<Timestamp> {
        let pauses = self.listeners.iter().filter_map(|slot| slot.paused_until);
        pauses
            .chain(self.driver.poll_timeout())
            .chain(self.measure_at)
            .min()
    }

    fn now(&self) -> Timestamp {
        self.epoch.timestamp(T::now())
    }
}

impl<L, T, A> fmt::Debug for AcceptLoop<L, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptLoop")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
