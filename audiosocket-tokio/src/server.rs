use std::future::{Future, poll_fn};
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use audiosocket_net::{AcceptErrors, Listening, ServerOptions};
use audiosocket_proto::server::{Acceptor, Callbacks, Calls, Exception, Peer, Response};
use audiosocket_proto::{Audio, Uuid};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use crate::serve_stream;

/// How long a call may take, over its own [`linger`](crate::SessionConfig::linger), to end once it
/// is hung up at shutdown. Only a handler that blocks takes that long.
const HANGUP_MARGIN: Duration = Duration::from_secs(1);

/// Starts a server with two callbacks; [`Server::serve_forever`] then serves.
///
/// `on_audio(uuid, peer, audio)` gets every piece of audio and answers it; empty audio, exactly once
/// and last, says that the call is over. `on_exception(uuid, peer, error)` gets what went wrong, an
/// ordinary end not among it, and comes before that empty audio.
/// [`Callbacks`] says more, [`Server::start`] takes more: options, and a handler for each call.
///
/// Resolves `addr` at once, which can block if it is a name.
///
/// # Errors
///
/// Those of resolving, binding and listening.
pub async fn start_server<A, E>(
    on_audio: A,
    on_exception: E,
    addr: impl ToSocketAddrs,
) -> io::Result<Server<Callbacks>>
where
    A: for<'a> Fn(Uuid, &Peer, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
    E: Fn(Option<Uuid>, &Peer, &Exception) + Send + Sync + 'static,
{
    Server::start(
        Callbacks::new(on_audio, on_exception),
        ServerOptions::new().bind(addr),
    )
    .await
}

/// A server that listens; [`serve_forever`](Self::serve_forever) makes it serve. Connections that
/// come before that wait in the kernel.
///
/// Works on tokio's current-thread and multi-thread runtimes, with I/O and time enabled.
///
/// ```
/// use audiosocket_tokio::{Audio, Call, CallRequest, Handler, Response, Server, ServerOptions};
/// use std::time::Duration;
///
/// /// Hangs up after a second of audio.
/// #[derive(Default)]
/// struct Second {
///     samples: usize,
/// }
///
/// impl Handler for Second {
///     fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
///         self.samples += audio.samples().len();
///         if self.samples >= 8_000 { Response::Hangup } else { audio.into() }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let options = ServerOptions::new().bind("127.0.0.1:0").bind("[::1]:0");
/// let server = Server::start(|_: &CallRequest<'_>| Ok(Second::default()), options).await?;
/// println!("listening on {:?}", server.local_addrs());
///
/// let handle = server.handle();
/// tokio::spawn(async move {
///     // In earnest: tokio::signal::ctrl_c().await
///     handle.shutdown(Duration::from_secs(5));
/// });
/// server.serve_forever().await
/// # }
/// ```
#[must_use = "it serves only while `serve_forever` is awaited"]
pub struct Server<A: Acceptor> {
    acceptor: Arc<A>,
    listening: Listening,
    listeners: Vec<Listener>,
    shutdown: watch::Receiver<Option<Instant>>,
    handle: ServerHandle,
}

