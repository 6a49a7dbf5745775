use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::task::Poll;

use crate::Admission;
use audiosocket_proto::SessionConfig;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::io::{Keepalive, ListenAddr};

const BACKLOG: i32 = 1024;

const SEND_BUFFER: usize = 128 * 1024;

/// What the `ServerBuilder` of every adapter collects, whatever it listens on.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Which connections to take.
    pub admission: Admission,
    /// Deadlines and bounds of each call.
    pub session: SessionConfig,
    /// Whether to log a warning while a handler blocks its thread.
    pub blocked_handler_warning: bool,
    /// How many bytes may wait for `next`; `None` for the default.
    pub event_queue: Option<usize>,
    /// How many calls may wait for `accept`; `None` for the default.
    pub accept_queue: Option<usize>,
}

impl ServerConfig {
    /// An acceptor that queues calls, and the queue's other end.
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
    /// How the kernel finds dead peers; `None` leaves that to the system.
    pub keepalive: Option<Keepalive>,
    /// How many bytes the kernel takes for a peer that does not read; `None` leaves that to the system.
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
    /// Sets up an accepted connection: `TCP_NODELAY`, since Asterisk gives up when a payload follows its
    /// header late, the send buffer, and the keepalive.
    ///
    /// # Errors
    ///
    /// Those of the system; most likely the connection is gone.
    pub fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        self.bound(socket)
    }

    /// Like [`apply`](Self::apply), for a connection from `peer`. Returns false if the connection is
    /// gone, and logs it.
    pub fn prepare(&self, socket: &SockRef<'_>, peer: SocketAddr) -> bool {
        let prepared = self.apply(socket);
        if let Err(error) = &prepared {
            tracing::debug!(%peer, %error, "a connection was closed before it was served");
        }
        prepared.is_ok()
    }

    /// Accepts a connection from a listening socket and sets it up, non-blocking.
    ///
    /// # Errors
    ///
    /// Those of `accept(2)`; `WouldBlock` if the socket is non-blocking and no connection waits.
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

    /// Limits what a peer costs that does not read, or is dead.
    fn bound(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        self.keepalive
            .map_or(Ok(()), |keepalive| keepalive.apply(socket))
    }
}

/// Turns `WouldBlock` into pending.
///
/// # Errors
///
/// Every other error of `result`.
pub fn pending_if_would_block<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// Which TCP sockets a server listens on, and how it treats their connections.
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
    /// How many connections the kernel may hold that have not been accepted.
    pub backlog: i32,
    /// Whether other sockets may listen on the same addresses.
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
    /// Opens the sockets, non-blocking. `resolve` looks a name with its port up.
    ///
    /// # Errors
    ///
    /// Those of resolving, binding and listening, each with the address; `InvalidInput` if there is
    /// nothing to listen on; what the system says of a [`Keepalive`] or a send buffer that it does not
    /// take.
    pub async fn listen<R>(self, resolve: impl Fn(String) -> R) -> io::Result<BoundSockets>
    where
        R: Future<Output = io::Result<Vec<SocketAddr>>>,
    {
        let mut listeners = self.listeners;
        for addr in self.addrs {
            let resolved = match addr.socket_addr() {
                Some(addr) => vec![addr],
                None => resolve(addr.to_string())
                    .await
                    .map_err(|error| addr.error(&error))?,
            };
            for addr in resolved {
                let opened = open(addr, self.backlog, self.reuse_port);
                listeners.push(opened.map_err(|error| ListenAddr::from(addr).error(&error))?);
            }
        }
        if listeners.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "no address to listen on",
            ));
        }
        let mut local_addrs = Vec::with_capacity(listeners.len());
        for listener in &listeners {
            listener.set_nonblocking(true)?;
            local_addrs.push(listener.local_addr()?);
            // An option that the system does not take is an error now, and not on every connection.
            self.tcp.bound(&SockRef::from(listener))?;
        }
        Ok(BoundSockets {
            listeners,
            local_addrs,
            tcp: self.tcp,
        })
    }

    /// Opens the sockets, non-blocking. Blocks the thread while it resolves names.
    ///
    /// # Errors
    ///
    /// As [`listen`](Self::listen).
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
    /// The sockets, non-blocking; at least one.
    pub listeners: Vec<TcpListener>,
    /// Their addresses in the same order, with the real port where 0 was asked for.
    pub local_addrs: Vec<SocketAddr>,
    /// The options of each connection.
    pub tcp: TcpOptions,
}

fn open(addr: SocketAddr, backlog: i32, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // So that a server can be restarted while connections of the old one are in TIME_WAIT. On
    // Windows the option means something else.
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
        "no SO_REUSEPORT on this system",
    ))
}
