use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use crate::{Acceptor, CallDriver, Calls, Peer};
use audiosocket_proto::{Epoch, SessionConfig, Timestamp, Transmit};

use crate::io::runtime::{CoalescingTimer, Stream, Timer};
use crate::io::{LogRateLimit, blocked_handler, read_buffer};

/// How often one call may read and write before others get their turn, on streams that do not
/// take part in a budget of their runtime.
const ROUNDS: usize = 16;

/// How many bytes one call may read before that: with one read more, a bound for how many callbacks a
/// flood makes in one go.
const MOST_READ: usize = 64 * 1024;

/// For those that were refused before they sent a UUID, by a limit or as peers, and for those that were
/// refused by it: so that a flood of the one does not hide the other.
static REFUSED_PEERS: LogRateLimit = LogRateLimit::new();
static REFUSED_CALLS: LogRateLimit = LogRateLimit::new();

/// One connection of a server on a runtime, from accept to close: the loop that every adapter
/// drives its calls with.
///
/// As a future it is done when the connection is closed; what happened on it went to the handler. A
/// handler that blocks the thread for 500 ms is then named in the log, and a panic that is not the
/// handler's ends this connection and nothing else.
///
/// Dropping it closes the connection at once and tells the handler
/// [`End::Abandoned`](audiosocket_proto::End::Abandoned).
pub struct Connection<S, T, A: Acceptor> {
    /// Before the driver, so that it is dropped before: a connection counts as open until it is closed.
    stream: S,
    driver: CallDriver<A>,
    epoch: Epoch,
    timer: CoalescingTimer<T>,
    read_closed: bool,
    write_closed: bool,
    /// Written to a stream that may hold it back, such as TLS.
    unflushed: bool,
}

impl<S: Stream, T: Timer, A: Acceptor> Connection<S, T, A> {
    /// Takes over `stream`, which was accepted just now. It counts among `calls` from here on.
    pub fn new(
        stream: S,
        peer: Peer,
        acceptor: Arc<A>,
        config: SessionConfig,
        calls: &Calls,
    ) -> Self {
        Self {
            stream,
            driver: CallDriver::new(acceptor, peer, config, calls, Timestamp::ZERO),
            epoch: Epoch::new(T::now()),
            timer: CoalescingTimer::new(),
            read_closed: false,
            write_closed: false,
            unflushed: false,
        }
    }

    /// Tells the acceptor at which address of this machine the connection came in.
    #[must_use]
    pub fn at(mut self, local_addr: SocketAddr) -> Self {
        self.driver = self.driver.at(local_addr);
        self
    }

    /// Whether it is to be [turned away](Self::turn_away), rather than served.
    pub(crate) fn is_turned_away(&self) -> bool {
        self.driver.turned_away()
    }

    /// Hangs up at once and closes, without waiting for the peer: for a connection that nothing is
    /// left to serve with.
    pub fn turn_away(mut self) {
        self.driver.handle().hangup();
        let mut cx = Context::from_waker(Waker::noop());
        // What is not done now is not done at all.
        let _ = self.poll(&mut cx);
    }

    /// Puts a connection that was not polled yet on another stream and another runtime.
    ///
    /// # Errors
    ///
    /// Those of `to`. The connection is lost then.
    pub fn moved<S2, T2>(
        self,
        to: impl FnOnce(S) -> io::Result<S2>,
    ) -> io::Result<Connection<S2, T2, A>> {
        Ok(Connection {
            stream: to(self.stream)?,
            driver: self.driver,
            epoch: self.epoch,
            timer: CoalescingTimer::new(),
            read_closed: self.read_closed,
            write_closed: self.write_closed,
            unflushed: self.unflushed,
        })
    }

    /// The stream, for a runtime that is not told by wakers.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// When to poll next, whatever happens until then; `None` for never. For a runtime whose
    /// timers do not wake.
    pub fn deadline(&self) -> Option<Instant> {
        let due = self.driver.poll_timeout()?;
        self.epoch.instant(due)
    }

