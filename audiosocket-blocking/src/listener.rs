//! Listeners: TCP, and those of your own for TLS and Unix sockets.
//!
//! [`Server::with_listener`](crate::Server::with_listener) serves the calls of any [`Listener`], with the
//! same limits, admission and shutdown as over TCP. A listener of your own is a non-blocking descriptor with
//! one method:
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
//! For TLS, the handshake belongs in the stream, where it keeps no other caller waiting. The examples
//! `blocking_tls` and `blocking_unix` are whole servers.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use audiosocket_server::Peer;
use audiosocket_server::io::TcpOptions;

use crate::Duplex;

pub use audiosocket_server::io::{ListenAddr, ListenOptions, SocketFile};

/// Accepts connections: TCP, TLS, Unix sockets. The server closes the listener by dropping it, when it [shuts
/// down](crate::ServerHandle::shutdown).
///
/// Its descriptor is readable when a connection waits.
pub trait Listener: AsFd + Send + 'static {
    /// A connection.
    type Stream: Duplex;

    /// Accepts the next connection, and says who is at its other end. Does not wait.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if no connection waits. The server logs any other error and tries again, after a pause if
    /// the error is not of one connection only. An error does not end the server.
    fn accept(&mut self) -> io::Result<(Self::Stream, Peer)>;

    /// The address of this machine at which a connection came in, if it came by TCP. Default: `None`.
    fn local_addr(stream: &Self::Stream) -> Option<SocketAddr> {
        let _ = stream;
        None
    }
}

/// A listening TCP socket. It sets up each connection as [`Server::bind`](crate::Server::bind) does:
/// `TCP_NODELAY`, the send buffer and the keepalive.
#[derive(Debug)]
pub struct TcpListener {
    socket: std::net::TcpListener,
    options: TcpOptions,
}

impl TcpListener {
    /// Listens on the address, with the defaults of [`ServerBuilder`](crate::ServerBuilder); on the first
    /// one, if it is a name that stands for several.
    ///
    /// # Errors
    ///
    /// Those of resolving, binding and listening. They name the address.
    pub fn bind(addr: impl Into<ListenAddr>) -> io::Result<Self> {
        let mut sockets = ListenOptions::from(addr.into()).listen_blocking()?;
        Ok(Self::new(sockets.listeners.remove(0), sockets.tcp))
    }

    /// Takes over a non-blocking socket.
    pub(crate) fn new(socket: std::net::TcpListener, options: TcpOptions) -> Self {
        Self { socket, options }
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&mut self) -> io::Result<(TcpStream, Peer)> {
        let (stream, peer) = self.options.accept(&self.socket)?;
        Ok((stream, peer.into()))
    }

    fn local_addr(stream: &TcpStream) -> Option<SocketAddr> {
        stream.local_addr().ok()
    }
}
