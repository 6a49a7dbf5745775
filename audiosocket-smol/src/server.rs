use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use async_executor::Executor;
use audiosocket_proto::{Audio, Uuid};
use audiosocket_server::io::{
    AcceptLoop, BatchPoller, BoundSockets, Connection, ListenAddr, Listener, ServerConfig,
};
use audiosocket_server::{
    Acceptor, Callbacks, Exception, Incoming, IncomingCall, IncomingCalls, Peer, Response,
    ServerHandle,
};
use futures_io::{AsyncRead, AsyncWrite};
use futures_lite::FutureExt;

use crate::ServerBuilder;
use crate::listener::{RawListener, TcpListener};
use crate::runtime::FuturesListener;
use crate::timer::SmolTimer;

/// Opens a server with two callbacks. [`Server::serve_forever`] then serves calls.
///
/// - `on_audio(uuid, peer, audio)` gets all audio, and returns the answer. Empty audio means that the call is over. It
///   comes exactly once for each call, after all other callbacks of the call.
/// - `on_exception(uuid, peer, error)` gets errors. An ordinary end of a call is not an error. If an error ends a call,
///   this callback comes before the empty audio.
///
/// [`Callbacks`] has more callbacks. [`Server::builder`] has options, and takes a handler for each call.
///
/// # Errors
///
/// If the address cannot be resolved, bound or listened on. The error names the address.
pub async fn start_server<A, E>(
    on_audio: A,
    on_exception: E,
    addr: impl Into<ListenAddr>,
) -> io::Result<Server<Callbacks>>
where
    A: for<'a> Fn(Uuid, &Peer, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
    E: Fn(Option<Uuid>, &Peer, &Exception) + Send + Sync + 'static,
{
    let callbacks = Callbacks::new(on_audio, on_exception);
    Server::builder().bind(addr).start(callbacks).await
}

