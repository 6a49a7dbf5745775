//! Listeners: TCP, and your own for TLS, Unix sockets or in-memory streams. You need this module only for the latter.
//!
//! [`Server::with_listener`](crate::Server::with_listener) serves the calls of any [`Listener`], with the same limits,
//! admission and shutdown as over TCP. A listener of your own is a type with one method:
//!
//! ```no_run
//! use async_io::Async;
//! use audiosocket_smol::listener::Listener;
//! use audiosocket_smol::{Peer, Server};
//! use std::io;
//! use std::os::unix::net::{UnixListener, UnixStream};
//! use std::task::{Context, Poll, ready};
//!
//! struct Local(Async<UnixListener>);
//!
//! impl Listener for Local {
//!     type Stream = Async<UnixStream>;
//!
//!     fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
//!         loop {
//!             match self.0.get_ref().accept() {
//!                 Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
//!                     ready!(self.0.poll_readable(cx))?;
//!                 }
//!                 Err(error) => return Poll::Ready(Err(error)),
//!                 Ok((stream, _)) => {
//!                     return Poll::Ready(Ok((Async::new(stream)?, "local".into())));
//!                 }
//!             }
//!         }
//!     }
//! }
//!
//! # fn main() -> io::Result<()> { smol::block_on(async {
//! let listener = Local(Async::<UnixListener>::bind("calls.sock")?);
//! let mut server = Server::with_listener(listener).await?;
//! while let Some(call) = server.accept().await {
//!     println!("{}", call.uuid());
//! }
//! # Ok(())
//! # }) }
//! ```
//!
//! For TLS, run the handshake in the stream, with [`Handshake`]. A handshake in `poll_accept` would delay all other
//! callers. The examples `smol_tls` and `smol_unix` are whole servers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use audiosocket_server::Peer;
use audiosocket_server::io::{
    HandshakeState, ListenBacklog, ListeningSocket, TcpOptions, UnregisteredStream,
    pending_if_would_block,
};
use futures_io::{AsyncRead, AsyncWrite};

#[cfg(unix)]
pub use audiosocket_server::io::SocketFile;
pub use audiosocket_server::io::{ClosableListener, ListenAddr, ListenOptions, Listener};

pub use crate::runtime::SmolTcpStream;

/// A listening TCP socket. It sets the same options on each connection as [`Server::bind`](crate::Server::bind):
/// `TCP_NODELAY`, the send buffer and the keepalive.
#[derive(Debug)]
pub struct TcpListener {
    socket: Async<std::net::TcpListener>,
    backlog: ListenBacklog,
    options: TcpOptions,
    /// The last accept found no connection. Then the next accept waits for an event of the reactor: the listener is in
    /// one task with the calls, and is polled with each of their frames.
    emptied: bool,
}

impl TcpListener {
    /// Listens on the address, with the defaults of [`ServerBuilder`](crate::ServerBuilder). If the address is a name
    /// for several addresses, listens on the first one.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved, bound or listened on. The error names the address.
    pub async fn bind(addr: impl Into<ListenAddr>) -> io::Result<Self> {
        let options = ListenOptions::from(addr.into());
        let mut sockets = options.listen(resolve).await?;
        Self::new(sockets.listeners.remove(0), sockets.tcp)
    }

    pub(crate) fn new(listening: ListeningSocket, options: TcpOptions) -> io::Result<Self> {
        Ok(Self {
            socket: Async::new_nonblocking(listening.socket)?,
            backlog: listening.backlog,
            options,
            emptied: false,
        })
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get_ref().local_addr()
    }

