//! The loop of one connection.

#[cfg(all(feature = "handover", unix))]
mod handover;
mod read;
pub(super) mod retransmissions;
pub(super) mod segments;
mod write;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tracing::Span;

use crate::{Acceptor, CallDriver, Calls, Peer};
use audiosocket_proto::{Epoch, SessionConfig, Timestamp, Transmit};

use crate::io::blocked_handler::BlockedHandlerWatch;
use crate::io::coalescing_timer::CoalescingTimer;
use crate::io::observers::Observers;
use crate::io::runtime::{Stream, Timer};
use crate::io::tls_layer::TlsLayer;
use crate::io::{LogRateLimit, read_buffer};

/// The maximum number of rounds of reads and writes in one poll, before other tasks run. This limit is for streams that
/// do not use the budget of their runtime.
const MAX_ROUNDS: usize = 16;

/// After this many bytes, one poll starts no further read before other tasks run. This limits the callbacks that a
/// flood causes in one poll.
const MAX_READ: usize = 64 * 1024;

/// One limit for peers and one for calls, so that a flood of refused peers does not hide the calls
/// that are refused by their UUID.
static REFUSED_PEERS: LogRateLimit = LogRateLimit::new();
static REFUSED_CALLS: LogRateLimit = LogRateLimit::new();

/// One connection of a server on a runtime, from its start to its close: a future that is ready when the
/// connection is closed. All results go to the handler.
///
/// Every adapter polls it, by [`Future::poll`]. A panic outside of the handler ends this connection
/// and nothing else.
///
/// Dropping it closes the connection at once and gives the handler
/// [`End::Abandoned`](audiosocket_proto::End::Abandoned).
///
/// # Tracing
///
/// Each connection has a `tracing` span `call` at level `DEBUG`, with the field `peer` and, once the
/// UUID has come, `uuid`. Callbacks run inside of it. Where the level is disabled, no span is made.
pub struct Connection<S, T, A: Acceptor> {
    /// This field is before the driver, so the stream is dropped first: a connection counts as open until it is closed.
    stream: S,
    tls: TlsLayer,
    driver: CallDriver<A>,
    epoch: Epoch,
    timer: CoalescingTimer<T>,
    /// The call waits for the decision whether another process takes it over. Nothing is read or written.
    #[cfg(all(feature = "handover", unix))]
    is_suspended: bool,
    read_closed: bool,
    write_closed: bool,
    /// Bytes were written to a stream that may hold them back, such as TLS.
    unflushed: bool,
    /// The last write may have ended inside a frame.
    inside_frame: bool,
    /// The second of the call in which the retransmissions were counted last. A call that the server ends has the count of
    /// this second, because the handler ends it before the connection can count. 16 bits take no memory here, and their
    /// overflow after 18 hours has no effect.
    counted_second: u16,
}

impl<S: Stream, T: Timer, A: Acceptor> Connection<S, T, A> {
    /// Serves `stream`, which came just now. The connection counts among `calls` from now on.
    pub fn new(
        stream: S,
        peer: Peer,
        acceptor: Arc<A>,
        config: SessionConfig,
        calls: &Calls,
    ) -> Self {
        let mut driver = CallDriver::new(acceptor, peer, config, calls, Timestamp::ZERO);
        let peer = (!driver.awaits_proxy_header()).then(|| driver.peer());
        let peer = peer.map(tracing::field::display);
        let span = tracing::debug_span!("call", peer, uuid = tracing::field::Empty);
        if !span.is_disabled() {
            driver.observers.get_or_insert_default().span = Some(span);
        }
        Self::of(stream, driver, Epoch::new(T::now()))
    }

    fn of(stream: S, driver: CallDriver<A>, epoch: Epoch) -> Self {
        Self {
            stream,
            tls: TlsLayer::default(),
            driver,
            epoch,
            timer: CoalescingTimer::new(),
            #[cfg(all(feature = "handover", unix))]
            is_suspended: false,
            read_closed: false,
            write_closed: false,
            unflushed: false,
            inside_frame: false,
            counted_second: 0,
        }
    }

    /// Sets the address of this machine at which the connection came in, for the acceptor.
    #[must_use]
    pub fn at(mut self, local_addr: SocketAddr) -> Self {
        self.driver = self.driver.at(local_addr);
        self
    }

