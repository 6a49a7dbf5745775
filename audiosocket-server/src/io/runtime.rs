use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::{Lag, Peer};

/// A stream of bytes in both directions: `AsyncRead` and `AsyncWrite` without the types of a runtime.
pub trait Stream {
    /// Reads into `buffer`. Returns the number of bytes; 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// The errors of the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes the first bytes of `bytes`. Returns their number.
    ///
    /// # Errors
    ///
    /// The errors of the connection.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Sends written bytes that the stream still holds back.
    ///
    /// # Errors
    ///
    /// The errors of the connection.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Closes the writing side only.
    ///
    /// # Errors
    ///
    /// The errors of the connection.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reports that the bytes so far were not frames, except for `rest`: the last bytes of the latest read. Default: does
    /// nothing. Only a stream that drops audio needs to find the frames.
    fn begin_frames(&mut self, rest: &[u8]) {
        let _ = rest;
    }

    /// Returns the audio that the stream dropped before the bytes of the next read. Default: `None`. Only a stream that
    /// reads while the handler is busy drops audio.
    fn take_lag(&mut self) -> Option<Lag> {
        None
    }

    /// Sends the first of these whole frames, in TCP segments that have no other bytes. A TCP stream returns
    /// [`send_frames`](crate::io::send_frames). Default: `None`. Then [`poll_write`](Self::poll_write) follows.
    fn send_frames(&mut self, frames: &[u8]) -> Option<io::Result<usize>> {
        let _ = frames;
        None
    }

    /// Returns how many TCP segments the kernel has sent again so far. A TCP stream returns
    /// [`tcp_retransmissions`](crate::io::tcp_retransmissions). Default: `None`.
    fn retransmissions(&self) -> Option<u32> {
        None
    }
}

/// The clock and the timers of a runtime.
pub trait Timer {
    /// The maximum delay of a timer that counts in units coarser than nanoseconds.
    const GRANULARITY: Duration = Duration::ZERO;

    /// Whether it is cheap to move the deadline of a timer. If it is, the connection moves the timer before it fires.
    /// If it is not, the timer wakes the task too early, and the connection moves it then.
    const CHEAP_RESET: bool = false;

    /// Returns the time by the runtime's clock. Tests may stop this clock.
    fn now() -> Instant;

    /// Makes a timer that is ready from `deadline` on.
    fn at(deadline: Instant) -> Self;

    /// Moves the deadline.
    fn set(&mut self, deadline: Instant);

    /// Ready once the deadline has come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Lets the runtime poll other tasks before it polls this one again. A task with more work calls this.
    fn yield_now(cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

/// A listener that can make the system refuse connections, and accept them again.
pub trait ClosableListener {
    /// Makes the system refuse new connections until [`open`](Self::open). The server does not accept in between.
    ///
    /// # Errors
    ///
    /// The server logs an error, and hangs up new connections.
    fn close(&mut self) -> io::Result<()>;

    /// Opens the listener if it is closed. The server has places for `room` connections, so at most `room` connections
    /// should wait in the kernel. The server calls this before each accept.
    ///
    /// # Errors
    ///
    /// The server logs an error, pauses, and tries again.
    fn open(&mut self, room: usize) -> io::Result<()>;
}

/// Accepts connections: TCP, TLS, Unix sockets, or any other stream of bytes.
///
/// A type of your own needs [`poll_accept`](Self::poll_accept) alone. The server drops the listener when it [shuts
/// down](crate::ServerHandle::shutdown).
///
/// A listener that contains a TCP listener of the adapter, such as one for TLS, should also return
/// [`closable`](Self::closable) of that listener. Then a server that is [full](crate::WhenFull) refuses connections.
/// Otherwise it hangs up.
pub trait Listener {
    /// A connection.
    type Stream;

    /// Accepts the next connection. Returns the stream and its peer.
    ///
    /// Returns as soon as there is a connection. Do slow work, such as a TLS handshake, in the stream: here
    /// it delays all other callers.
    ///
    /// # Errors
    ///
    /// The server logs an error and tries again. It pauses first, unless the error is about one connection
    /// only. An error does not end the server.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>>;

    /// Accepts a connection that already waits in the kernel. Pending if there is none. The server calls
    /// this at a shutdown until it is pending: such a connection is a call for its caller, and closing the
    /// listener would reset it.
    ///
    /// By default this is one [`poll_accept`](Self::poll_accept).
    ///
    /// # Errors
    ///
    /// The same as [`poll_accept`](Self::poll_accept).
    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(Self::Stream, Peer)>> {
        self.poll_accept(&mut Context::from_waker(Waker::noop()))
    }

    /// Returns the listener that can refuse connections: this one, or one that it contains. Default: `None`.
    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        None
    }

    /// Returns the address of this machine to which the peer of a TCP connection connected. Default: `None`.
    fn local_addr(stream: &Self::Stream) -> Option<SocketAddr> {
        let _ = stream;
        None
    }
}
