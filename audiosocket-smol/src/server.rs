use std::future::poll_fn;
use std::net::{SocketAddr, ToSocketAddrs};
use std::{fmt, io};

use async_executor::Executor;
use audiosocket_proto::{Audio, Uuid};
use audiosocket_server::io::{AcceptLoop, BatchPoller, ServerOptions};
use audiosocket_server::{Acceptor, Callbacks, Exception, Peer, Response, ServerHandle};

use crate::clock::SystemTimer;
use crate::runtime::{Connection, SmolListener};

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
    let callbacks = Callbacks::new(on_audio, on_exception);
    Server::start(callbacks, ServerOptions::new().bind(addr)).await
}

/// A server that listens; [`serve_forever`](Self::serve_forever) makes it serve. Connections that
/// come before that wait in the kernel.
///
/// Works on every executor, those of smol and async-std among them.
///
/// ```
/// use audiosocket_smol::{Audio, Call, CallRequest, Handler, Response, Server, ServerOptions};
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
/// # fn main() -> std::io::Result<()> { smol::block_on(async {
/// let options = ServerOptions::new().bind("127.0.0.1:0").bind("[::1]:0");
/// let server = Server::start(|_: &CallRequest<'_>| Ok(Second::default()), options).await?;
/// println!("listening on {:?}", server.local_addrs());
///
/// let handle = server.handle();
/// smol::spawn(async move {
///     // In earnest: after a signal, such as those of the crate `async-signal`.
///     handle.shutdown(Duration::from_secs(5));
/// })
/// .detach();
/// server.serve_forever().await
/// # }) }
/// ```
#[must_use = "it serves only while `serve_forever` is awaited"]
pub struct Server<A: Acceptor> {
    serving: AcceptLoop<SmolListener, SystemTimer, A>,
}

impl<A: Acceptor> Server<A> {
    /// Opens the sockets. `acceptor` decides on each call and makes its handler: a closure,
    /// [`Callbacks`], or a type of your own.
    ///
    /// # Errors
    ///
    /// As [`ServerOptions::listen`].
    #[expect(
        clippy::unused_async,
        reason = "the same in every adapter; names may be resolved here"
    )]
    pub async fn start(acceptor: A, options: ServerOptions) -> io::Result<Self> {
        let serving = AcceptLoop::new(acceptor, options.listen()?, SmolListener::new)?;
        Ok(Self { serving })
    }

    /// The addresses that the server listens on, with the real port where 0 was asked for.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        self.serving.local_addrs()
    }

    /// Shuts the server down from elsewhere.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        self.serving.handle()
    }

    /// Accepts and serves calls until [`ServerHandle::shutdown`] has done its work.
    ///
    /// All calls run inside of this future, so wherever it is awaited is the thread that serves
    /// them. For more threads, start more servers on the same address, with
    /// [`reuse_port`](ServerOptions::reuse_port).
    ///
    /// Nothing that a connection or a handler does ends it, and neither does a system that runs
    /// out of descriptors or memory: it waits and tries again. Dropping the future closes all
    /// connections at once. When it returns, all connections are closed and all handlers have been
    /// told.
    ///
    /// # Errors
    ///
    /// With a [wake interval](ServerOptions::wake_interval), when the system is out of descriptors before
    /// it has begun.
    pub async fn serve_forever(mut self) -> io::Result<()> {
        if let Some(interval) = self.serving.wake_interval() {
            let crowd = BatchPoller::new(interval)?;
            crowd.serve(self.serving.bare(Connection::release)).await;
            return Ok(());
        }
        let executor = Executor::new();
        let serving = poll_fn(|cx| {
            self.serving.poll(cx, |connection| {
                executor.spawn(connection).detach();
                Ok(())
            })
        });
        executor.run(serving).await;
        Ok(())
    }
}

impl<A: Acceptor> fmt::Debug for Server<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("serving", &self.serving)
            .finish_non_exhaustive()
    }
}
