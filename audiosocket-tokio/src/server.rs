use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use audiosocket_proto::{Audio, Uuid};
use audiosocket_server::io::{
    AcceptLoop, BatchConnection, BatchPoller, BoundSockets, ListenAddr, Listener, ServerConfig,
};
use audiosocket_server::{
    Acceptor, Callbacks, Exception, Incoming, IncomingCall, IncomingCalls, Peer, Response,
    ServerHandle,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::unconstrained;
use tokio::time::sleep;

use crate::ServerBuilder;
use crate::listener::{RawListener, TcpListener};
use crate::runtime::{TokioListener, TokioTimer};
use crate::threads::{Workers, serve_batch, serve_tasks};

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
///
/// # Panics
///
/// If it is called outside of a tokio runtime with I/O and time enabled.
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
/// connections while they are awaited. Otherwise connections wait in the kernel. Each call is a task of the runtime,
/// and goes on while none of these futures is awaited. Dropping the server closes all connections at once.
///
/// The server works on the current-thread and the multi-thread runtime of tokio, with I/O and time enabled.
///
/// ```
/// use audiosocket_tokio::{CallEvent, Server};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let mut server = Server::bind("127.0.0.1:0").await?;
/// println!("listening on {:?}", server.local_addrs());
///
/// let handle = server.handle();
/// tokio::spawn(async move {
///     // A program waits for a signal here: tokio::signal::ctrl_c().await
///     handle.shutdown(Duration::from_secs(5));
/// });
/// while let Some(mut call) = server.accept().await {
///     tokio::spawn(async move {
///         while let Some(event) = call.next().await {
///             if let CallEvent::Dtmf(digit) = event {
///                 println!("{}: {digit}", call.uuid());
///             }
///         }
///     });
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until it is awaited"]
pub struct Server<A: Acceptor = Incoming, L = TcpListener> {
    driver: Driver<A, L>,
    handle: ServerHandle,
    #[cfg(all(feature = "handover", unix))]
    config: ServerConfig,
    local_addrs: Vec<SocketAddr>,
    /// `Some` for a server whose `accept` returns the calls.
    calls: Option<IncomingCalls>,
}

/// How the connections of a server run.
enum Driver<A: Acceptor, L> {
    /// Each is a task of the runtime.
    Tasks(AcceptLoop<TokioListener<L>, TokioTimer, A>),
    /// All of them are polled together.
    Batch(
        AcceptLoop<RawListener, TokioTimer, A>,
        BatchPoller<TokioTimer, A>,
    ),
    /// They run on threads of the server.
    Threads(
        AcceptLoop<RawListener, TokioTimer, A>,
        Workers<BatchConnection<TokioTimer, A>>,
    ),
}

impl Server {
    /// Listens on an address, such as `"127.0.0.1:9092"`. [`accept`](Self::accept) then returns the calls.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved, bound or listened on. The error names the address.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime with I/O and time enabled.
    pub async fn bind(addr: impl Into<ListenAddr>) -> io::Result<Self> {
        Self::builder().bind(addr).listen().await
    }

    /// Returns a builder, which configures a server: addresses, limits, deadlines, threads.
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
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime with time enabled.
    pub async fn with_listener(listener: L) -> io::Result<Self> {
        Server::builder().with_listener(listener).listen().await
    }

    /// Returns the next call. Returns `None` after a [shutdown](ServerHandle::shutdown) is complete.
    ///
    /// The server takes connections only while this future is awaited. With a [wake
    /// interval](ServerBuilder::wake_interval) and without threads, it also serves calls only then. So give each call
    /// to a task, and await the next one.
    ///
    /// Cancel safe.
    ///
    /// # Panics
    ///
    /// If [`start`](ServerBuilder::start) made the server with an [`Incoming`] of your own. The [`IncomingCalls`] of
    /// that `Incoming` return the calls.
    pub async fn accept(&mut self) -> Option<IncomingCall> {
        unconstrained(poll_fn(|cx| self.poll_accept(cx))).await
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<IncomingCall>> {
        let over = self.poll(cx);
        let calls = self.calls.as_mut();
        let calls =
            calls.expect("`accept` needs a server from `bind`, `with_listener` or `listen`");
        match calls.poll_accept(cx) {
            Poll::Pending => over.map(|()| None),
            call => call,
        }
    }

    /// Spawns a task that runs `talk(call)`, for each call. Returns after a [shutdown](ServerHandle::shutdown) is
    /// complete.
    ///
    /// The server takes connections only while this future is awaited. The output of `talk` is dropped. If `talk`
    /// panics, its call is hung up.
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
            tokio::spawn(talk(call));
        }
        Ok(())
    }
}

impl<A: Acceptor> Server<A> {
    /// Returns the open listening sockets, for the process that replaces this one. The server closes them.
    #[cfg(all(feature = "handover", unix))]
    pub fn listening_sockets(&self) -> Vec<std::sync::Weak<std::net::TcpListener>> {
        match &self.driver {
            Driver::Tasks(tasks) => tasks.listeners().map(|it| it.0.socket()).collect(),
            Driver::Batch(raw, _) | Driver::Threads(raw, _) => {
                raw.listeners().map(|it| it.0.socket()).collect()
            }
        }
    }

