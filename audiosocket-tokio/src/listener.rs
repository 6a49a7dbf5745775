//! Listeners: TCP, and your own for TLS, Unix sockets or in-memory streams. You need this module only for the latter.
//!
//! [`Server::with_listener`](crate::Server::with_listener) serves the calls of any [`Listener`], with the same limits,
//! admission and shutdown as over TCP. A listener of your own is a type with one method:
//!
//! ```no_run
//! use audiosocket_tokio::Server;
//! use audiosocket_tokio::listener::Listener;
//! use audiosocket_tokio::Peer;
//! use std::io;
//! use std::task::{Context, Poll, ready};
//! use tokio::net::{UnixListener, UnixStream};
//!
//! struct Local(UnixListener);
//!
//! impl Listener for Local {
//!     type Stream = UnixStream;
//!
//!     fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Peer)>> {
//!         let (stream, _) = ready!(self.0.poll_accept(cx))?;
//!         Poll::Ready(Ok((stream, "local".into())))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> io::Result<()> {
//! let mut server = Server::with_listener(Local(UnixListener::bind("calls.sock")?)).await?;
//! while let Some(call) = server.accept().await {
//!     println!("{}", call.uuid());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! For TLS, run the handshake in the stream, with [`Handshake`]. A handshake in `poll_accept` would delay all other
//! callers. The examples `tls` and `unix` are whole servers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(all(feature = "handover", unix))]
use std::sync::Weak;
use std::task::{Context, Poll, ready};

use audiosocket_server::Peer;
use audiosocket_server::io::{
    HandshakeState, ListenBacklog, ListeningSocket, TcpOptions, UnregisteredStream,
    pending_if_would_block,
};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};

#[cfg(unix)]
pub use audiosocket_server::io::SocketFile;
pub use audiosocket_server::io::{ClosableListener, ListenAddr, ListenOptions, Listener};

/// A listening TCP socket. It sets the same options on each connection as [`Server::bind`](crate::Server::bind):
/// `TCP_NODELAY`, the send buffer and the keepalive.
#[derive(Debug)]
pub struct TcpListener {
    socket: Arc<std::net::TcpListener>,
    /// The same socket, which the runtime watches. `None` while it refuses connections.
    watched: Option<tokio::net::TcpListener>,
    backlog: ListenBacklog,
    options: TcpOptions,
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
        let ListeningSocket {
            socket, backlog, ..
        } = listening;
        Ok(Self {
            watched: Some(watch(&socket)?),
            socket: Arc::new(socket),
            backlog,
            options,
        })
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts a waiting connection directly from the kernel, since tokio may not have received the event for it.
    fn poll_std_waiting(&self) -> Poll<io::Result<(std::net::TcpStream, SocketAddr)>> {
        pending_if_would_block(self.options.accept(&*self.socket))
    }

    /// Returns the socket. It closes together with this listener.
    #[cfg(all(feature = "handover", unix))]
    pub(crate) fn socket(&self) -> Weak<std::net::TcpListener> {
        Arc::downgrade(&self.socket)
    }
}

fn watch(socket: &std::net::TcpListener) -> io::Result<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(socket.try_clone()?)
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, Peer)>> {
        let Some(watched) = &self.watched else {
            // The server does not poll a closed listener.
            return Poll::Pending;
        };
        loop {
            let (stream, peer) = ready!(watched.poll_accept(cx))?;
            if self.options.prepare(&SockRef::from(&stream), peer) {
                return Poll::Ready(Ok((stream, peer.into())));
            }
        }
    }

    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(TcpStream, Peer)>> {
        let (stream, peer) = ready!(self.poll_std_waiting())?;
        Poll::Ready(TcpStream::from_std(stream).map(|stream| (stream, peer.into())))
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.backlog.can_close().then_some(self as _)
    }

    fn local_addr(stream: &TcpStream) -> Option<SocketAddr> {
        stream.local_addr().ok()
    }
}

impl ClosableListener for TcpListener {
    fn close(&mut self) -> io::Result<()> {
        // tokio would report the closed socket as readable, and go on to do so after it is opened again.
        self.watched = None;
        self.backlog.close(&*self.socket)
    }

    fn open(&mut self, room: usize) -> io::Result<()> {
        self.backlog.open(&*self.socket, room)?;
        if self.watched.is_none() {
            self.watched = Some(watch(&self.socket)?);
        }
        Ok(())
    }
}

/// Accepts connections that another thread or a batch polls. The runtime does not watch them.
pub(crate) struct RawListener(pub(crate) TcpListener);

impl Listener for RawListener {
    type Stream = UnregisteredStream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(UnregisteredStream, Peer)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((stream.into_std()?.into(), peer)))
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
    Ok(lookup_host(name).await?.collect())
}

/// A stream that begins with a handshake, such as that of TLS. The first read or write runs the handshake.
///
/// The handshake is part of the time for the UUID ([`uuid_timeout`](crate::config::SessionConfig)). Until the UUID
/// arrives, the connection counts against [`max_pending`](crate::admission::Limits::max_pending).
///
/// ```ignore
/// type Stream = Handshake<tokio_rustls::Accept<TcpStream>, tokio_rustls::server::TlsStream<TcpStream>>;
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
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_stream(cx))?.poll_shutdown(cx)
    }
}
