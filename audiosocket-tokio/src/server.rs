use std::future::poll_fn;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::time::Duration;
use std::{fmt, io};

use audiosocket_proto::{Audio, Uuid};
use audiosocket_server::io::{AcceptLoop, BatchPoller, ServerOptions};
use audiosocket_server::{Acceptor, Callbacks, Exception, Peer, Response, ServerHandle};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::unconstrained;
use tokio::time::sleep;

use crate::runtime::{TokioListener, TokioStream, TokioTimer};
use crate::threads;

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
    serving: AcceptLoop<TokioListener, TokioTimer, A>,
    threads: Option<NonZeroUsize>,
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
        let serving = AcceptLoop::new(acceptor, options.listen()?, |listener| {
            TcpListener::from_std(listener).map(TokioListener)
        });
        Ok(Self {
            serving: serving?,
            threads: None,
        })
    }

    /// Serves the calls on so many threads of the server's own, each with a current-thread runtime, and
    /// leaves accepting to the runtime that [`serve_forever`](Self::serve_forever) is awaited on.
    /// Connections go to the threads in turn, so that each has as many as the others; limits and shutdown
    /// are those of the one server. Default: none; each call is a task of the runtime.
    ///
    /// For servers with many calls: a multi-thread runtime balances its load by having its workers take
    /// tasks from each other, and wake each other for that, which costs more than it gives when all tasks
    /// are small and alike. As many threads as the machine has cores are enough, which
    /// [`available_parallelism`](std::thread::available_parallelism) tells. What it costs: a call stays on
    /// the thread that it came to, so that a handler which computes for long, or blocks, holds up the
    /// calls of that thread though others may be idle; and so does a thread whose calls happen to last
    /// longer than those of the others.
    ///
    /// Handlers run on these threads inside of their runtimes. What they give to `tokio::spawn` runs there,
    /// and ends with the server: the threads end when `serve_forever` returns or is dropped.
    ///
    /// Each thread gathers its own calls if there is a [wake interval](ServerOptions::wake_interval).
    ///
    /// ```
    /// use audiosocket_tokio::start_server;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = start_server(|_, _, audio| audio.into(), |_, _, _| {}, "127.0.0.1:0").await?;
    /// # server.handle().shutdown(std::time::Duration::ZERO);
    /// server.threads(std::thread::available_parallelism()?).serve_forever().await
    /// # }
    /// ```
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = Some(threads);
        self
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
    /// Nothing that a connection or a handler does ends it, and neither does a system that runs
    /// out of descriptors or memory: it waits and tries again. Dropping the future closes all
    /// connections at once.
    ///
    /// When it returns, all connections are closed and all handlers have been told, but for
    /// handlers that block: their threads are tokio's, and cannot be waited for.
    ///
    /// # Errors
    ///
    /// With [threads](Self::threads) or a [wake interval](ServerOptions::wake_interval), when the system is
    /// out of threads or descriptors before it has begun.
    ///
    /// # Panics
    ///
    /// With threads, if one of them did. No handler's panic does that.
    pub async fn serve_forever(mut self) -> io::Result<()> {
        let release = |stream: TokioStream<TcpStream>| stream.0.into_std();
        if let Some(threads) = self.threads {
            return threads::serve(self.serving.bare(release), threads).await;
        }
        if let Some(interval) = self.serving.wake_interval() {
            let crowd = BatchPoller::new(interval)?;
            crowd.serve(self.serving.bare(release)).await;
            return Ok(());
        }
        let serving = poll_fn(|cx| {
            self.serving.poll(cx, |connection| {
                tokio::spawn(connection);
                Ok(())
            })
        });
        // It takes turns by itself. Tokio's budget for one task would run out among connections that are
        // turned away, and these have one attempt to be told so.
        unconstrained(serving).await;
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

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use std::mem::size_of;

    use audiosocket_server::io::Connection;
    use audiosocket_server::{Call, CallRequest, Handler, Refusal};

    use super::*;

    /// An echo that counts.
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

    /// Most of what an idle call takes is its task, which tokio (1.54) aligns to 128 bytes and adds 104 to:
    /// 8 more than this, and each call takes 128 more.
    #[test]
    fn the_task_of_a_call_takes_512_bytes() {
        let accept = |_: &CallRequest<'_>| -> Result<Echo, Refusal> { Ok(Echo { _frames: 0 }) };
        let size = size_of_connection(accept);
        assert!(size <= 512 - 104, "{size} bytes");
    }
}
