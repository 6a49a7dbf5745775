use std::io;
use std::time::Duration;

use audiosocket_server::io::{ListenOptions, Listener, ServerConfig};
use audiosocket_server::{Acceptor, Incoming};
use futures_io::{AsyncRead, AsyncWrite};

use crate::Server;
use crate::listener::resolve;

/// Configures a [`Server`]; made by [`Server::builder`].
///
/// Ends with [`serve`](Self::serve), [`start`](Self::start) or [`listen`](Self::listen).
///
/// ```no_run
/// use audiosocket_smol::admission::Limits;
/// use audiosocket_smol::{Callbacks, Server};
///
/// # fn main() -> std::io::Result<()> { smol::block_on(async {
/// let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
/// Server::builder()
///     .bind("127.0.0.1:9092")
///     .bind("[::1]:9092")
///     .limits(Limits::default())
///     .serve(echo)
///     .await
/// # }) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing by itself"]
pub struct ServerBuilder<S = ListenOptions> {
    config: ServerConfig,
    /// What the server listens on: options for TCP, or a listener.
    source: S,
    wake_interval: Option<Duration>,
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: ServerConfig::default(),
            source: ListenOptions::default(),
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

    /// Takes calls from a listener in place of TCP sockets: for TLS, Unix sockets and in-memory streams.
    /// The setters for TCP are of no effect then.
    pub fn with_listener<L: Listener>(self, listener: L) -> ServerBuilder<Custom<L>> {
        ServerBuilder {
            config: self.config,
            source: Custom(listener),
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
    /// buffer](Self::send_buffer) that it does not take, and for descriptors that it cannot give.
    pub async fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A>> {
        let sockets = self.source.listen(resolve).await?;
        Server::on_tcp(acceptor, sockets, &self.config, self.wake_interval)
    }

    /// Opens the sockets, and serves calls until [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) is
    /// complete: [`start`](Self::start) and [`Server::serve_forever`].
    ///
    /// # Errors
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
    #[expect(clippy::unused_async, reason = "as for TCP")]
    pub async fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A, L>> {
        Ok(Server::on_listener(acceptor, self.source.0, &self.config))
    }

    /// Serves calls until [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) is complete.
    ///
    /// # Errors
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
    pub async fn listen(self) -> io::Result<Server<Incoming, L>> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor).await?.with_calls(calls))
    }
}

/// A listener in place of TCP sockets; see [`ServerBuilder::with_listener`].
#[derive(Debug)]
pub struct Custom<L>(L);
