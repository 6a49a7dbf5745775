use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::{Lag, Peer};

/// A stream of bytes in both directions: `AsyncRead` and `AsyncWrite` without the types of a runtime.
pub trait Stream {
    /// Reads into `buffer`. Returns how much was read; 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes the front of `bytes`. Returns how much was written.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Sends what was written and is still held back.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Closes the writing side only.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Returns the audio that the stream dropped ahead of the bytes that it reads next. `None`, unless it
    /// reads while the handler is busy.
    fn take_lag(&mut self) -> Option<Lag> {
        None
    }
}

/// The clock and the timers of a runtime.
pub trait Timer {
    /// How late a timer may be because it counts in units coarser than nanoseconds.
    const GRANULARITY: Duration = Duration::ZERO;

    /// Whether moving the deadline costs next to nothing. If so, a timer is moved in time, rather than left
    /// to wake its task too early.
    const CHEAP_RESET: bool = false;

    /// The time by the runtime's clock, which tests may stop.
    fn now() -> Instant;

    /// Makes a timer that is ready from `deadline` on.
    fn at(deadline: Instant) -> Self;

    /// Moves the deadline.
    fn set(&mut self, deadline: Instant);

    /// Ready once the deadline has come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Lets the runtime poll other tasks before it polls this one again. For a task that has more to
    /// do.
    fn yield_now(cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

/// Accepts connections: TCP, TLS, Unix sockets, or whatever else carries a stream of bytes.
///
/// A type of your own needs [`poll_accept`](Self::poll_accept) alone. The server closes the listener by
/// dropping it, when it [shuts down](crate::ServerHandle::shutdown).
pub trait Listener {
    /// A connection.
    type Stream;

    /// Accepts the next connection, and says who is at its other end.
    ///
    /// Returns as soon as there is a connection. What takes longer, such as a TLS handshake, belongs in the
    /// stream: it would keep all other callers waiting here.
    ///
    /// # Errors
    ///
    /// The server logs an error and tries again, after a pause if the error is not of one connection
    /// only. An error does not end the server.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>>;

    /// Accepts a connection that already waits in the kernel; pending if there is none. The server calls
    /// this when it shuts down, until it is pending: the caller of such a connection takes it for a
    /// call, and closing the listener would reset it.
    ///
    /// By default this is one [`poll_accept`](Self::poll_accept).
    ///
    /// # Errors
    ///
    /// As [`poll_accept`](Self::poll_accept).
    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(Self::Stream, Peer)>> {
        self.poll_accept(&mut Context::from_waker(Waker::noop()))
    }

    /// The address of this machine at which a connection came in, if it came by TCP. Default: `None`.
    fn local_addr(stream: &Self::Stream) -> Option<SocketAddr> {
        let _ = stream;
        None
    }
}