    /// Begins TLS.
    ///
    /// # Errors
    ///
    /// If rustls cannot use the configuration.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: &crate::io::TlsConfig) -> io::Result<Self> {
        self.tls = TlsLayer::start(config)?;
        Ok(self)
    }

    /// Logs a warning while a handler blocks the thread for more than 500 ms.
    #[must_use]
    pub fn warn_if_blocked(mut self) -> Self {
        let watch = BlockedHandlerWatch::new(self.driver.handle().clone());
        self.driver.observers.get_or_insert_default().watch = Some(watch);
        self
    }

    /// Returns whether to [turn the connection away](Self::turn_away), and not to serve it.
    pub(crate) fn is_turned_away(&self) -> bool {
        self.driver.turned_away()
    }

    /// Hangs up at once and closes, without waiting for the peer: for a connection that cannot be
    /// served.
    pub fn turn_away(mut self) {
        let now = self.now();
        self.driver.handle().hangup();
        self.driver.poll_commands(now, Waker::noop());
        let mut cx = Context::from_waker(Waker::noop());
        // One write and no read: a read can register the stream with the runtime. If the write fails, the
        // hangup is lost.
        while self.poll_write(&mut cx, now).is_ready() {}
        let _ = self.closed(&mut cx);
    }

    /// Exchanges the stream and the timer. Use this for a connection that moves to another runtime before its first
    /// poll.
    ///
    /// # Errors
    ///
    /// Returns the errors of `exchange`. The connection is closed then.
    pub fn try_map<S2, T2>(
        self,
        exchange: impl FnOnce(S) -> io::Result<S2>,
    ) -> io::Result<Connection<S2, T2, A>> {
        Ok(Connection {
            stream: exchange(self.stream)?,
            tls: self.tls,
            driver: self.driver,
            epoch: self.epoch,
            timer: CoalescingTimer::new(),
            #[cfg(all(feature = "handover", unix))]
            is_suspended: self.is_suspended,
            read_closed: self.read_closed,
            write_closed: self.write_closed,
            unflushed: self.unflushed,
            inside_frame: self.inside_frame,
            counted_second: self.counted_second,
        })
    }

    /// Returns the stream. Use this in a runtime without wakers.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns when to poll next if nothing wakes the connection before. Returns `None` if there is no deadline. Use
    /// this in a runtime whose timers do not wake.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.driver.poll_timeout()?;
        self.epoch.instant(due)
    }

    /// Reads, runs the handler and writes, until nothing is ready. `buffer` is the read buffer.
    ///
    /// A clock read costs as much as the core's work for a frame. So the clock is read once. It is read
    /// again only if a handler may have run since and the time matters.
    fn drive(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<()> {
        let mut now = self.now();
        if !self.driver.knows_waker(cx.waker()) {
            self.timer.waker_changed();
        }
        self.driver.poll_commands(now, cx.waker());
        let mut bytes_read = 0;
        for _ in 0..MAX_ROUNDS {
            // Read first, so that all answers to one read leave in one write.
            let is_stale = bytes_read > 0;
            let read = self.poll_read(cx, buffer, &mut now, is_stale);
            if let Poll::Ready(len) = read {
                bytes_read += len;
            }
            let written = self.poll_write(cx, now).is_ready();
            if self.driver.poll_transmit() == Transmit::Close {
                return self.closed(cx);
            }
            let idle = read.is_pending() && !written;
            if idle && self.poll_timer(cx, now).is_pending() {
                return Poll::Pending;
            }
            if bytes_read >= MAX_READ {
                break;
            }
        }
        // The timer is polled only in a round without reads. A flood must not delay the deadlines.
        self.driver.handle_timeout(self.now());
        if self.driver.poll_transmit() == Transmit::Close {
            return self.closed(cx);
        }
        T::yield_now(cx);
        Poll::Pending
    }

    /// Handles a deadline that has come. Ready if one may have come.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<()> {
        let deadline = self.driver.poll_timeout();
        ready!(self.timer.poll(cx, &self.epoch, now, deadline));
        let is_past = deadline.is_some_and(|deadline| deadline <= now);
        let now = if is_past { now } else { self.now() };
        self.driver.handle_timeout(now);
        Poll::Ready(())
    }

    fn closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.read_closed && !self.write_closed {
            self.write_closed = true;
            // Without `close_notify` of TLS, the peer treats the connection as cut. The server tries to send it once,
            // and does not wait for a peer that does not read.
            let stream = &mut self.stream;
            let flushed =
                !self.unflushed || matches!(self.tls.poll_flush(stream, cx), Poll::Ready(Ok(())));
            if flushed {
                let _ = self.tls.poll_close(stream, cx);
            }
        }
        let uuid = self.driver.handle().uuid();
        let log_limit = match uuid {
            Some(_) => &REFUSED_CALLS,
            None => &REFUSED_PEERS,
        };
        if let Some(reason) = self.driver.refusal()
            && let Some(suppressed) = log_limit.take(Instant::now())
        {
            let suppressed = (suppressed > 0).then_some(suppressed);
            let uuid = uuid.as_ref().map(tracing::field::display);
            tracing::info!(uuid, peer = %self.driver.peer(), %reason, suppressed, "call refused");
        }
        Poll::Ready(())
    }

    fn now(&self) -> Timestamp {
        self.epoch.timestamp(T::now())
    }
}

/// No field is pinned.
impl<S, T, A: Acceptor> Unpin for Connection<S, T, A> {}

impl<S: Stream, T: Timer, A: Acceptor> Future for Connection<S, T, A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let connection = self.get_mut();
        let (span, _guard) = match connection.driver.observers.as_deref() {
            Some(Observers { span, watch }) => {
                (span.clone(), watch.as_ref().map(BlockedHandlerWatch::enter))
            }
            None => (None, None),
        };
        let _entered = span.as_ref().map(Span::enter);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            read_buffer::with(|buffer| connection.drive(cx, buffer))
        }));
        polled.unwrap_or_else(|_| {
            let peer = connection.driver.peer();
            // The panic hook has printed the rest.
            tracing::error!(%peer, "a panic outside of the handler ends the connection: this is a bug of audiosocket-server; report it with the lines of the panic");
            Poll::Ready(())
        })
    }
}

impl<S, T, A: Acceptor> fmt::Debug for Connection<S, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
