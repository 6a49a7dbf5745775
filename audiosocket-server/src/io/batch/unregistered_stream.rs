//! A stream and a timer that no runtime watches.

use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll};
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;

use crate::io::runtime::{Stream, Timer};
use crate::io::{pending_if_would_block, send_frames, tcp_retransmissions};

/// A TCP connection that no runtime watches. A [`BatchPoller`](crate::io::BatchPoller) polls it for events.
///
/// After a read that did not fill its buffer, the socket is empty. Then it reads again only after the next event.
#[derive(Debug)]
pub struct UnregisteredStream {
    socket: TcpStream,
    readable: bool,
    writable: bool,
    /// The peer has closed, or the connection has failed. No further event comes for the end of the stream.
    closed: bool,
}

impl UnregisteredStream {
    /// Returns the address of this machine that the peer connected to.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    pub(crate) fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(crate) fn set_ready(&mut self, event: &Event) {
        let closed = event.is_read_closed() || event.is_write_closed() || event.is_error();
        self.readable |= event.is_readable() || closed;
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        self.closed |= closed;
    }
}

/// The stream must be non-blocking.
impl From<std::net::TcpStream> for UnregisteredStream {
    fn from(socket: std::net::TcpStream) -> Self {
        Self {
            socket: TcpStream::from_std(socket),
            readable: false,
            writable: true,
            closed: false,
        }
    }
}

impl From<UnregisteredStream> for std::net::TcpStream {
    fn from(stream: UnregisteredStream) -> Self {
        stream.socket.into()
    }
}

impl Stream for UnregisteredStream {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.readable {
            return Poll::Pending;
        }
        let Poll::Ready(result) = pending_if_would_block(self.socket.read(buffer)) else {
            self.readable = false;
            return Poll::Pending;
        };
        self.readable = self.closed || !matches!(result, Ok(len) if len < buffer.len());
        Poll::Ready(result)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.writable {
            return Poll::Pending;
        }
        let written = pending_if_would_block(self.socket.write(bytes));
        self.writable = written.is_ready();
        written
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }

    fn send_frames(&mut self, frames: &[u8]) -> Option<io::Result<usize>> {
        send_frames(&self.socket, frames)
    }

    fn retransmissions(&self) -> Option<u32> {
        tcp_retransmissions(&self.socket)
    }
}

/// A timer on the clock of `T` that does not wake its task. The [`BatchPoller`](crate::io::BatchPoller) checks the
/// deadlines.
pub struct UnregisteredTimer<T> {
    deadline: Instant,
    clock: PhantomData<fn() -> T>,
}

impl<T: Timer> Timer for UnregisteredTimer<T> {
    fn now() -> Instant {
        T::now()
    }

    fn at(deadline: Instant) -> Self {
        Self {
            deadline,
            clock: PhantomData,
        }
    }

    fn set(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if T::now() < self.deadline {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}
