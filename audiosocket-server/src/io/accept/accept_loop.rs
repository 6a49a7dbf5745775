use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use crate::{Acceptor, Peer, ServerAction, ServerDriver, ServerHandle};
use audiosocket_proto::{Epoch, SessionConfig, Timestamp};

use crate::io::accept::accept_backoff::is_of_one_connection;
use crate::io::accept::timeout_spread::TimeoutSpread;
use crate::io::coalescing_timer::CoalescingTimer;
use crate::io::runtime::{Listener, Stream, Timer};
use crate::io::{AcceptBackoff, Connection, ServerConfig};

/// The maximum number of waiting connections that a server takes from the kernel at its shutdown. New connections may
/// arrive faster than the server takes them.
const MAX_WAITING: usize = 4096;

/// After this many errors in a row, the server does not take the rest of these connections.
const MAX_FAILED: usize = 16;

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
}

/// A listener and its pauses after errors.
struct ListenerSlot<L> {
    listener: L,
    backoff: AcceptBackoff,
    paused_until: Option<Timestamp>,
}

impl<L, T, A> AcceptLoop<L, T, A>
where
    L: Listener<Stream: Stream>,
    T: Timer,
    A: Acceptor,
{
    /// Makes an accept loop for these listeners.
    pub fn new(acceptor: A, listeners: impl IntoIterator<Item = L>, config: &ServerConfig) -> Self {
        let slot = |listener| ListenerSlot {
            listener,
            backoff: AcceptBackoff::default(),
            paused_until: None,
        };
        Self {
            acceptor: Arc::new(acceptor),
            listeners: listeners.into_iter().map(slot).collect(),
            driver: ServerDriver::new(config.session.linger, config.admission.clone()),
            session: config.session,
            blocked_handler_warning: config.blocked_handler_warning,
            epoch: Epoch::new(T::now()),
            timer: CoalescingTimer::new(),
            waker: None,
            timeout_spread: TimeoutSpread::default(),
        }
    }

    /// Returns a handle, which shuts the server down from other tasks and threads.
    pub fn handle(&self) -> ServerHandle {
        self.driver.handle().clone()
    }

    /// Returns the listeners that are not paused. Use this in a runtime without wakers.
    pub fn listeners(&self) -> impl Iterator<Item = &L> {
        self.listeners
            .iter()
            .filter(|slot| slot.paused_until.is_none())
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
            match self.driver.poll(self.now(), cx) {
                ServerAction::Accept => self.accept(cx, &mut serve),
                ServerAction::StopAccepting => {
                    self.accept_waiting(&mut serve);
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
            more |= self.accept_one(index, cx, serve).is_ready();
        }
        if more {
            T::yield_now(cx);
        }
    }

    /// Accepts one connection. Pending if no connection waits or the listener is paused.
    fn accept_one<C: Timer>(
        &mut self,
        index: usize,
        cx: &mut Context<'_>,
        serve: &mut impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) -> Poll<()> {
        let now = self.now();
        let slot = &mut self.listeners[index];
        if slot.paused_until.is_some_and(|until| now < until) {
            return Poll::Pending;
        }
        slot.paused_until = None;
        let accepted = ready!(slot.listener.poll_accept(cx));
        let served = accepted.and_then(|(stream, peer)| self.serve(stream, peer, serve));
        let slot = &mut self.listeners[index];
        match served {
            Ok(()) => slot.backoff.accepted(),
            Err(error) => {
                let pause = slot.backoff.failed(&error);
                slot.paused_until = pause.map(|pause| now + pause);
            }
        }
        Poll::Ready(())
    }

    /// Accepts the connections that wait in the kernel, then closes the listeners. For the peers, these connections are
    /// calls: closing the listener would reset them.
    fn accept_waiting<C: Timer>(
        &mut self,
        serve: &mut impl FnMut(Connection<L::Stream, C, A>) -> io::Result<()>,
    ) {
        for mut slot in std::mem::take(&mut self.listeners) {
            let mut failed = 0;
            for _ in 0..MAX_WAITING {
                let Poll::Ready(accepted) = slot.listener.poll_accept_waiting() else {
                    break;
                };
                match accepted.and_then(|(stream, peer)| self.serve(stream, peer, serve)) {
                    Ok(()) => failed = 0,
                    Err(error) => {
                        failed += usize::from(!is_of_one_connection(&error));
                        tracing::warn!(%error, "a connection that waited at the shutdown was lost");
                        if failed == MAX_FAILED {
                            break;
                        }
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
        pauses.chain(self.driver.poll_timeout()).min()
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
