use std::io;
use std::net::{SocketAddr, TcpStream};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::Lag;
use socket2::SockRef;

/// A stream of bytes both ways, as a runtime drives it: `AsyncRead` and `AsyncWrite` without a
/// runtime's own types.
pub trait Stream {
    /// Reads into `buffer`; 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes the front of `bytes`, and tells how much that was.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Sees that what was written leaves.
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

    /// The audio that the stream dropped ahead of the bytes that it reads next. `None`, unless it reads
    /// while the handler is busy.
    fn take_lag(&mut self) -> Option<Lag> {
        None
    }
}

/// A runtime's clock, and its sense of whose turn it is.
pub trait Timer {
    /// By how much it may be late of its own accord, since it counts in coarser units than
    /// nanoseconds.
    const GRANULARITY: Duration = Duration::ZERO;

    /// Whether to put a deadline off costs next to nothing, so that a timer is better moved in time than
    /// left to ring in vain.
    const CHEAP_RESET: bool = false;

    /// The time by that clock, which a runtime may make up.
    fn now() -> Instant;

    /// A timer that is ready from `deadline` on.
    fn at(deadline: Instant) -> Self;

    /// Moves the deadline.
    fn set(&mut self, deadline: Instant);

    /// Ready once the deadline has come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Has a task that has more to do polled again, after those to which something has come meanwhile.
    fn yield_now(cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

/// A listening socket, as a runtime drives it.
pub trait Listener {
    /// What it accepts.
    type Stream: Stream;

    /// The next connection.
    ///
    /// # Errors
    ///
    /// Those of `accept(2)`.
    fn poll_accept(&mut self, cx: &mut Context<'_>)
    -> Poll<io::Result<(Self::Stream, SocketAddr)>>;

    /// The listening socket itself.
    fn socket(&self) -> SockRef<'_>;

    /// Takes over a non-blocking connection that was accepted from [`socket`](Self::socket).
    ///
    /// # Errors
    ///
    /// Those of the runtime.
    fn adopt(&mut self, connection: TcpStream) -> io::Result<Self::Stream>;

    /// Has `apply` set the options of a connection's socket.
    ///
    /// # Errors
    ///
    /// Those of `apply`.
    fn configure(
        connection: &Self::Stream,
        apply: impl FnOnce(&SockRef<'_>) -> io::Result<()>,
    ) -> io::Result<()>;
}