    /// Accepts a connection, which the reactor does not watch.
    fn poll_std(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<StdAccepted>> {
        loop {
            if self.emptied {
                ready!(self.socket.poll_readable(cx))?;
            }
            let accepted = self.poll_std_waiting();
            self.emptied = accepted.is_pending();
            if !self.emptied {
                return accepted;
            }
        }
    }

    fn poll_std_waiting(&self) -> Poll<io::Result<StdAccepted>> {
        pending_if_would_block(self.options.accept(self.socket.get_ref()))
    }
}

type StdAccepted = (std::net::TcpStream, SocketAddr);

fn watched((stream, peer): StdAccepted) -> io::Result<(SmolTcpStream, Peer)> {
    Ok((
        SmolTcpStream::new(Async::new_nonblocking(stream)?),
        peer.into(),
    ))
}

impl Listener for TcpListener {
    type Stream = SmolTcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(SmolTcpStream, Peer)>> {
        self.poll_std(cx).map(|accepted| accepted.and_then(watched))
    }

    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(SmolTcpStream, Peer)>> {
        self.poll_std_waiting()
            .map(|accepted| accepted.and_then(watched))
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.backlog.can_close().then_some(self as _)
    }

    fn local_addr(stream: &SmolTcpStream) -> Option<SocketAddr> {
        stream.get_ref().local_addr().ok()
    }
}

impl ClosableListener for TcpListener {
    fn close(&mut self) -> io::Result<()> {
        // The close is an event, which is not a connection.
        self.emptied = false;
        self.backlog.close(self.socket.get_ref())
    }

    fn open(&mut self, room: usize) -> io::Result<()> {
        self.backlog.open(self.socket.get_ref(), room)
    }
}

/// Accepts connections that are polled in a batch. The reactor watches the listening socket only.
pub(crate) struct RawListener(pub(crate) TcpListener);

impl Listener for RawListener {
    type Stream = UnregisteredStream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(UnregisteredStream, Peer)>> {
        let (stream, peer) = ready!(self.0.poll_std(cx))?;
        Poll::Ready(Ok((stream.into(), peer.into())))
    }

    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(UnregisteredStream, Peer)>> {
        let (stream, peer) = ready!(self.0.poll_std_waiting())?;
        Poll::Ready(Ok((stream.into(), peer.into())))
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.0.closable()
    }

    fn local_addr(stream: &UnregisteredStream) -> Option<SocketAddr> {
        stream.local_addr()
    }
}

pub(crate) async fn resolve(name: String) -> io::Result<Vec<SocketAddr>> {
    use std::net::ToSocketAddrs;
    blocking::unblock(move || Ok(name.to_socket_addrs()?.collect())).await
}

/// A stream that begins with a handshake, such as that of TLS. The first read or write runs the handshake.
///
/// The handshake is part of the time for the UUID ([`uuid_timeout`](crate::config::SessionConfig)). Until the UUID
/// arrives, the connection counts against [`max_pending`](crate::admission::Limits::max_pending).
///
/// ```ignore
/// type Stream = Handshake<futures_rustls::Accept<SmolTcpStream>, futures_rustls::server::TlsStream<SmolTcpStream>>;
///
/// fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
///     let (tcp, peer) = ready!(self.tcp.poll_accept(cx))?;
///     Poll::Ready(Ok((Handshake::new(self.tls.accept(tcp)), peer)))
/// }
/// ```
#[derive(Debug)]
pub struct Handshake<F, S>(HandshakeState<F, S>);

impl<F, S> Handshake<F, S> {
    /// Makes a stream from a future that resolves to the stream. An error of the handshake ends the connection.
    pub fn new(handshake: F) -> Self
    where
        F: Future<Output = io::Result<S>>,
    {
        Self(HandshakeState::Pending(handshake))
    }
}

impl<F, S> AsyncRead for Handshake<F, S>
where
    F: Future<Output = io::Result<S>> + Unpin,
    S: AsyncRead + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.0.poll_stream(cx))?.poll_read(cx, buffer)
    }
}

impl<F, S> AsyncWrite for Handshake<F, S>
where
    F: Future<Output = io::Result<S>> + Unpin,
    S: AsyncWrite + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.0.poll_stream(cx))?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_stream(cx))?.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_stream(cx))?.poll_close(cx)
    }
}
