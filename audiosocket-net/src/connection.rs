use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use audiosocket_proto::server::{Acceptor, CallDriver, Calls, Peer, Registration};
use audiosocket_proto::{Epoch, SessionConfig, Timestamp, Transmit};

use crate::runtime::{LazyTimer, Stream, Timer};
use crate::scratch;

/// How often one call may read and write before others get their turn, on streams that do not
/// take part in a budget of their runtime.
const ROUNDS: usize = 16;

/// One connection of a server on a runtime, from accept to close: the loop that every adapter
/// drives its calls with.
///
/// As a future it is done when the connection is closed; what happened on it went to the handler.
/// Dropping it closes the connection at once and tells the handler
/// [`End::Abandoned`](audiosocket_proto::End::Abandoned).
pub struct Connection<S, T, A: Acceptor> {
    stream: S,
    driver: CallDriver<A>,
    epoch: Epoch,
    timer: LazyTimer<T>,
    read_closed: bool,
    /// Written to a stream that may hold it back, such as TLS.
    unflushed: bool,
    /// Last, so that it is dropped last: a connection counts as open until it is closed.
    _registration: Registration,
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
        let driver = CallDriver::new(acceptor, peer, config, Timestamp::ZERO);
        Self {
            stream,
            epoch: Epoch::new(T::now()),
            timer: LazyTimer::new(),
            read_closed: false,
            unflushed: false,
            _registration: calls.register(driver.handle()),
            driver,
        }
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
        self.driver.poll_commands(self.now(), cx.waker());
        for _ in 0..ROUNDS {
            // Reading first, so that all answers to one read leave in one write.
            let read = self.poll_read(cx).is_ready();
            let written = self.poll_write(cx).is_ready();
            if self.driver.poll_transmit() == Transmit::Close {
                return self.closed();
            }
            let timed_out = !read && !written && self.poll_timer(cx).is_ready();
            if !(read || written || timed_out) {
                return Poll::Pending;
            }
        }
        // A peer that floods us does not put off its deadlines, whose timer only a quiet round polls.
        self.driver.handle_timeout(self.now());
        if self.driver.poll_transmit() == Transmit::Close {
            return self.closed();
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One read, if there is something to read; its answers stay in the driver.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.read_closed {
            return Poll::Pending;
        }
        scratch::with(|buffer| {
            let result = ready!(self.stream.poll_read(cx, buffer));
            let now = self.now();
            if let Some(lag) = self.stream.take_lag() {
                self.driver.handle_lag(now, lag);
            }
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
            Poll::Ready(())
        })
    }

    /// Ready if something was done, pending if nothing can be.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => match ready!(self.stream.poll_write(cx, bytes)) {
                Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
                written => written.map(|written| {
                    self.driver.transmitted(self.now(), written);
                    self.unflushed = true;
                }),
            },
            _ if self.unflushed => match ready!(self.stream.poll_flush(cx)) {
                Ok(()) => {
                    self.unflushed = false;
                    // By itself, nothing that makes another look at the stream worth while.
                    return self.poll_write(cx);
                }
                failed => failed,
            },
            Transmit::HalfClose => {
                let closed = ready!(self.stream.poll_close(cx));
                closed.map(|()| self.driver.half_closed())
            }
            _ => return Poll::Pending,
        };
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.unflushed = false;
                self.driver.handle_write_error(self.now(), error);
            }
            _ => {}
        }
        Poll::Ready(())
    }

    /// Ready if a deadline may have come, and was acted on.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline();
        ready!(self.timer.poll(cx, deadline));
        self.driver.handle_timeout(self.now());
        Poll::Ready(())
    }

    fn closed(&self) -> Poll<()> {
        if let Some(reason) = self.driver.refusal() {
            tracing::info!(peer = %self.driver.peer(), %reason, "call refused");
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
        Self::poll(self.get_mut(), cx)
    }
}

impl<S, T, A: Acceptor> fmt::Debug for Connection<S, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