    pub(crate) async fn on_tcp(
        acceptor: A,
        sockets: BoundSockets,
        config: &ServerConfig,
        threads: Option<NonZeroUsize>,
        wake_interval: Option<Duration>,
    ) -> io::Result<Self> {
        let tcp = sockets.tcp;
        let listeners = sockets.listeners.into_iter();
        let listeners = listeners.map(|socket| TcpListener::new(socket, tcp));
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?.into_iter();
        let ptime = config.session.ptime;
        let batch = move |interval| BatchPoller::new(interval, ptime);
        let driver = match (threads, wake_interval) {
            (None, None) => {
                let listeners = listeners.map(TokioListener);
                Driver::Tasks(AcceptLoop::new(acceptor, listeners, config))
            }
            (None, Some(interval)) => {
                let listeners = listeners.map(RawListener);
                let accept_loop = AcceptLoop::new(acceptor, listeners, config);
                Driver::Batch(accept_loop, batch(interval)?)
            }
            (Some(threads), interval) => {
                let workers = match interval {
                    None => Workers::start(threads, |queue| Ok(serve_tasks(queue))).await?,
                    Some(interval) => {
                        let serve = move |queue| Ok(serve_batch(queue, batch(interval)?));
                        Workers::start(threads, serve).await?
                    }
                };
                let listeners = listeners.map(RawListener);
                Driver::Threads(AcceptLoop::new(acceptor, listeners, config), workers)
            }
        };
        Ok(Self::new(driver, sockets.local_addrs, config))
    }
}

impl<A: Acceptor, L> Server<A, L>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>,
{
    pub(crate) fn on_listener(acceptor: A, listener: L, config: &ServerConfig) -> Self {
        let accept_loop = AcceptLoop::new(acceptor, [TokioListener(listener)], config);
        Self::new(Driver::Tasks(accept_loop), Vec::new(), config)
    }

    #[cfg_attr(not(all(feature = "handover", unix)), expect(unused_variables))]
    fn new(driver: Driver<A, L>, local_addrs: Vec<SocketAddr>, config: &ServerConfig) -> Self {
        // This panics now if the runtime has no timer. Otherwise each call would panic later.
        drop(sleep(Duration::ZERO));
        let handle = match &driver {
            Driver::Tasks(accept_loop) => accept_loop.handle(),
            Driver::Batch(accept_loop, _) | Driver::Threads(accept_loop, _) => accept_loop.handle(),
        };
        Self {
            driver,
            handle,
            #[cfg(all(feature = "handover", unix))]
            config: config.clone(),
            local_addrs,
            calls: None,
        }
    }

    /// Returns the receiver of calls that another process hands over. Their handlers come from
    /// [`Acceptor::take_over`]. They count among the calls of this server.
    #[cfg(all(feature = "handover", unix))]
    #[must_use]
    pub fn call_receiver(&self) -> crate::handover::CallReceiver<A> {
        let acceptor = match &self.driver {
            Driver::Tasks(tasks) => tasks.acceptor(),
            Driver::Batch(raw, _) | Driver::Threads(raw, _) => raw.acceptor(),
        };
        crate::handover::CallReceiver::new(acceptor.clone(), &self.config, self.handle())
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
    /// The server takes connections only while this future is awaited. Errors of a connection or a handler do not end
    /// the server. If the system has no descriptors or memory left, the server pauses and tries again. Dropping the
    /// future closes all connections at once.
    ///
    /// When this returns, all connections are closed and all handlers have had their last callback. Handlers that block
    /// are an exception: a thread of tokio cannot be waited for.
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Panics
    ///
    /// If a thread of [`threads`](ServerBuilder::threads) panicked. A panic of a handler does not cause this.
    pub async fn serve_forever(mut self) -> io::Result<()> {
        // The accept loop yields by itself. The budget of tokio for one task could run out while connections are
        // refused. Then a refused connection would lose its hangup, since it has one attempt to send it.
        unconstrained(poll_fn(|cx| self.poll(cx))).await;
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.driver {
            Driver::Tasks(accept_loop) => accept_loop.poll(cx, |connection| {
                #[cfg(all(feature = "handover", unix))]
                let connection = crate::handover::ConnectionTask(connection);
                #[cfg(not(all(feature = "handover", unix)))]
                let connection: audiosocket_server::io::Connection<
                    _,
                    TokioTimer,
                    A,
                > = connection;
                tokio::spawn(connection);
                Ok(())
            }),
            Driver::Batch(accept_loop, batch) => batch.poll_server(accept_loop, cx),
            Driver::Threads(accept_loop, workers) => workers.poll_server(accept_loop, cx),
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

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use std::mem::size_of;

    use audiosocket_server::io::Connection;
    use audiosocket_server::{Call, CallRequest, Handler, Refusal};
    use tokio::net::TcpStream;

    use super::*;
    use crate::runtime::TokioStream;

    /// An echo handler with state.
    struct Echo {
        _frames: u64,
    }

    impl Handler for Echo {
        fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
            audio.into()
        }
    }

    fn size_of_connection<A: Acceptor>(_: A) -> usize {
        size_of::<Connection<TokioStream<TcpStream>, TokioTimer, A>>()
    }

    /// The task is most of the memory of an idle call. tokio 1.54 adds 104 bytes and rounds up to a multiple of 128, so
    /// a connection that is 8 bytes larger takes 128 bytes more. With the feature `tls`, it has the most.
    #[test]
    fn the_task_of_a_call_takes_at_most_512_bytes() {
        let accept = |_: &CallRequest<'_>| -> Result<Echo, Refusal> { Ok(Echo { _frames: 0 }) };
        let size = size_of_connection(accept);
        assert!(size <= 512 - 104, "{size} bytes");
    }
}
