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
use crate::io::segments::first_segment;
use crate::io::tls_layer::TlsLayer;
use crate::io::{LogRateLimit, read_buffer};

/// The most waiting bytes that leave in segments of whole frames: 20 ms of audio at 192 kHz. A longer queue leaves in one
/// write, because a system call for each segment costs more than it helps.
const MAX_IN_SEGMENTS: usize = 8192;

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
    pub(super) stream: S,
    pub(super) tls: TlsLayer,
    pub(super) driver: CallDriver<A>,
    pub(super) epoch: Epoch,
    pub(super) timer: CoalescingTimer<T>,
    /// The call waits for the decision whether another process takes it over. Nothing is read or written.
    #[cfg(all(feature = "handover", unix))]
    pub(super) is_suspended: bool,
    read_closed: bool,
    write_closed: bool,
    /// Bytes were written to a stream that may hold them back, such as TLS.
    unflushed: bool,
    /// The last write may have ended inside a frame.
    inside_frame: bool,
    /// The second of the call in which the retransmissions were counted last. A call that the server ends has the count of
    /// this second, because the handler ends it before the connection can count. 32 bits take no memory here.
    counted_second: u32,
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

    pub(super) fn of(stream: S, driver: CallDriver<A>, epoch: Epoch) -> Self {
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

    /// Reads once. Answers stay in the driver. Returns the number of bytes.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        now: &mut Timestamp,
        is_stale: bool,
    ) -> Poll<usize> {
        if self.read_closed {
            return Poll::Pending;
        }
        let result = ready!(self.stream.poll_read(cx, buffer));
        if is_stale {
            *now = self.now();
        }
        if let Some(lag) = self.stream.take_lag() {
            self.driver.handle_lag(*now, lag);
        }
        match result {
            Ok(0) => {
                self.read_closed = true;
                self.count_retransmissions();
                if self.tls.is_on() {
                    // Without `close_notify`, a third party may have cut the connection.
                    let error = io::ErrorKind::UnexpectedEof.into();
                    self.driver.handle_read_error(*now, error);
                } else {
                    self.driver.handle_eof(*now);
                }
            }
            Ok(len) => {
                let started = self.driver.samples_handler_time().then(T::now);
                self.receive(*now, &buffer[..len]);
                if let Some(started) = started {
                    let time = T::now().saturating_duration_since(started);
                    self.driver.record_handler_time(time);
                }
                return Poll::Ready(len);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.read_closed = true;
                self.count_retransmissions();
                self.driver.handle_read_error(*now, error);
            }
        }
        Poll::Ready(0)
    }

    /// Passes received bytes to the driver.
    fn receive(&mut self, now: Timestamp, mut bytes: &[u8]) {
        if self.driver.awaits_proxy_header() {
            let rest = self.driver.after_proxy_header(bytes);
            // Before the handler runs: the stream may read, and drop audio, while the handler blocks.
            self.stream.begin_frames(rest);
            if self.tls.is_on() {
                // The header comes before the handshake.
                let header = &bytes[..bytes.len() - rest.len()];
                self.driver.receive(now, header);
                bytes = rest;
            }
        }
        #[cfg(feature = "tls")]
        if self.tls.is_new() && self.driver.is_forged_header(bytes) {
            // The error of the handshake would not name the cause.
            return self.driver.receive(now, bytes);
        }
        let driver = &mut self.driver;
        let received = self.tls.receive(bytes, |it| driver.receive(now, it));
        self.unflushed |= self.tls.wants_write();
        match received {
            Ok(false) => return,
            Ok(true) => driver.handle_eof(now),
            Err(error) => driver.handle_read_error(now, error),
        }
        self.read_closed = true;
    }

    /// Writes, flushes or half-closes once. Pending if there is nothing to do, or it cannot be done now.
    fn poll_write(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<()> {
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => {
                // Asterisk ends a call if a payload comes late after its header. So no frame shares a TCP segment with a
                // part of another frame, which can be lost or late. In TLS, frames have no segments of their own.
                let sent = if self.inside_frame || bytes.len() > MAX_IN_SEGMENTS || self.tls.is_on()
                {
                    None
                } else {
                    let frames = first_segment(bytes);
                    let sent = self.stream.send_frames(frames);
                    sent.map(|sent| (frames.len(), sent))
                };
                let (len, written) = match sent {
                    Some(sent) => sent,
                    None => {
                        let written = self.tls.poll_write(&mut self.stream, cx, bytes);
                        (bytes.len(), ready!(written))
                    }
                };
                match written {
                    Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
                    Ok(written) => {
                        // The write time-out counts from here.
                        let now = if written < len { self.now() } else { now };
                        self.driver.transmitted(now, written);
                        self.unflushed = true;
                        self.inside_frame = written < len;
                        let second = (now.as_nanos() / 1_000_000_000) as u32;
                        if second != self.counted_second {
                            self.counted_second = second;
                            self.count_retransmissions();
                        }
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
            transmit => {
                let half_closes = transmit == Transmit::HalfClose;
                if self.unflushed
                    && let Err(error) = ready!(self.tls.poll_flush(&mut self.stream, cx))
                {
                    Err(error)
                } else {
                    // A flush alone is no reason for another round.
                    self.unflushed = false;
                    if !half_closes {
                        return Poll::Pending;
                    }
                    let closed = ready!(self.tls.poll_close(&mut self.stream, cx));
                    self.write_closed = true;
                    closed.map(|()| self.driver.half_closed())
                }
            }
        };
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.unflushed = false;
                self.write_closed = true;
                let now = self.now();
                self.count_retransmissions();
                self.driver.handle_write_error(now, error);
            }
            _ => {}
        }
        Poll::Ready(())
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

    fn count_retransmissions(&mut self) {
        if let Some(count) = self.stream.retransmissions() {
            self.driver.set_retransmissions(count);
        }
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

    pub(super) fn now(&self) -> Timestamp {
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
