use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use crate::Limits;
use audiosocket_proto::SessionConfig;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::io::Keepalive;
#[cfg(feature = "batch")]
use crate::io::batch;

#[cfg(feature = "batch")]
const BATCH_SUPPORTED: bool = batch::SUPPORTED;
#[cfg(not(feature = "batch"))]
const BATCH_SUPPORTED: bool = false;

const SEND_BUFFER: usize = 128 * 1024;

/// Where a server listens and how it treats its connections; the same for every adapter.
///
/// ```
/// use audiosocket_server::io::ServerOptions;
///
/// let options = ServerOptions::new().bind("127.0.0.1:0").bind("[::1]:0").backlog(256);
/// let listening = options.listen()?;
/// assert_eq!(listening.local_addrs.len(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct ServerOptions {
    addrs: Vec<SocketAddr>,
    listeners: Vec<TcpListener>,
    /// The first address that could not be resolved, for [`listen`](Self::listen) to tell.
    unresolved: Option<io::Error>,
    backlog: i32,
    reuse_port: bool,
    keepalive: Option<Keepalive>,
    send_buffer: Option<usize>,
    wake_interval: Option<Duration>,
    limits: Limits,
    session: SessionConfig,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            addrs: Vec::new(),
            listeners: Vec::new(),
            unresolved: None,
            backlog: 1024,
            reuse_port: false,
            keepalive: Some(Keepalive::default()),
            send_buffer: Some(SEND_BUFFER),
            wake_interval: None,
            limits: Limits::default(),
            session: SessionConfig::default(),
        }
    }
}

impl ServerOptions {
    /// The defaults, and no address yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on an address too: on each one, if a name stands for several. Port 0 lets the
    /// system choose. An IPv6 address takes IPv6 connections only, so that `0.0.0.0:9092` and
    /// `[::]:9092` go together.
    ///
    /// Resolves names at once, which can block; what fails is told by [`listen`](Self::listen).
    #[must_use]
    pub fn bind(mut self, addr: impl ToSocketAddrs) -> Self {
        match addr.to_socket_addrs() {
            Ok(addrs) => self.addrs.extend(addrs),
            Err(error) => self.unresolved = self.unresolved.or(Some(error)),
        }
        self
    }

    /// Listens on a socket that is bound and listens already too, such as one from systemd.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// How many connections the kernel may hold that have not been accepted. Default: 1024; the
    /// kernel may have a lower limit (`net.core.somaxconn`).
    #[must_use]
    pub fn backlog(mut self, backlog: i32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Lets several processes or sockets listen on the same address (`SO_REUSEPORT`), among which
    /// the kernel spreads connections. Default: off. An error on systems without it.
    #[must_use]
    pub fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.reuse_port = reuse_port;
        self
    }

    /// How to find dead peers; `None` leaves that to the system. Default: [`Keepalive::default`].
    #[must_use]
    pub fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// How many bytes the kernel takes for a peer that does not read them (`SO_SNDBUF`); `None` leaves that to
    /// the system. Default: 128 KiB, seven seconds of 8 kHz audio. Linux counts its own bookkeeping too, for
    /// which it doubles the number, and has a limit of its own (`net.core.wmem_max`).
    ///
    /// What has left for the kernel is late and cannot be taken back. By itself Linux takes up to 4 MB for each
    /// connection (`net.ipv4.tcp_wmem`), a minute and a half of 8 kHz audio, and more than the machine has if
    /// enough peers stop reading. On a path so long that more has to be on its way at once, as 192 kHz audio
    /// on a quarter of a second, it is to be more.
    #[must_use]
    pub fn send_buffer(mut self, bytes: Option<usize>) -> Self {
        self.send_buffer = bytes;
        self
    }

