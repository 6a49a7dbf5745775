use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::{fmt, io, thread};

use audiosocket_proto::{Audio, Uuid};
use audiosocket_server::io::{AcceptLoop, ServerOptions};
use audiosocket_server::{Acceptor, Callbacks, Exception, Peer, Response, ServerHandle};
use rustix::event::{PollFd, PollFlags};

use crate::alarm::Alarm;
use crate::runtime::{BlockingListener, SystemTimer, drive};

/// What a call's thread has for its stack, unless [`Server::stack_size`] says otherwise.
const STACK_SIZE: usize = 256 * 1024;

/// Starts a server with two callbacks; [`Server::serve_forever`] then serves.
///
/// `on_audio(uuid, peer, audio)` gets every piece of audio and answers it; empty audio, exactly once
/// and last, says that the call is over. `on_exception(uuid, peer, error)` gets what went wrong, an
/// ordinary end not among it, and comes before that empty audio.
/// [`Callbacks`] says more, [`Server::start`] takes more: options, and a handler for each call.
///
/// # Errors
///
/// Those of resolving, binding and listening.
pub fn start_server<A, E>(
    on_audio: A,
    on_exception: E,
    addr: impl ToSocketAddrs,
) -> io::Result<Server<Callbacks>>
where
    A: for<'a> Fn(Uuid, &Peer, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
    E: Fn(Option<Uuid>, &Peer, &Exception) + Send + Sync + 'static,
{
    let callbacks = Callbacks::new(on_audio, on_exception);
    Server::start(callbacks, ServerOptions::new().bind(addr))
}

/// A server that listens; [`serve_forever`](Self::serve_forever) makes it serve. Connections that
/// come before that wait in the kernel.
///
/// ```
/// use audiosocket_blocking::{Audio, Call, CallRequest, Handler, Response, Server, ServerOptions};
/// use std::thread;
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
/// # fn main() -> std::io::Result<()> {
/// let options = ServerOptions::new().bind("127.0.0.1:0").bind("[::1]:0");
/// let server = Server::start(|_: &CallRequest<'_>| Ok(Second::default()), options)?;
/// println!("listening on {:?}", server.local_addrs());
///
/// let handle = server.handle();
/// thread::spawn(move || {
///     // In earnest: after a signal, such as those of the crate `signal-hook`.
///     handle.shutdown(Duration::from_secs(5));
/// });
/// server.serve_forever()
/// # }
/// ```
#[must_use = "it serves only in `serve_forever`"]
pub struct Server<A: Acceptor> {
    serving: AcceptLoop<BlockingListener, SystemTimer, A>,
    stack_size: usize,
}

impl<A: Acceptor> Server<A> {
    /// Opens the sockets. `acceptor` decides on each call and makes its handler: a closure,
    /// [`Callbacks`], or a type of your own.
    ///
    /// # Errors
    ///
    /// As [`ServerOptions::listen`]; `Unsupported` for a [wake
    /// interval](ServerOptions::wake_interval), since each call waits on a thread of its own.
    pub fn start(acceptor: A, options: ServerOptions) -> io::Result<Self> {
        let listening = options.listen()?;
        if listening.wake_interval.is_some() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "no wake interval where each call has a thread",
            ));
        }
        let session = listening.session;
        let serving = AcceptLoop::new(acceptor, listening, |socket| {
            Ok(BlockingListener::new(socket, session))
        });
        Ok(Self {
            serving: serving?,
            stack_size: STACK_SIZE,
        })
    }

    /// How much stack, in bytes, the thread of each call has, and so its handler. Default: 256 KiB,
    /// of which only what is used takes memory.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
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

    /// Accepts and serves calls, each on a thread of its own, until [`ServerHandle::shutdown`] has
    /// done its work.
    ///
    /// Nothing that a connection or a handler does ends it, and neither does a system that runs
    /// out of descriptors or memory: it waits and tries again. A connection for which there is no
    /// thread is closed.
    ///
    /// When it returns, all connections are closed and all handlers have been told, but for
    /// handlers that block: their threads cannot be waited for.
    ///
    /// # Errors
    ///
    /// When the system is out of descriptors before it has begun.
    pub fn serve_forever(mut self) -> io::Result<()> {
        let alarm = Alarm::new()?;
        let waker = Waker::from(Arc::clone(&alarm));
        let mut cx = Context::from_waker(&waker);
        let serve = |connection| {
            let thread = thread::Builder::new()
                .name("audiosocket-call".to_owned())
                .stack_size(self.stack_size);
            // Held by both, so that it is not lost with a thread that cannot be made.
            let seat = Arc::new(Mutex::new(Some(connection)));
            let taken = Arc::clone(&seat);
            let made = thread.spawn(move || {
                // Where it is, since what lies on a thread's stack once takes memory until it ends.
                let mut seat = hold(&taken);
                if let Some(connection) = seat.as_mut() {
                    drive(connection);
                }
                *seat = None;
            });
            made.map(drop).inspect_err(|_| {
                if let Some(connection) = hold(&seat).take() {
                    connection.turn_away();
                }
            })
        };
        while self.serving.poll(&mut cx, serve).is_pending() {
            let sockets = self.serving.listeners().map(|entrance| &entrance.socket);
            let mut fds = vec![alarm.poll_fd()];
            fds.extend(sockets.map(|socket| PollFd::new(socket, PollFlags::IN)));
            alarm.wait(&mut fds, self.serving.deadline());
        }
        Ok(())
    }
}

fn hold<T>(seat: &Mutex<T>) -> MutexGuard<'_, T> {
    seat.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<A: Acceptor> fmt::Debug for Server<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("serving", &self.serving)
            .finish_non_exhaustive()
    }
}
