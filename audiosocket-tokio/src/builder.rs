use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use audiosocket_server::io::{ListenOptions, Listener, ServerConfig};
use audiosocket_server::{Acceptor, Incoming};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Server;
use crate::listener::resolve;

/// Configures a [`Server`]; made by [`Server::builder`].
///
/// Ends with [`serve`](Self::serve), [`start`](Self::start) or [`listen`](Self::listen).
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
    /// What the server listens on: options for TCP, or a listener.
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

/// Setters for all servers.
impl<S> ServerBuilder<S> {
    audiosocket_server::server_builder_setters!();
    audiosocket_server::shared_thread_setters!();
}

/// Servers on TCP.
impl ServerBuilder {
    audiosocket_server::tcp_builder_setters!();
    audiosocket_server::wake_interval_setter!();

    /// Serves the calls on this many threads of the server's own, each with a current-thread runtime.
    /// Accepting is left to the runtime that polls the server. Connections go to the threads in turn, so
    /// that each has as many as the others. Limits and shutdown are those of the one server. Default:
    /// `None`; each call is a task of the runtime.
    ///
    /// For servers with many calls. A multi-thread runtime balances its load: workers take tasks from each
    /// other, and wake each other for that, which costs more than it gives when all tasks are small and
    /// alike. Use as many threads as the machine has cores, which
    /// [`available_parallelism`](std::thread::available_parallelism) returns.
    ///
    /// What it costs: a call stays on its thread. A handler that computes for long, or blocks, holds up the
    /// other calls of that thread though other threads may be idle.
    ///
    /// Handlers run on these threads, inside of their runtimes. What they give to `tokio::spawn` runs
    /// there, and ends with the server.
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

    /// Takes calls from a listener in place of TCP sockets: for TLS, Unix sockets and in-memory streams.
    /// The setters for TCP are of no effect then.
    pub fn with_listener<L: Listener>(self, listener: L) -> ServerBuilder<Custom<L>> {
        ServerBuilder {
            config: self.config,
            source: Custom(listener),
            threads: None,
            wake_interval: None,
        }
    }

    /// Opens the sockets. `acceptor` decides on each call and makes its handler: a closure,
    /// [`Callbacks`](crate::Callbacks), or a type of your own.
    ///
    /// The server accepts connections once [`Server::serve_forever`] is awaited. Connections that come
    /// earlier wait in the kernel.
    ///
    /// # Errors
    ///
    /// Those of resolving, binding and listening, which name the address; `InvalidInput` if there is no
    /// address, or for a [wake interval](Self::wake_interval) out of range; `Unsupported` for what the
    /// system does not have; those of the system for a [keepalive](Self::keepalive) or a [send
    /// buffer](Self::send_buffer) that it does not take, and for threads and descriptors that it cannot give.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time enabled.
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

    /// Opens the sockets, and serves calls until [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) is
    /// complete: [`start`](Self::start) and [`Server::serve_forever`].
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor).await?.serve_forever().await
    }

    /// Opens the sockets. [`Server::accept`] then returns the calls.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn listen(self) -> io::Result<Server> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor).await?.with_calls(calls))
    }
}

/// Servers with a listener of their own.
impl<L> ServerBuilder<Custom<L>>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>,
{
    /// Takes calls from the listener. `acceptor` decides on each call and makes its handler.
    ///
    /// # Errors
    ///
    /// None at present. The same signature as for TCP.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time enabled.
    #[expect(clippy::unused_async, reason = "as for TCP")]
    pub async fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A, L>> {
        Ok(Server::on_listener(acceptor, self.source.0, &self.config))
    }

    /// Serves calls until [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) is complete.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor).await?.serve_forever().await
    }

    /// Takes calls from the listener. [`Server::accept`] then returns them.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn listen(self) -> io::Result<Server<Incoming, L>> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor).await?.with_calls(calls))
    }
}

/// A listener in place of TCP sockets; see [`ServerBuilder::with_listener`].
#[derive(Debug)]
pub struct Custom<L>(L);