/// A server that listens.
///
/// [`accept`](Self::accept), [`serve_calls`](Self::serve_calls) and [`serve_forever`](Self::serve_forever) take
/// connections while they are awaited. Otherwise connections wait in the kernel. The calls run inside these futures too,
/// since not every program has a global executor. So give slow work to a task, and await the next call. Dropping the
/// server closes all connections at once.
///
/// The server works on every executor, such as those of smol and async-std. For more threads, start more servers on the
/// same address, with [`reuse_port`](ServerBuilder::reuse_port).
///
/// ```
/// use audiosocket_smol::{CallEvent, Server};
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> { smol::block_on(async {
/// let mut server = Server::bind("127.0.0.1:0").await?;
/// println!("listening on {:?}", server.local_addrs());
///
/// let handle = server.handle();
/// smol::spawn(async move {
///     // A program waits for a signal here, such as those of the crate `async-signal`.
///     handle.shutdown(Duration::from_secs(5));
/// })
/// .detach();
/// while let Some(mut call) = server.accept().await {
///     smol::spawn(async move {
///         while let Some(event) = call.next().await {
///             if let CallEvent::Dtmf(digit) = event {
///                 println!("{}: {digit}", call.uuid());
///             }
///         }
///     })
///     .detach();
/// }
/// # Ok(())
/// # }) }
/// ```
#[must_use = "a server does nothing until it is awaited"]
pub struct Server<A: Acceptor = Incoming, L = TcpListener> {
    driver: Driver<A, L>,
    handle: ServerHandle,
    local_addrs: Vec<SocketAddr>,
    /// `Some` for a server whose `accept` returns the calls.
    calls: Option<IncomingCalls>,
    /// Runs the calls, and the futures that [`serve_calls`](Self::serve_calls) makes.
    executor: Executor<'static>,
}

/// How the connections of a server run.
enum Driver<A: Acceptor, L> {
    /// Each is a task of the server's executor.
    Tasks(AcceptLoop<FuturesListener<L>, SmolTimer, A>),
    /// All of them are polled together.
    Batch(
        AcceptLoop<RawListener, SmolTimer, A>,
        BatchPoller<SmolTimer, A>,
    ),
}

impl Server {
    /// Listens on an address, such as `"127.0.0.1:9092"`. [`accept`](Self::accept) then returns the calls.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved, bound or listened on. The error names the address.
    pub async fn bind(addr: impl Into<ListenAddr>) -> io::Result<Self> {
        Self::builder().bind(addr).listen().await
    }

    /// Returns a builder, which configures a server: addresses, limits, deadlines.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }
}

impl<L> Server<Incoming, L>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>,
{
    /// Takes connections from `listener`: for TLS, Unix sockets and in-memory streams. [`accept`](Self::accept) then
    /// returns the calls.
    ///
    /// # Errors
    ///
    /// None at present. The signature is the same as that of [`bind`](Server::bind).
    pub async fn with_listener(listener: L) -> io::Result<Self> {
        Server::builder().with_listener(listener).listen().await
    }

    /// Returns the next call. Returns `None` after a [shutdown](ServerHandle::shutdown) is complete.
    ///
    /// The server takes connections and serves calls only while this future is awaited. So give each call to a task,
    /// and await the next one.
    ///
    /// Cancel safe.
    ///
    /// # Panics
    ///
    /// If [`start`](ServerBuilder::start) made the server with an [`Incoming`] of your own. The [`IncomingCalls`] of
    /// that `Incoming` return the calls.
    pub async fn accept(&mut self) -> Option<IncomingCall> {
        let Self {
            driver,
            executor,
            calls,
            ..
        } = self;
        let calls = calls.as_mut();
        let calls =
            calls.expect("`accept` needs a server from `bind`, `with_listener` or `listen`");
        let accept = poll_fn(|cx| {
            let over = driver.poll(executor, cx);
            match calls.poll_accept(cx) {
                Poll::Pending => over.map(|()| None),
                call => call,
            }
        });
        executor.run(accept).await
    }

    /// Runs `talk(call)` for each call, inside this future. Returns after a [shutdown](ServerHandle::shutdown) is complete.
    ///
    /// The server takes connections and serves calls only while this future is awaited. The output of `talk` is
    /// dropped. If `talk` panics, its call is hung up.
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Panics
    ///
    /// The same as [`accept`](Self::accept).
    pub async fn serve_calls<F, Fut>(mut self, talk: F) -> io::Result<()>
    where
        F: Fn(IncomingCall) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Send> + Send + 'static,
    {
        while let Some(call) = self.accept().await {
            // The panic hook has already reported a panic.
            let talk = AssertUnwindSafe(talk(call)).catch_unwind();
            self.executor.spawn(async { drop(talk.await) }).detach();
        }
        Ok(())
    }
}

impl<A: Acceptor> Server<A> {
    pub(crate) fn on_tcp(
        acceptor: A,
        sockets: BoundSockets,
        config: &ServerConfig,
        wake_interval: Option<Duration>,
    ) -> io::Result<Self> {
        let tcp = sockets.tcp;
        let listeners = sockets.listeners.into_iter();
        let listeners = listeners.map(|socket| TcpListener::new(socket, tcp));
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let listeners = listeners.into_iter();
        let driver = match wake_interval {
            None => {
                let listeners = listeners.map(FuturesListener);
                Driver::Tasks(AcceptLoop::new(acceptor, listeners, config))
            }
            Some(interval) => {
                let batch = BatchPoller::new(interval, config.session.ptime)?;
                let listeners = listeners.map(RawListener);
                Driver::Batch(AcceptLoop::new(acceptor, listeners, config), batch)
            }
        };
        Ok(Self::new(driver, sockets.local_addrs))
    }
}

impl<A: Acceptor, L> Server<A, L>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>,
{
    pub(crate) fn on_listener(acceptor: A, listener: L, config: &ServerConfig) -> Self {
        let accept_loop = AcceptLoop::new(acceptor, [FuturesListener(listener)], config);
        Self::new(Driver::Tasks(accept_loop), Vec::new())
    }

    fn new(driver: Driver<A, L>, local_addrs: Vec<SocketAddr>) -> Self {
        let handle = match &driver {
            Driver::Tasks(accept_loop) => accept_loop.handle(),
            Driver::Batch(accept_loop, _) => accept_loop.handle(),
        };
        Self {
            driver,
            handle,
            local_addrs,
            calls: None,
            executor: Executor::new(),
        }
    }

    pub(crate) fn with_calls(mut self, calls: IncomingCalls) -> Self {
        self.calls = Some(calls);
        self
    }

    /// Returns the addresses that the server listens on. Port 0 is replaced by the port that the system chose. The list
    /// is empty for a [listener of your own](ServerBuilder::with_listener).
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.local_addrs
    }

    /// Returns a handle, which shuts the server down from other tasks and threads, and counts its calls.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Accepts and serves calls until a [shutdown](ServerHandle::shutdown) is complete.
    ///
    /// All calls run inside this future: the thread that polls it serves them.
    ///
    /// Errors of a connection or a handler do not end the server. If the system has no descriptors or memory left, the
    /// server pauses and tries again. Dropping the future closes all connections at once. When this returns, all
    /// connections are closed and all handlers have had their last callback.
    ///
    /// # Errors
    ///
    /// None at present.
    pub async fn serve_forever(mut self) -> io::Result<()> {
        let Self {
            driver, executor, ..
        } = &mut self;
        executor.run(poll_fn(|cx| driver.poll(executor, cx))).await;
        Ok(())
    }
}

impl<A: Acceptor, L> Driver<A, L>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>,
{
    fn poll(&mut self, executor: &Executor<'static>, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tasks(accept_loop) => accept_loop.poll(cx, |connection| {
                let connection: Connection<_, SmolTimer, A> = connection;
                executor.spawn(connection).detach();
                Ok(())
            }),
            Self::Batch(accept_loop, batch) => batch.poll_server(accept_loop, cx),
        }
    }
}

impl<A: Acceptor, L> fmt::Debug for Server<A, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addrs", &self.local_addrs)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
