use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use audiosocket_server::io::{Listener, Stream};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

/// Any stream of `futures-io`.
pub(crate) struct AnyStream<S>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for AnyStream<S> {
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
}

/// A TCP connection that is not asked for what it is known not to have: [`Async`]'s own
/// `AsyncRead` would read once more after each read, to meet `WouldBlock`.
pub(crate) struct Connection {
    socket: Async<TcpStream>,
    /// The kernel had less than was asked for, so it has nothing until it says so.
    emptied: bool,
}

impl Connection {
    fn new(socket: Async<TcpStream>) -> Self {
        Self {
            socket,
            emptied: false,
        }
    }

    /// Takes it from the reactor.
    pub(crate) fn release(self) -> io::Result<TcpStream> {
        self.socket.into_inner()
    }
}

impl Stream for Connection {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.emptied {
            let result = self.socket.get_ref().read(buffer);
            let would_block = is_would_block(&result);
            self.emptied = would_block || matches!(result, Ok(len) if len < buffer.len());
            if !would_block {
                return Poll::Ready(result);
            }
        }
        // What it is ready by has been read. After this it is waited for, and whoever is woken
        // reads: to ask for the reason would often mean to wait a second time, since the reactor
        // does not tell it of an event that it was waiting for when it was asked.
        while self.socket.poll_readable(cx)?.is_ready() {}
        self.emptied = false;
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let result = self.socket.get_ref().write(bytes);
            if !is_would_block(&result) {
                return Poll::Ready(result);
            }
            ready!(self.socket.poll_writable(cx))?;
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

/// A listening socket that is asked only once the kernel has said that a connection waits: it
/// shares its task with the calls, and so is polled with each of their frames.
pub(crate) struct SmolListener {
    socket: Async<TcpListener>,
    /// Nothing waits until the kernel says so.
    emptied: bool,
}

impl SmolListener {
    pub(crate) fn new(socket: TcpListener) -> io::Result<Self> {
        Ok(Self {
            socket: Async::new_nonblocking(socket)?,
            emptied: false,
        })
    }
}

impl Listener for SmolListener {
    type Stream = Connection;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Connection, SocketAddr)>> {
        loop {
            if self.emptied {
                ready!(self.socket.poll_readable(cx))?;
            }
            let result = self.socket.get_ref().accept();
            self.emptied = is_would_block(&result);
            if !self.emptied {
                let (connection, peer) = result?;
                let socket = Async::new(connection)?;
                return Poll::Ready(Ok((Connection::new(socket), peer)));
            }
        }
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.socket)
    }

    fn adopt(&mut self, connection: TcpStream) -> io::Result<Connection> {
        Ok(Connection::new(Async::new_nonblocking(connection)?))
    }

    fn configure(
        connection: &Connection,
        apply: impl FnOnce(&SockRef<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        apply(&SockRef::from(&connection.socket))
    }
}

fn is_would_block<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Reads at most `N` bytes.
    fn poll_read<const N: usize>(
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Vec<u8>>> {
        let mut buffer = [0; N];
        let read = ready!(connection.poll_read(cx, &mut buffer));
        Poll::Ready(read.map(|len| buffer[..len].to_vec()))
    }

    fn connected() -> (TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        (peer, Connection::new(Async::new(socket).unwrap()))
    }

    /// A read that had less than it asked for is not followed by another until the reactor has
    /// told of something new, though here that other would even have found it.
    #[test]
    fn after_a_short_read_it_waits() {
        let (mut peer, mut connection) = connected();
        peer.write_all(b"one").unwrap();
        async_io::block_on(async {
            let one = poll_fn(|cx| poll_read::<64>(&mut connection, cx)).await;
            assert_eq!(one.unwrap(), b"one");

            peer.write_all(b"two").unwrap();
            connection.socket.get_ref().peek(&mut [0]).unwrap();
            let mut looked = false;
            let two = poll_fn(|cx| {
                let read = poll_read::<64>(&mut connection, cx);
                assert!(looked || read.is_pending());
                looked = true;
                read
            });
            assert_eq!(two.await.unwrap(), b"two");
        });
    }

    #[test]
    fn after_a_full_read_it_reads_on() {
        let (mut peer, mut connection) = connected();
        peer.write_all(b"onetwo").unwrap();
        async_io::block_on(async {
            let one = poll_fn(|cx| poll_read::<3>(&mut connection, cx)).await;
            assert_eq!(one.unwrap(), b"one");
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let Poll::Ready(two) = poll_read::<64>(&mut connection, &mut cx) else {
                panic!("what is there was not read");
            };
            assert_eq!(two.unwrap(), b"two");
        });
    }
}
