use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use audiosocket_server::io::{ListenOptions, Listener, ServerConfig};
use audiosocket_server::{Acceptor, Incoming};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Server;
use crate::listener::resolve;

/// Configures a [`Server`]. [`Server::builder`] makes one.
///
/// Call [`serve`](Self::serve), [`start`](Self::start) or [`listen`](Self::listen) last.
///
/// ```no_run
/// use audiosocket_tokio::admission::Limits;
/// use audiosocket_tokio::{Callbacks, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
/// Server::builder()
///     .bind("127.0.0.1:9092")
///     .bind("[::1]:9092")
///     .limits(Limits::default())
///     .serve(echo)
///     .await
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing by itself"]
pub struct ServerBuilder<S = ListenOptions> {
    config: ServerConfig,
    /// The options for TCP, or a listener.
    source: S,
    threads: Option<NonZeroUsize>,
    wake_interval: Option<Duration>,
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: ServerConfig::default(),
            source: ListenOptions::default(),
            threads: None,
            wake_interval: None,
        }
    }
}

/// Settings for all servers.
impl<S> ServerBuilder<S> {
    audiosocket_server::server_builder_setters!();
    audiosocket_server::shared_thread_setters!();
    #[cfg(feature = "tls")]
    audiosocket_server::tls_setter!();
}

/// Settings for servers on TCP, and the methods that make such a server.
impl ServerBuilder {
    audiosocket_server::tcp_builder_setters!();
    audiosocket_server::wake_interval_setter!();

    /// Sets how many threads of the server serve the calls. Default: `None`, each call is a task of the runtime that polls
    /// the server.
    ///
    /// Each thread has a current-thread runtime. The runtime that polls the server takes the connections, and gives
    /// them to the threads in turn. All threads have the limits and the shutdown of the one server.
    ///
    /// Use this for servers with many calls, with one thread for each core
    /// ([`available_parallelism`](std::thread::available_parallelism)). The workers of a multi-thread runtime take tasks
    /// from each other, and wake each other for that. For many small tasks, this costs more than it saves.
    ///
    /// A call stays on its thread. A handler that computes for a long time, or blocks, delays the other calls of its
    /// thread, even if other threads are idle.
    ///
    /// Handlers run inside the runtimes of these threads. A task that a handler spawns runs on the same thread, and ends
    /// with the server.
    ///
    /// With a [wake interval](Self::wake_interval), each thread polls its own calls together.
    ///
    /// ```
    /// use audiosocket_tokio::{Callbacks, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
    /// let cores = std::thread::available_parallelism()?;
    /// let server = Server::builder().bind("127.0.0.1:0").threads(cores).start(echo).await?;
    /// # server.handle().shutdown(std::time::Duration::ZERO);
    /// server.serve_forever().await
    /// # }
    /// ```
    pub fn threads(mut self, threads: impl Into<Option<NonZeroUsize>>) -> Self {
        self.threads = threads.into();
        self
    }

    /// Sets the listening sockets of a process that this server replaces. The addresses of [`bind`](Self::bind) have no
    /// effect then, unless there is no socket. In contrast to a socket of [`listener`](Self::listener), they belong to this
    /// server alone, so they are closed while the server is [full](audiosocket_server::WhenFull).
    pub fn taken_listeners(mut self, listeners: Vec<std::net::TcpListener>) -> Self {
        if !listeners.is_empty() {
            self.source.addrs.clear();
        }
        self.source.taken = listeners;
        self
    }

    /// Takes connections from `listener` in place of TCP sockets: for TLS, Unix sockets and in-memory streams.
    /// The settings for TCP have no effect then.
    pub fn with_listener<L: Listener>(self, listener: L) -> ServerBuilder<Custom<L>> {
        ServerBuilder {
            config: self.config,
            source: Custom(listener),
            threads: None,
            wake_interval: None,
        }
    }

    /// Opens the sockets and returns the server. `acceptor` accepts or refuses each call, and makes its handler. It is
    /// a closure, [`Callbacks`](crate::Callbacks), or a type of your own.
    ///
    /// The server takes connections while [`Server::serve_forever`] is awaited. Until then, connections wait in the
    /// kernel.
    ///
    /// # Errors
    ///
    /// - An address that cannot be resolved, bound or listened on. The error names the address.
    /// - `InvalidInput` without an address, or for a [wake interval](Self::wake_interval) out of range.
    /// - `Unsupported` for an option that the system does not have.
    /// - The error of the system for a [keepalive](Self::keepalive) or a [send buffer](Self::send_buffer) that it refuses,
    ///   or if it has no threads or descriptors left.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime with I/O and time enabled.
    pub async fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A>> {
        let sockets = self.source.listen(resolve).await?;
        Server::on_tcp(
            acceptor,
            sockets,
            &self.config,
            self.threads,
            self.wake_interval,
        )
        .await
    }

    /// Opens the sockets, and serves calls until a [shutdown](crate::ServerHandle::shutdown) is complete. This is
    /// [`start`](Self::start) and then [`Server::serve_forever`].
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// The same as [`start`](Self::start).
    pub async fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor).await?.serve_forever().await
    }

    /// Opens the sockets and returns a server whose [`accept`](Server::accept) returns the calls.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// The same as [`start`](Self::start).
    pub async fn listen(self) -> io::Result<Server> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor).await?.with_calls(calls))
    }
}

/// The methods that make a server with a listener of your own.
impl<L> ServerBuilder<Custom<L>>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>,
{
    /// Returns a server for the listener. `acceptor` accepts or refuses each call, and makes its handler.
    ///
    /// # Errors
    ///
    /// None at present. The signature is the same as for TCP.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime with time enabled.
    #[expect(clippy::unused_async, reason = "as for TCP")]
    pub async fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A, L>> {
        Ok(Server::on_listener(acceptor, self.source.0, &self.config))
    }

    /// Serves calls until a [shutdown](crate::ServerHandle::shutdown) is complete.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// The same as [`start`](Self::start).
    pub async fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor).await?.serve_forever().await
    }

    /// Returns a server for the listener, whose [`accept`](Server::accept) returns the calls.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// The same as [`start`](Self::start).
    pub async fn listen(self) -> io::Result<Server<Incoming, L>> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor).await?.with_calls(calls))
    }
}

/// A listener in place of TCP sockets. [`ServerBuilder::with_listener`] makes one.
#[derive(Debug)]
pub struct Custom<L>(L);