impl<A: Acceptor> Server<A> {
    /// Opens the sockets. `acceptor` decides on each call and makes its handler: a closure,
    /// [`Callbacks`], or a type of your own.
    ///
    /// # Errors
    ///
    /// As [`ServerOptions::listen`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and time enabled.
    #[expect(
        clippy::unused_async,
        reason = "the same in every adapter; names may be resolved here"
    )]
    pub async fn start(acceptor: A, options: ServerOptions) -> io::Result<Self> {
        // Panics without a timer, rather than later in every call.
        drop(sleep(Duration::ZERO));
        let mut listening = options.listen()?;
        let mut listeners = Vec::new();
        for listener in std::mem::take(&mut listening.listeners) {
            listeners.push(Listener::new(TcpListener::from_std(listener)?));
        }
        let (sender, shutdown) = watch::channel(None);
        let handle = ServerHandle {
            shutdown: Arc::new(sender),
            calls: Calls::default(),
        };
        Ok(Self {
            acceptor: Arc::new(acceptor),
            listening,
            listeners,
            shutdown,
            handle,
        })
    }

    /// The addresses that the server listens on, with the real port where 0 was asked for.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.listening.local_addrs
    }

    /// Shuts the server down from elsewhere.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Accepts and serves calls until [`ServerHandle::shutdown`] has done its work.
    ///
    /// Nothing that a connection or a handler does ends it, and neither does a system that runs
    /// out of descriptors or memory: it waits and tries again. Dropping the future closes all
    /// connections at once.
    ///
    /// When it returns, all connections are closed and all handlers have been told, but for
    /// handlers that block: their threads are tokio's, and cannot be waited for.
    ///
    /// # Errors
    ///
    /// None at present.
    pub async fn serve_forever(mut self) -> io::Result<()> {
        let mut connections = JoinSet::new();
        self.accept_until_shutdown(&mut connections).await;
        self.take_what_waits(&mut connections);
        self.drain(&mut connections).await;
        Ok(())
    }

    async fn accept_until_shutdown(&mut self, connections: &mut JoinSet<()>) {
        loop {
            let accepted = tokio::select! {
                _ = self.shutdown.wait_for(Option::is_some) => return,
                Some(finished) = connections.join_next() => {
                    log_panic(&finished);
                    continue;
                }
                accepted = accept(&mut self.listeners) => accepted,
            };
            let (stream, peer) = accepted;
            self.serve(stream, peer, connections);
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        if let Err(error) = self.listening.prepare(&stream) {
            tracing::debug!(%peer, %error, "a connection was gone before it was served");
            return;
        }
        let acceptor = Arc::clone(&self.acceptor);
        let session = self.listening.session;
        let calls = self.handle.calls.clone();
        connections.spawn(async move {
            serve_stream(stream, peer.into(), acceptor, session, &calls).await;
        });
    }

    /// Closes the listeners. Connections that wait in the kernel are calls to their callers
    /// already, and would be reset, so they are taken first.
    fn take_what_waits(&mut self, connections: &mut JoinSet<()>) {
        for listener in std::mem::take(&mut self.listeners) {
            let Ok(listener) = listener.socket.into_std() else {
                continue;
            };
            // A bound, since they may come faster than they are taken.
            for _ in 0..4096 {
                let Ok((stream, peer)) = listener.accept() else {
                    break;
                };
                let stream = stream
                    .set_nonblocking(true)
                    .and_then(|()| TcpStream::from_std(stream));
                if let Ok(stream) = stream {
                    self.serve(stream, peer, connections);
                }
            }
        }
    }

    /// Waits for the calls to end by themselves until the deadline, which may be moved closer
    /// meanwhile, and then hangs up what is left.
    async fn drain(&mut self, connections: &mut JoinSet<()>) {
        loop {
            let deadline = *self.shutdown.borrow_and_update();
            let deadline = deadline.unwrap_or_else(Instant::now);
            tokio::select! {
                () = all_ended(connections) => break,
                () = sleep_until(deadline) => break,
                _ = self.shutdown.changed() => {}
            }
        }
        self.handle.calls.shut_down();
        let patience = self.listening.session.linger.saturating_add(HANGUP_MARGIN);
        if timeout(patience, all_ended(connections)).await.is_err() {
            tracing::warn!(
                calls = connections.len(),
                "calls did not end at shutdown; dropping them"
            );
        }
        connections.abort_all();
        // Once aborted, a connection is closed and its handler told at once, but for a handler that
        // blocks: there is no waiting for that one.
        let _ = timeout(HANGUP_MARGIN, all_ended(connections)).await;
    }
}

impl<A: Acceptor> fmt::Debug for Server<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listening", &self.listening)
            .finish_non_exhaustive()
    }
}

/// Shuts a [`Server`] down, and sees its calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    /// By when the calls have to have ended.
    shutdown: Arc<watch::Sender<Option<Instant>>>,
    calls: Calls,
}

impl ServerHandle {
    /// Stops accepting, gives the calls that are going on `grace` to end by themselves, then hangs
    /// up the rest and lets [`Server::serve_forever`] return. Returns at once.
    ///
    /// Called again, it can shorten the time that is left and not extend it.
    pub fn shutdown(&self, grace: Duration) {
        let new = Instant::now().checked_add(grace);
        // An end that no clock can represent still stops accepting.
        let new = new.unwrap_or_else(|| Instant::now() + Duration::from_secs(365 * 24 * 3600));
        self.shutdown.send_modify(|deadline| {
            *deadline = Some(deadline.map_or(new, |old| old.min(new)));
        });
    }

    /// The connections that are open now.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
}

/// A listening socket, and how it fares.
struct Listener {
    socket: TcpListener,
    errors: AcceptErrors,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Listener {
    fn new(socket: TcpListener) -> Self {
        Self {
            socket,
            errors: AcceptErrors::default(),
            pause: None,
        }
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<(TcpStream, SocketAddr)> {
        loop {
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match std::task::ready!(self.socket.poll_accept(cx)) {
                Ok(accepted) => {
                    self.errors.accepted();
                    return Poll::Ready(accepted);
                }
                Err(error) => {
                    self.pause = self
                        .errors
                        .failed(&error)
                        .map(|pause| Box::pin(sleep(pause)));
                }
            }
        }
    }
}

/// The next connection on any of the listeners.
async fn accept(listeners: &mut [Listener]) -> (TcpStream, SocketAddr) {
    poll_fn(|cx| {
        for index in 0..listeners.len() {
            if let Poll::Ready(accepted) = listeners[index].poll_accept(cx) {
                // The others come first now, so that a busy listener does not starve them.
                listeners.rotate_left(index + 1);
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

/// Tasks, and not the registry of calls, in which a connection is only once its task has run.
async fn all_ended(connections: &mut JoinSet<()>) {
    while let Some(finished) = connections.join_next().await {
        log_panic(&finished);
    }
}

/// A task that ended by a panic is a bug of ours: handlers' panics do not get that far.
fn log_panic(finished: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = finished {
        tracing::error!(%error, "a connection's task failed");
    }
}
