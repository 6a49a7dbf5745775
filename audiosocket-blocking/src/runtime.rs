use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use audiosocket_server::io::{
    self as server_io, Connection, Timer, pending_if_would_block, release_read_buffer,
};
use audiosocket_server::{Acceptor, Peer};
use rustix::io::ioctl_fionbio;

use crate::Duplex;
use crate::listener::{ClosableListener, Listener};
use crate::read_ahead_stream::ReadAheadStream;
use crate::thread_waker::ThreadWaker;

/// A timer by the system's clock. It does not wake: the thread waits no longer than the deadline.
pub(crate) struct ThreadTimer(Instant);

impl Timer for ThreadTimer {
    fn now() -> Instant {
        Instant::now()
    }

    fn at(deadline: Instant) -> Self {
        Self(deadline)
    }

    fn set(&mut self, deadline: Instant) {
        self.0 = deadline;
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if Self::now() < self.0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

/// A listener whose connections are served on a thread each. The server's thread waits for it.
pub(crate) struct BlockingListener<L> {
    listener: L,
    max_unread: usize,
    /// The waker of the next connection. It is made before the accept: without a descriptor for the waker, the
    /// connection waits in the kernel.
    waker: Option<Arc<ThreadWaker>>,
}

impl<L: Listener> BlockingListener<L> {
    pub(crate) fn new(listener: L, max_unread: usize) -> Self {
        Self {
            listener,
            max_unread,
            waker: None,
        }
    }
}

impl<L: Listener> server_io::Listener for BlockingListener<L> {
    type Stream = ReadAheadStream<L::Stream>;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        if self.waker.is_none() {
            self.waker = Some(ThreadWaker::new()?);
        }
        let (stream, peer) = ready!(pending_if_would_block(self.listener.accept()))?;
        ioctl_fionbio(&stream, true)?;
        let waker = self.waker.take().map_or_else(ThreadWaker::new, Ok)?;
        let stream = ReadAheadStream::new(stream, waker, self.max_unread);
        Poll::Ready(Ok((stream, peer)))
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.listener.closable()
    }

    fn local_addr(stream: &Self::Stream) -> Option<SocketAddr> {
        stream.with(L::local_addr)
    }
}

impl<L: AsFd> AsFd for BlockingListener<L> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// Polls a connection on this thread until it is closed.
pub(crate) fn drive<S, A>(connection: &mut Connection<ReadAheadStream<S>, ThreadTimer, A>)
where
    S: Duplex,
    A: Acceptor,
{
    let waker = connection.stream_mut().waker();
    let mut cx = Context::from_waker(&waker);
    while Pin::new(&mut *connection).poll(&mut cx).is_pending() {
        let deadline = connection.deadline();
        release_read_buffer();
        connection.stream_mut().wait(deadline);
    }
}
