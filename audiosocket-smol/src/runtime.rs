use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use audiosocket_server::Peer;
use audiosocket_server::io::{
    ClosableListener, Listener, Stream, pending_if_would_block, send_frames, tcp_retransmissions,
};
use futures_io::{AsyncRead, AsyncWrite};

/// A stream of `futures-io`.
pub(crate) struct FuturesStream<S>(pub(crate) S);

impl<S: 'static> FuturesStream<S> {
    fn tcp(&self) -> Option<&TcpStream> {
        let stream = (&self.0 as &dyn Any).downcast_ref::<SmolTcpStream>()?;
        Some(stream.get_ref())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Stream for FuturesStream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }

    fn send_frames(&mut self, frames: &[u8]) -> Option<io::Result<usize>> {
        send_frames(self.tcp()?, frames)
    }

    fn retransmissions(&self) -> Option<u32> {
        tcp_retransmissions(self.tcp()?)
    }
}

/// A listener whose streams are those of `futures-io`.
pub(crate) struct FuturesListener<L>(pub(crate) L);

impl<L> Listener for FuturesListener<L>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + 'static>,
{
    type Stream = FuturesStream<L::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((FuturesStream(stream), peer)))
    }

    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, peer) = ready!(self.0.poll_accept_waiting())?;
        Poll::Ready(Ok((FuturesStream(stream), peer)))
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.0.closable()
    }

    fn local_addr(stream: &Self::Stream) -> Option<SocketAddr> {
        L::local_addr(&stream.0)
    }
}

/// A TCP connection that does not read again after a short read. [`Async`] reads again after each read,
/// until `WouldBlock`.
#[derive(Debug)]
pub struct SmolTcpStream {
    socket: Async<TcpStream>,
    /// The last read was short, so no bytes are left until the next event of the kernel.
    emptied: bool,
}

impl SmolTcpStream {
    pub(crate) fn new(socket: Async<TcpStream>) -> Self {
        Self {
            socket,
            emptied: false,
        }
    }

    /// The socket.
    #[must_use]
    pub fn get_ref(&self) -> &TcpStream {
        self.socket.get_ref()
    }
}

impl AsyncRead for SmolTcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !self.emptied {
            let read = pending_if_would_block(self.socket.get_ref().read(buffer));
            self.emptied = !matches!(read, Poll::Ready(Err(_)))
                && !matches!(read, Poll::Ready(Ok(len)) if len == buffer.len());
            if read.is_ready() {
                return read;
            }
        }
        // The bytes of earlier events are read. The stream waits for the next event, and then reads without a
        // check. The reactor does not report an event for which it waited at that moment, so a check would
        // often wait a second time.
        while self.socket.poll_readable(cx)?.is_ready() {}
        self.emptied = false;
        Poll::Pending
    }
}

impl AsyncWrite for SmolTcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let written = pending_if_would_block(self.socket.get_ref().write(bytes));
            if written.is_ready() {
                return written;
            }
            ready!(self.socket.poll_writable(cx))?;
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::TcpListener;

    use super::*;

    /// Reads at most `N` bytes.
    fn poll_read<const N: usize>(
        stream: &mut SmolTcpStream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Vec<u8>>> {
        let mut buffer = [0; N];
        let read = ready!(Pin::new(stream).poll_read(cx, &mut buffer));
        Poll::Ready(read.map(|len| buffer[..len].to_vec()))
    }

    fn connected() -> (TcpStream, SmolTcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        (peer, SmolTcpStream::new(Async::new(socket).unwrap()))
    }

    /// After a short read, the stream reads again only after an event of the reactor, although more bytes
    /// have come here.
    #[test]
    fn a_short_read_is_followed_by_waiting() {
        let (mut peer, mut stream) = connected();
        peer.write_all(b"one").unwrap();
        async_io::block_on(async {
            let one = poll_fn(|cx| poll_read::<64>(&mut stream, cx)).await;
            assert_eq!(one.unwrap(), b"one");

            peer.write_all(b"two").unwrap();
            stream.socket.get_ref().peek(&mut [0]).unwrap();
            let mut looked = false;
            let two = poll_fn(|cx| {
                let read = poll_read::<64>(&mut stream, cx);
                assert!(looked || read.is_pending());
                looked = true;
                read
            });
            assert_eq!(two.await.unwrap(), b"two");
        });
    }

    #[test]
    fn a_full_read_is_followed_by_a_read() {
        let (mut peer, mut stream) = connected();
        peer.write_all(b"onetwo").unwrap();
        async_io::block_on(async {
            let one = poll_fn(|cx| poll_read::<3>(&mut stream, cx)).await;
            assert_eq!(one.unwrap(), b"one");
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let Poll::Ready(two) = poll_read::<64>(&mut stream, &mut cx) else {
                panic!("nothing was read");
            };
            assert_eq!(two.unwrap(), b"two");
        });
    }
}
