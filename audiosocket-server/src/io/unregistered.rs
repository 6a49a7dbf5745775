//! What is driven without a runtime: sockets that none watches, and timers that do not wake.

use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use socket2::SockRef;

use crate::io::runtime::{Listener, Stream, Timer};

/// A non-blocking TCP connection that no runtime watches. Whoever polls it learns elsewhere when it is
/// ready.
///
/// It does not read what is known not to be there: a read that came short has emptied the socket.
#[derive(Debug)]
pub struct UnregisteredStream {
    socket: TcpStream,
    readable: bool,
    writable: bool,
    /// The peer has closed, or the connection has failed: what is behind the last byte comes without
    /// another word.
    over: bool,
}

/// What became of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) over: bool,
}

impl UnregisteredStream {
    fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            readable: false,
            writable: true,
            over: false,
        }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn became(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.writable |= readiness.writable;
        self.over |= readiness.over;
    }
}

impl From<UnregisteredStream> for TcpStream {
    fn from(stream: UnregisteredStream) -> Self {
        stream.socket
    }
}

impl Stream for UnregisteredStream {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.readable {
            return Poll::Pending;
        }
        let result = self.socket.read(buffer);
        if is_would_block(&result) {
            self.readable = false;
            return Poll::Pending;
        }
        self.readable = self.over || !matches!(result, Ok(len) if len < buffer.len());
        Poll::Ready(result)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.writable {
            return Poll::Pending;
        }
        let result = self.socket.write(bytes);
        if is_would_block(&result) {
            self.writable = false;
            return Poll::Pending;
        }
        Poll::Ready(result)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }
}

fn is_would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// A listener of a runtime's whose connections the runtime does not watch.
pub struct UnregisteredListener<L: Listener> {
    listener: L,
    release: fn(L::Stream) -> io::Result<TcpStream>,
}

impl<L: Listener> UnregisteredListener<L> {
    pub(crate) fn new(listener: L, release: fn(L::Stream) -> io::Result<TcpStream>) -> Self {
        Self { listener, release }
    }
}

impl<L: Listener> Listener for UnregisteredListener<L> {
    type Stream = UnregisteredStream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(UnregisteredStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.listener.poll_accept(cx))?;
        let released = (self.release)(stream);
        Poll::Ready(released.map(|socket| (UnregisteredStream::new(socket), peer)))
    }

    fn socket(&self) -> SockRef<'_> {
        self.listener.socket()
    }

    fn adopt(&mut self, connection: TcpStream) -> io::Result<UnregisteredStream> {
        Ok(UnregisteredStream::new(connection))
    }

    fn configure(
        connection: &UnregisteredStream,
        apply: impl FnOnce(&SockRef<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        apply(&SockRef::from(&connection.socket))
    }
}

/// The clock of `T`, with timers that do not wake: whoever waits sees to it that a deadline is noticed.
pub(crate) struct UnregisteredTimer<T> {
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
