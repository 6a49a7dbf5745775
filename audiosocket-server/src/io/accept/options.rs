use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::Poll;

use crate::Admission;
use audiosocket_proto::SessionConfig;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::io::{Keepalive, ListenAddr, ListenBacklog};

const BACKLOG: i32 = 1024;

const SEND_BUFFER: usize = 128 * 1024;

/// The settings of the `ServerBuilder` of each adapter, for all servers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The checks that decide which connections the server admits.
    pub admission: Admission,
    /// Deadlines and limits of each call.
    pub session: SessionConfig,
    /// Whether the log has a warning while a handler blocks its thread.
    pub blocked_handler_warning: bool,
    /// The maximum number of bytes of events that wait for `next` on one call. `None` for the default.
    pub event_queue: Option<usize>,
    /// The maximum number of calls that wait for `accept`. `None` for the default.
    pub accept_queue: Option<usize>,
    /// The certificates of a server for TLS. `None` for plain TCP.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::io::TlsConfig>,
}

impl ServerConfig {
    /// Returns an acceptor that queues calls, and the receiver of the queue.
    pub fn incoming(&self) -> (crate::Incoming, crate::IncomingCalls) {
        let (mut acceptor, calls) = crate::incoming();
        if let Some(bytes) = self.event_queue {
            acceptor = acceptor.event_queue(bytes);
        }
        if let Some(count) = self.accept_queue {
            acceptor = acceptor.accept_queue(count);
        }
        (acceptor, calls)
    }
}

/// The options of each TCP connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TcpOptions {
    /// The settings with which the kernel finds dead peers. `None` keeps the settings of the system.
    pub keepalive: Option<Keepalive>,
    /// The size of the send buffer in the kernel, in bytes. `None` keeps the setting of the system.
    pub send_buffer: Option<usize>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            keepalive: Some(Keepalive::default()),
            send_buffer: Some(SEND_BUFFER),
        }
    }
}

impl TcpOptions {
    /// Sets the options of a connection: `TCP_NODELAY`, the send buffer and the keepalive. `TCP_NODELAY` is
    /// needed because Asterisk ends a call if a payload arrives late after its header.
    ///
    /// # Errors
    ///
    /// The error of the system. Usually the connection is closed already.
    pub fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        self.bound(socket)
    }

    /// Does the same as [`apply`](Self::apply), for a connection from `peer`. Logs an error and returns false.
    pub fn prepare(&self, socket: &SockRef<'_>, peer: SocketAddr) -> bool {
        let prepared = self.apply(socket);
        if let Err(error) = &prepared {
            tracing::debug!(%peer, %error, "a connection was closed before it was served");
        }
        prepared.is_ok()
    }

    /// Accepts a connection from a listening socket, sets its options, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// The error of `accept(2)`. `WouldBlock` if the socket is non-blocking and no connection waits.
    pub fn accept<'a>(
        &self,
        listener: impl Into<SockRef<'a>>,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let listener = listener.into();
        loop {
            let (socket, peer) = listener.accept()?;
            let peer = peer.as_socket().ok_or(io::ErrorKind::Unsupported)?;
            socket.set_nonblocking(true)?;
            if self.prepare(&SockRef::from(&socket), peer) {
                return Ok((socket.into(), peer));
            }
        }
    }

    /// Limits the memory and the time for a peer that does not read or is dead.
    fn bound(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        self.keepalive
            .map_or(Ok(()), |keepalive| keepalive.apply(socket))
    }
}

/// Returns pending for `WouldBlock`, and ready for every other result.
///
/// # Errors
///
/// All other errors of `result`.
pub fn pending_if_would_block<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// The TCP sockets that a server listens on, and the options of their connections.
///
/// ```
/// use audiosocket_server::io::ListenOptions;
///
/// let mut options = ListenOptions::default();
/// options.addrs = vec!["127.0.0.1:0".into(), "[::1]:0".into()];
/// options.backlog = 256;
/// let sockets = options.listen_blocking()?;
/// assert_eq!(sockets.local_addrs.len(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ListenOptions {
    /// The addresses to bind.
    pub addrs: Vec<ListenAddr>,
    /// Sockets that are bound and listen already.
    pub listeners: Vec<TcpListener>,
    /// Listening sockets of a process that this one replaces.
    pub taken: Vec<TcpListener>,
    /// The maximum number of connections that wait in the kernel.
    pub backlog: i32,
    /// Whether other sockets may listen on the same addresses (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// The options of each connection.
    pub tcp: TcpOptions,
}

