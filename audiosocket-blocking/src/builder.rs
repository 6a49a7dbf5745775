use std::io;

use audiosocket_server::io::{ListenOptions, ServerConfig};
use audiosocket_server::{Acceptor, Incoming};

use crate::Server;
use crate::listener::Listener;
use crate::serve_stream::MAX_UNREAD;

/// Configures a [`Server`]; made by [`Server::builder`].
///
/// Ends with [`serve`](Self::serve), [`start`](Self::start) or [`listen`](Self::listen).
///
/// ```no_run
/// use audiosocket_blocking::admission::Limits;
/// use audiosocket_blocking::{Callbacks, Server};
///
/// # fn main() -> std::io::Result<()> {
/// let echo = Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {});
/// Server::builder()
///     .bind("127.0.0.1:9092")
///     .bind("[::1]:9092")
///     .limits(Limits::default())
///     .serve(echo)
///     
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing by itself"]
pub struct ServerBuilder<S = ListenOptions> {
    config: ServerConfig,
    /// What the server listens on: options for TCP, or a listener.
    source: S,
    threads: ThreadConfig,
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: ServerConfig::default(),
            source: ListenOptions::default(),
            threads: ThreadConfig::default(),
        }
    }
}

/// Setters for all servers.
impl<S> ServerBuilder<S> {
    audiosocket_server::server_builder_setters!();

    /// Sets how much stack, in bytes, the thread of each call has, and so its handler. Default: 256 KiB. Only
    /// what is used takes memory.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.threads.stack_size = bytes;
        self
    }

    /// Sets how many bytes, headers included, may wait for a handler that blocks. Beyond it the oldest audio
    /// is dropped, and [`Exception::Lagged`](crate::Exception::Lagged) says how much. Not less than the
    /// longest frame, 65,538 bytes. Default: 128 KiB, eight seconds at 8 kHz.
    pub fn max_unread(mut self, bytes: usize) -> Self {
        self.threads.max_unread = bytes;
        self
    }
}

/// What each call's thread gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadConfig {
    pub(crate) stack_size: usize,
    pub(crate) max_unread: usize,
}

impl Default for ThreadConfig {
    fn default() -> Self {
        Self {
            stack_size: 256 * 1024,
            max_unread: MAX_UNREAD,
        }
    }
}

/// Servers on TCP.
impl ServerBuilder {
    audiosocket_server::tcp_builder_setters!();

    /// Takes calls from a listener in place of TCP sockets: for TLS and Unix sockets.
    /// The setters for TCP are of no effect then.
    pub fn with_listener<L: Listener>(self, listener: L) -> ServerBuilder<Custom<L>> {
        ServerBuilder {
            config: self.config,
            source: Custom(listener),
            threads: self.threads,
        }
    }

    /// Opens the sockets. `acceptor` decides on each call and makes its handler: a closure,
    /// [`Callbacks`](crate::Callbacks), or a type of your own.
    ///
    /// The server accepts connections once [`Server::serve_forever`] is called. Connections that come
    /// earlier wait in the kernel.
    ///
    /// # Errors
    ///
    /// Those of resolving, binding and listening, which name the address; `InvalidInput` if there is no
    /// address; `Unsupported` for what the
    /// system does not have; those of the system for a [keepalive](Self::keepalive) or a [send
    /// buffer](Self::send_buffer) that it does not take, and for descriptors that it cannot give.
    pub fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A>> {
        let sockets = self.source.listen_blocking()?;
        Server::on_tcp(acceptor, sockets, &self.config, self.threads)
    }

    /// Opens the sockets, and serves calls until [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) is
    /// complete: [`start`](Self::start) and [`Server::serve_forever`].
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor)?.serve_forever()
    }

    /// Opens the sockets. [`Server::accept`] then returns the calls.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn listen(self) -> io::Result<Server> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor)?.with_calls(calls))
    }
}

/// Servers with a listener of their own.
impl<L: Listener> ServerBuilder<Custom<L>> {
    /// Takes calls from the listener. `acceptor` decides on each call and makes its handler.
    ///
    /// # Errors
    ///
    /// When the system is out of descriptors.
    pub fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A, L>> {
        Server::on_listeners(acceptor, [self.source.0], &self.config, self.threads)
    }

    /// Serves calls until [`ServerHandle::shutdown`](crate::ServerHandle::shutdown) is complete.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor)?.serve_forever()
    }

    /// Takes calls from the listener. [`Server::accept`] then returns them.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn listen(self) -> io::Result<Server<Incoming, L>> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor)?.with_calls(calls))
    }
}

/// A listener in place of TCP sockets; see [`ServerBuilder::with_listener`].
#[derive(Debug)]
pub struct Custom<L>(L);