    /// Everything that can be done now, until the connection is closed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // The clock is looked at once, and again after whatever may have called a handler: to look at it
        // costs as much as all that the core does with a frame.
        let mut now = self.now();
        self.driver.poll_commands(now, cx.waker());
        let mut bytes_read = 0;
        for _ in 0..ROUNDS {
            // Reading first, so that all answers to one read leave in one write.
            let read = self.poll_read(cx, now);
            if let Poll::Ready(len) = read {
                bytes_read += len;
                now = self.now();
            }
            let read = read.is_ready();
            let written = self.poll_write(cx, now).is_ready();
            if self.driver.poll_transmit() == Transmit::Close {
                return self.closed(cx);
            }
            let timed_out = !read && !written && self.poll_timer(cx, now).is_ready();
            if !(read || written || timed_out) {
                return Poll::Pending;
            }
            if bytes_read >= MOST_READ {
                break;
            }
        }
        // A peer that floods us does not put off its deadlines, whose timer only a quiet round polls.
        self.driver.handle_timeout(self.now());
        if self.driver.poll_transmit() == Transmit::Close {
            return self.closed(cx);
        }
        T::yield_now(cx);
        Poll::Pending
    }

    /// One read, if there is something to read; its answers stay in the driver. Tells how much.
    fn poll_read(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<usize> {
        if self.read_closed {
            return Poll::Pending;
        }
        read_buffer::with(|buffer| {
            let result = ready!(self.stream.poll_read(cx, buffer));
            if let Some(lag) = self.stream.take_lag() {
                self.driver.handle_lag(now, lag);
            }
            let len = *result.as_ref().unwrap_or(&0);
            match result {
                Ok(0) => {
                    self.read_closed = true;
                    self.driver.handle_eof(now);
                }
                Ok(len) => self.driver.receive(now, &buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.read_closed = true;
                    self.driver.handle_read_error(now, error);
                }
            }
            Poll::Ready(len)
        })
    }

    /// Ready if something was done, pending if nothing can be.
    fn poll_write(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<()> {
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => match ready!(self.stream.poll_write(cx, bytes)) {
                Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
                written => written.map(|written| {
                    self.driver.transmitted(now, written);
                    self.unflushed = true;
                }),
            },
            _ if self.unflushed => match ready!(self.stream.poll_flush(cx)) {
                Ok(()) => {
                    self.unflushed = false;
                    // By itself, nothing that makes another look at the stream worth while.
                    return self.poll_write(cx, now);
                }
                failed => failed,
            },
            Transmit::HalfClose => {
                let closed = ready!(self.stream.poll_close(cx));
                self.write_closed = true;
                closed.map(|()| self.driver.half_closed())
            }
            _ => return Poll::Pending,
        };
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.unflushed = false;
                self.write_closed = true;
                self.driver.handle_write_error(now, error);
            }
            _ => {}
        }
        Poll::Ready(())
    }

    /// Ready if a deadline may have come, and was acted on.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<()> {
        let deadline = self.driver.poll_timeout();
        ready!(self.timer.poll(cx, &self.epoch, now, deadline));
        self.driver.handle_timeout(self.now());
        Poll::Ready(())
    }

    fn closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.read_closed && !self.write_closed {
            self.write_closed = true;
            // TLS says goodbye, or the peer takes the connection for one that was cut. No more than
            // an attempt: a peer that does not take even this, or what is ahead of it, is not waited for.
            let flushed =
                !self.unflushed || matches!(self.stream.poll_flush(cx), Poll::Ready(Ok(())));
            if flushed {
                let _ = self.stream.poll_close(cx);
            }
        }
        let uuid = self.driver.handle().uuid();
        let budget = match uuid {
            Some(_) => &REFUSED_CALLS,
            None => &REFUSED_PEERS,
        };
        if let Some(reason) = self.driver.refusal()
            && let Some(suppressed) = budget.take(Instant::now())
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

/// Nothing in it is ever pinned.
impl<S, T, A: Acceptor> Unpin for Connection<S, T, A> {}

impl<S: Stream, T: Timer, A: Acceptor> Future for Connection<S, T, A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let connection = self.get_mut();
        let handle = connection.driver.handle().clone();
        blocked_handler::turn(handle, || {
            let polled = catch_unwind(AssertUnwindSafe(|| Self::poll(connection, cx)));
            polled.unwrap_or_else(|_| {
                let peer = connection.driver.peer();
                // The panic hook has said the rest.
                tracing::error!(%peer, "a panic outside of the handler ends the connection");
                Poll::Ready(())
            })
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