impl Default for ListenOptions {
    /// No address.
    fn default() -> Self {
        Self {
            addrs: Vec::new(),
            listeners: Vec::new(),
            taken: Vec::new(),
            backlog: BACKLOG,
            reuse_port: false,
            tcp: TcpOptions::default(),
        }
    }
}

impl From<ListenAddr> for ListenOptions {
    fn from(addr: ListenAddr) -> Self {
        Self {
            addrs: vec![addr],
            ..Self::default()
        }
    }
}

impl ListenOptions {
    /// Opens the sockets, non-blocking. `resolve` returns the addresses of a `name:port`.
    ///
    /// # Errors
    ///
    /// - An address that cannot be resolved, bound or listened on. The error names the address.
    /// - `InvalidInput` without an address and a socket.
    /// - The error of the system for a [`Keepalive`] or a send buffer that it refuses.
    pub async fn listen<R>(self, resolve: impl Fn(String) -> R) -> io::Result<BoundSockets>
    where
        R: Future<Output = io::Result<Vec<SocketAddr>>>,
    {
        let shared = self.listeners.into_iter().map(|socket| ListeningSocket {
            socket,
            backlog: ListenBacklog::of_shared_socket(),
        });
        let mut listeners: Vec<_> = shared.collect();
        for socket in self.taken {
            let backlog = ListenBacklog::of_taken_socket(self.backlog, socket.local_addr()?);
            listeners.push(ListeningSocket { socket, backlog });
        }
        for addr in self.addrs {
            let resolved = match addr.socket_addr() {
                Some(addr) => vec![addr],
                None => resolve(addr.to_string())
                    .await
                    .map_err(|error| addr.error(&error))?,
            };
            for addr in resolved {
                let opened = open(addr, self.backlog, self.reuse_port);
                listeners.push(ListeningSocket {
                    socket: opened.map_err(|error| ListenAddr::from(addr).error(&error))?,
                    backlog: ListenBacklog::of_own_socket(self.backlog),
                });
            }
        }
        if listeners.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no address to listen on: add one with `bind`",
            ));
        }
        let mut local_addrs = Vec::with_capacity(listeners.len());
        for ListeningSocket {
            socket: listener, ..
        } in &listeners
        {
            listener.set_nonblocking(true)?;
            local_addrs.push(listener.local_addr()?);
            // If the system refuses an option, this is an error now, and not an error of each connection.
            self.tcp.bound(&SockRef::from(listener))?;
        }
        Ok(BoundSockets {
            listeners,
            local_addrs,
            tcp: self.tcp,
        })
    }

    /// Opens the sockets, non-blocking. Blocks the thread while it resolves host names.
    ///
    /// # Errors
    ///
    /// The same as [`listen`](Self::listen).
    pub fn listen_blocking(self) -> io::Result<BoundSockets> {
        use std::net::ToSocketAddrs;
        let resolve = |name: String| {
            let addrs = name.to_socket_addrs();
            std::future::ready(addrs.map(Iterator::collect))
        };
        crate::block_on::block_on(self.listen(resolve))
    }
}

/// The sockets that a server listens on.
#[derive(Debug)]
#[non_exhaustive]
pub struct BoundSockets {
    /// The sockets, non-blocking. At least one.
    pub listeners: Vec<ListeningSocket>,
    /// The addresses of the sockets, in the same order. Port 0 is replaced by the port that the system chose.
    pub local_addrs: Vec<SocketAddr>,
    /// The options of each connection.
    pub tcp: TcpOptions,
}

/// A listening TCP socket and its backlog.
#[derive(Debug)]
#[non_exhaustive]
pub struct ListeningSocket {
    /// The socket, non-blocking.
    pub socket: TcpListener,
    /// Closes the socket for new connections, and opens it again.
    pub backlog: ListenBacklog,
}

fn open(addr: SocketAddr, backlog: i32, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A server can then restart while connections of the old one are in TIME_WAIT. On Windows the option has
    // another meaning.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    if reuse_port {
        set_reuse_port(&socket)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(unix)]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn set_reuse_port(_socket: &Socket) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no SO_REUSEPORT: leave `reuse_port` off",
    ))
}