    /// Gathers work: looks after all calls together so often, instead of each time that one of them has
    /// something to say. Default: `None`, at once.
    ///
    /// Most of what a busy server costs is the kernel's waking it, which is then once for many frames;
    /// a server with few calls is woken more often than before. Each frame waits for the interval at
    /// most, so that 1 ms to 5 ms is what a telephone call does not notice. Deadlines are met at the next
    /// look: what is played leaves on its schedule, each frame up to the interval later and none of that
    /// adding up. What a [`CallHandle`](crate::CallHandle) asks for is done at once.
    ///
    /// Tokio's timers count in milliseconds, and less than one is one for it. All calls run inside of
    /// `serve_forever` then, unless the adapter has been given threads. A server with a thread for each call
    /// has nothing to gather, and refuses this, as do systems other than Linux and Android.
    #[must_use]
    pub fn wake_interval(mut self, interval: Option<Duration>) -> Self {
        self.wake_interval = interval;
        self
    }

    /// How many connections to take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Deadlines and bounds of each call.
    #[must_use]
    pub fn session(mut self, session: SessionConfig) -> Self {
        self.session = session;
        self
    }

    /// Opens the sockets, non-blocking.
    ///
    /// # Errors
    ///
    /// Those of resolving, binding and listening; `InvalidInput` if there is nothing to listen on, or if
    /// the [wake interval](Self::wake_interval) is zero, or half a [ptime](SessionConfig::ptime) or
    /// longer, by which all that is played would be late; `Unsupported` for what the system has not;
    /// what it says of a [`Keepalive`] or a [send buffer](Self::send_buffer) that it does not take.
    pub fn listen(self) -> io::Result<BoundSockets> {
        self.check_wake_interval()?;
        if let Some(error) = self.unresolved {
            return Err(error);
        }
        let mut listeners = self.listeners;
        for addr in self.addrs {
            listeners.push(open(addr, self.backlog, self.reuse_port)?);
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
        }
        let listening = BoundSockets {
            listeners,
            local_addrs,
            keepalive: self.keepalive,
            send_buffer: self.send_buffer,
            wake_interval: self.wake_interval,
            limits: self.limits,
            session: self.session,
        };
        for listener in &listening.listeners {
            // Better refused now than on every connection.
            listening.bound(&SockRef::from(listener))?;
        }
        Ok(listening)
    }

    fn check_wake_interval(&self) -> io::Result<()> {
        let Some(interval) = self.wake_interval else {
            return Ok(());
        };
        if !BATCH_SUPPORTED {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "no wake interval on this system",
            ));
        }
        let longest = self.session.ptime.duration() / 2;
        if interval.is_zero() || interval >= longest {
            let message =
                format!("wake interval {interval:?}: more than nothing, less than {longest:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(())
    }
}

/// What [`ServerOptions::listen`] opened, for an adapter to accept from.
#[derive(Debug)]
#[non_exhaustive]
pub struct BoundSockets {
    /// The sockets, non-blocking; at least one.
    pub listeners: Vec<TcpListener>,
    /// Their addresses in the same order, with the real port where 0 was asked for.
    pub local_addrs: Vec<SocketAddr>,
    /// How to find dead peers.
    pub keepalive: Option<Keepalive>,
    /// How many bytes the kernel takes for a peer that does not read them, if not as many as it likes.
    pub send_buffer: Option<usize>,
    /// How often to look after connections, if not at once.
    pub wake_interval: Option<Duration>,
    /// How many connections to take.
    pub limits: Limits,
    /// Deadlines and bounds of each call.
    pub session: SessionConfig,
}

impl BoundSockets {
    /// Sets an accepted connection up: `TCP_NODELAY`, since Asterisk gives up when a payload
    /// follows its header late, the send buffer, and the keepalive.
    ///
    /// # Errors
    ///
    /// Those of the system; the connection has most likely gone again.
    pub fn prepare(&self, socket: &SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        self.bound(socket)
    }

    /// What a peer that does not read, or is dead, may cost.
    fn bound(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        self.keepalive
            .map_or(Ok(()), |keepalive| keepalive.apply(socket))
    }
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
    socket
        .bind(&addr.into())
        .map_err(|error| with_addr(&error, addr))?;
    socket
        .listen(backlog)
        .map_err(|error| with_addr(&error, addr))?;
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

fn with_addr(error: &io::Error, addr: SocketAddr) -> io::Error {
    io::Error::new(error.kind(), format!("{addr}: {error}"))
}
