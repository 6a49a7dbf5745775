use std::io;

use audiosocket_server::io::{ListenOptions, ServerConfig};
use audiosocket_server::{Acceptor, Incoming};

use crate::Server;
use crate::listener::Listener;
use crate::serve_stream::MAX_UNREAD;

/// The default of [`ServerBuilder::stack_size`], in bytes.
const STACK_SIZE: usize = 256 * 1024;

/// Configures a [`Server`]. [`Server::builder`] makes one.
///
/// Call [`serve`](Self::serve), [`start`](Self::start) or [`listen`](Self::listen) last.
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
    /// The options for TCP, or a listener.
    source: S,
    stack_size: usize,
    max_unread: usize,
}

impl ServerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: ServerConfig::default(),
            source: ListenOptions::default(),
            stack_size: STACK_SIZE,
            max_unread: MAX_UNREAD,
        }
    }
}

/// Settings for all servers.
impl<S> ServerBuilder<S> {
    audiosocket_server::server_builder_setters!();

    /// Sets the stack size of the thread of each call, in bytes. The handler runs on this thread. Default: 256 KiB. Only
    /// used pages of the stack take memory.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// Sets how many bytes may wait for a handler that blocks, headers included. Default: 128 KiB, eight seconds at 8 kHz.
    /// Use at least 65,538 bytes, the longest frame.
    ///
    /// Above this limit the oldest audio is dropped. [`Exception::Lagged`](crate::Exception::Lagged) has the number of
    /// dropped frames and bytes.
    pub fn max_unread(mut self, bytes: usize) -> Self {
        self.max_unread = bytes;
        self
    }
}

/// Settings for servers on TCP, and the methods that make such a server.
impl ServerBuilder {
    audiosocket_server::tcp_builder_setters!();

    /// Takes connections from `listener` in place of TCP sockets: for TLS and Unix sockets.
    /// The settings for TCP have no effect then.
    pub fn with_listener<L: Listener>(self, listener: L) -> ServerBuilder<Custom<L>> {
        ServerBuilder {
            config: self.config,
            source: Custom(listener),
            stack_size: self.stack_size,
            max_unread: self.max_unread,
        }
    }

    /// Opens the sockets and returns the server. `acceptor` accepts or refuses each call, and makes its handler. It is
    /// a closure, [`Callbacks`](crate::Callbacks), or a type of your own.
    ///
    /// The server takes connections while [`Server::serve_forever`] runs. Until then, connections wait in the kernel.
    ///
    /// # Errors
    ///
    /// - An address that cannot be resolved, bound or listened on. The error names the address.
    /// - `InvalidInput` without an address.
    /// - `Unsupported` for an option that the system does not have.
    /// - The error of the system for a [keepalive](Self::keepalive) or a [send buffer](Self::send_buffer) that it refuses,
    ///   or if it has no descriptors left.
    pub fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A>> {
        let sockets = self.source.listen_blocking()?;
        Server::on_tcp(
            acceptor,
            sockets,
            &self.config,
            self.stack_size,
            self.max_unread,
        )
    }

    /// Opens the sockets, and serves calls until a [shutdown](crate::ServerHandle::shutdown) is complete. This is
    /// [`start`](Self::start) and then [`Server::serve_forever`].
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    pub fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor)?.serve_forever()
    }

    /// Opens the sockets and returns a server whose [`accept`](Server::accept) returns the calls.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    pub fn listen(self) -> io::Result<Server> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor)?.with_calls(calls))
    }
}

/// The methods that make a server with a listener of your own.
impl<L: Listener> ServerBuilder<Custom<L>> {
    /// Returns a server for the listener. `acceptor` accepts or refuses each call, and makes its handler.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors left.
    pub fn start<A: Acceptor>(self, acceptor: A) -> io::Result<Server<A, L>> {
        Server::on_listeners(
            acceptor,
            [self.source.0],
            &self.config,
            self.stack_size,
            self.max_unread,
        )
    }

    /// Serves calls until a [shutdown](crate::ServerHandle::shutdown) is complete.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    pub fn serve<A: Acceptor>(self, acceptor: A) -> io::Result<()> {
        self.start(acceptor)?.serve_forever()
    }

    /// Returns a server for the listener, whose [`accept`](Server::accept) returns the calls.
    ///
    /// # Errors
    ///
    /// The same as [`start`](Self::start).
    pub fn listen(self) -> io::Result<Server<Incoming, L>> {
        let (acceptor, calls) = self.config.incoming();
        Ok(self.start(acceptor)?.with_calls(calls))
    }
}

/// A listener in place of TCP sockets. [`ServerBuilder::with_listener`] makes one.
#[derive(Debug)]
pub struct Custom<L>(L);
