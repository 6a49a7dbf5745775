//! Listeners: TCP, and your own for TLS and Unix sockets. You need this module only for the latter.
//!
//! [`Server::with_listener`](crate::Server::with_listener) serves the calls of any [`Listener`], with the same limits,
//! admission and shutdown as over TCP. A listener of your own is a non-blocking descriptor with one method:
//!
//! ```no_run
//! use audiosocket_blocking::listener::Listener;
//! use audiosocket_blocking::{Peer, Server};
//! use std::io;
//! use std::os::fd::{AsFd, BorrowedFd};
//! use std::os::unix::net::{UnixListener, UnixStream};
//!
//! struct Local(UnixListener);
//!
//! impl AsFd for Local {
//!     fn as_fd(&self) -> BorrowedFd<'_> {
//!         self.0.as_fd()
//!     }
//! }
//!
//! impl Listener for Local {
//!     type Stream = UnixStream;
//!
//!     fn accept(&mut self) -> io::Result<(UnixStream, Peer)> {
//!         let (stream, _) = self.0.accept()?;
//!         Ok((stream, "local".into()))
//!     }
//! }
//!
//! # fn main() -> io::Result<()> {
//! let listener = UnixListener::bind("calls.sock")?;
//! listener.set_nonblocking(true)?;
//! let mut server = Server::with_listener(Local(listener))?;
//! while let Some(call) = server.accept() {
//!     println!("{}", call.uuid());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! For TLS, run the handshake in the stream. A handshake in `accept` would delay all other callers. The examples
//! `blocking_tls` and `blocking_unix` are whole servers.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use audiosocket_server::Peer;
use audiosocket_server::io::{ListenBacklog, ListeningSocket, TcpOptions};

use crate::Duplex;

pub use audiosocket_server::io::{ClosableListener, ListenAddr, ListenOptions, SocketFile};

/// Accepts connections: TCP, TLS, Unix sockets. Its descriptor is readable when a connection waits.
///
/// The server drops the listener when it [shuts down](crate::ServerHandle::shutdown). This must close the socket.
pub trait Listener: AsFd + Send + 'static {
    /// The connections of this listener.
    type Stream: Duplex;

    /// Accepts the next connection, and returns it with its peer. Must not block.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if no connection waits. The server logs other errors and tries again. If the error is not about one
    /// connection only, the server pauses first. An error does not end the server.
    fn accept(&mut self) -> io::Result<(Self::Stream, Peer)>;

    /// Returns the listener that can refuse connections: this one, or a [`TcpListener`] that it contains. Default: `None`.
    /// With it, a server that is [full](crate::admission::WhenFull) refuses connections. Otherwise it hangs up.
    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        None
    }

    /// Returns the address of this machine that the peer of a TCP connection connected to. Default: `None`.
    fn local_addr(stream: &Self::Stream) -> Option<SocketAddr> {
        let _ = stream;
        None
    }
}

/// A listening TCP socket. It sets the same options on each connection as [`Server::bind`](crate::Server::bind):
/// `TCP_NODELAY`, the send buffer and the keepalive.
#[derive(Debug)]
pub struct TcpListener {
    socket: std::net::TcpListener,
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
    pub fn bind(addr: impl Into<ListenAddr>) -> io::Result<Self> {
        let mut sockets = ListenOptions::from(addr.into()).listen_blocking()?;
        Ok(Self::new(sockets.listeners.remove(0), sockets.tcp))
    }

    /// Takes over a non-blocking socket.
    pub(crate) fn new(listening: ListeningSocket, options: TcpOptions) -> Self {
        Self {
            socket: listening.socket,
            backlog: listening.backlog,
            options,
        }
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl ClosableListener for TcpListener {
    fn close(&mut self) -> io::Result<()> {
        self.backlog.close(&self.socket)
    }

    fn open(&mut self, room: usize) -> io::Result<()> {
        self.backlog.open(&self.socket, room)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&mut self) -> io::Result<(TcpStream, Peer)> {
        let (stream, peer) = self.options.accept(&self.socket)?;
        Ok((stream, peer.into()))
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.backlog.can_close().then_some(self as _)
    }

    fn local_addr(stream: &TcpStream) -> Option<SocketAddr> {
        stream.local_addr().ok()
    }
}
