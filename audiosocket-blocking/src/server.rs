use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{fmt, io, thread};

use audiosocket_proto::{Audio, Uuid};
use audiosocket_server::io::{AcceptLoop, BoundSockets, ListenAddr, ServerConfig};
use audiosocket_server::{
    Acceptor, Callbacks, Exception, Incoming, IncomingCalls, Peer, Response, ServerHandle,
};
use rustix::event::{PollFd, PollFlags};

use crate::listener::{Listener, TcpListener};
use crate::runtime::{BlockingListener, ThreadTimer, drive};
use crate::thread_waker::ThreadWaker;
use crate::{IncomingCall, ServerBuilder};

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
pub fn start_server<A, E>(
    on_audio: A,
    on_exception: E,
    addr: impl Into<ListenAddr>,
) -> io::Result<Server<Callbacks>>
where
    A: for<'a> Fn(Uuid, &Peer, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
    E: Fn(Option<Uuid>, &Peer, &Exception) + Send + Sync + 'static,
{
    let callbacks = Callbacks::new(on_audio, on_exception);
    Server::builder().bind(addr).start(callbacks)
}

/// A server that listens.
///
/// [`accept`](Self::accept), [`serve_calls`](Self::serve_calls) and [`serve_forever`](Self::serve_forever) take
/// connections while they run. Otherwise connections wait in the kernel. Each call has a thread, and goes on while none
/// of these methods runs. Dropping the server ends all calls.
///
/// ```
/// use audiosocket_blocking::{CallEvent, Server};
/// use std::thread;
/// use std::time::Duration;
///
/// # fn main() -> std::io::Result<()> {
/// let mut server = Server::bind("127.0.0.1:0")?;
/// println!("listening on {:?}", server.local_addrs());
///
/// let handle = server.handle();
/// thread::spawn(move || {
///     // A program waits for a signal here, such as those of the crate `signal-hook`.
///     handle.shutdown(Duration::from_secs(5));
/// });
/// while let Some(mut call) = server.accept() {
///     thread::spawn(move || {
///         while let Some(event) = call.next() {
///             if let CallEvent::Dtmf(digit) = event {
///                 println!("{}: {digit}", call.uuid());
///             }
///         }
///     });
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a server does nothing until it is called"]
pub struct Server<A: Acceptor = Incoming, L = TcpListener> {
    accept_loop: AcceptLoop<BlockingListener<L>, ThreadTimer, A>,
    /// Wakes the thread that drives the server.
    waker: Arc<ThreadWaker>,
    stack_size: usize,
    handle: ServerHandle,
    local_addrs: Vec<SocketAddr>,
    /// `Some` for a server whose `accept` returns the calls.
    calls: Option<IncomingCalls>,
}

impl Server {
    /// Listens on an address, such as `"127.0.0.1:9092"`. [`accept`](Self::accept) then returns the calls.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved, bound or listened on. The error names the address.
    pub fn bind(addr: impl Into<ListenAddr>) -> io::Result<Self> {
        Self::builder().bind(addr).listen()
    }

    /// Returns a builder, which configures a server: addresses, limits, deadlines.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }
}

impl<L: Listener> Server<Incoming, L> {
    /// Takes connections from `listener`: for TLS and Unix sockets. [`accept`](Self::accept) then returns the calls.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors left.
    pub fn with_listener(listener: L) -> io::Result<Self> {
        Server::builder().with_listener(listener).listen()
    }

    /// Blocks the thread until the next call, and returns it. Returns `None` after a [shutdown](ServerHandle::shutdown) is
    /// complete.
    ///
    /// The server takes connections only while this method runs. So give each call to a thread, and accept the next
    /// one.
    ///
    /// # Panics
    ///
    /// If [`start`](ServerBuilder::start) made the server with an [`Incoming`] of your own. The [`IncomingCalls`] of
    /// that `Incoming` return the calls.
    pub fn accept(&mut self) -> Option<IncomingCall> {
        self.drive_until(|over, calls, cx| {
            let calls =
                calls.expect("`accept` needs a server from `bind`, `with_listener` or `listen`");
            match calls.poll_accept(cx) {
                Poll::Pending => over.map(|()| None),
                call => call,
            }
        })
        .map(IncomingCall::from)
    }

    /// Starts a thread that runs `talk(call)`, for each call. Returns after a [shutdown](ServerHandle::shutdown) is
    /// complete.
    ///
    /// The server takes connections only while this method runs. The result of `talk` is dropped. If `talk` panics,
    /// or the system has no thread left, the call is hung up.
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Panics
    ///
    /// The same as [`accept`](Self::accept).
    pub fn serve_calls<F, R>(mut self, talk: F) -> io::Result<()>
    where
        F: Fn(IncomingCall) -> R + Send + Sync + 'static,
    {
        let talk = Arc::new(talk);
        while let Some(call) = self.accept() {
            let uuid = call.uuid();
            let talk = Arc::clone(&talk);
            let thread = call_thread("audiosocket-talk", self.stack_size);
            if let Err(error) = thread.spawn(move || drop(talk(call))) {
                tracing::warn!(%uuid, %error, "a call was hung up because its thread could not be started; raise the limit of threads (ulimit -u)");
            }
        }
        Ok(())
    }
}

impl<A: Acceptor> Server<A> {
    pub(crate) fn on_tcp(
        acceptor: A,
        sockets: BoundSockets,
        config: &ServerConfig,
        stack_size: usize,
        max_unread: usize,
    ) -> io::Result<Self> {
        let tcp = sockets.tcp;
        let listeners = sockets.listeners.into_iter();
        let listeners = listeners.map(|socket| TcpListener::new(socket, tcp));
        let mut server = Self::on_listeners(acceptor, listeners, config, stack_size, max_unread)?;
        server.local_addrs = sockets.local_addrs;
        Ok(server)
    }
}

impl<A: Acceptor, L: Listener> Server<A, L> {
    pub(crate) fn on_listeners(
        acceptor: A,
        listeners: impl IntoIterator<Item = L>,
        config: &ServerConfig,
        stack_size: usize,
        max_unread: usize,
    ) -> io::Result<Self> {
        let listeners = listeners
            .into_iter()
            .map(|listener| BlockingListener::new(listener, max_unread));
        let accept_loop = AcceptLoop::new(acceptor, listeners, config);
        Ok(Self {
            handle: accept_loop.handle(),
            accept_loop,
            waker: ThreadWaker::new()?,
            stack_size,
            local_addrs: Vec::new(),
            calls: None,
        })
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

    /// Accepts and serves calls until a [shutdown](ServerHandle::shutdown) is complete. Each call has a thread.
    ///
    /// Errors of a connection or a handler do not end the server. If the system has no descriptors or memory left, the
    /// server pauses and tries again. If it has no thread left for a connection, the connection is closed.
    ///
    /// When this returns, all connections are closed and all handlers have had their last callback. Handlers that block
    /// are an exception: their threads cannot be waited for.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn serve_forever(mut self) -> io::Result<()> {
        self.drive_until(|over, _, _| over);
        Ok(())
    }

    /// Accepts connections until `done` is ready. The first argument of `done` is ready after the server has ended.
    fn drive_until<R>(
        &mut self,
        mut done: impl FnMut(Poll<()>, Option<&mut IncomingCalls>, &mut Context<'_>) -> Poll<R>,
    ) -> R {
        let waker = Waker::from(Arc::clone(&self.waker));
        let mut cx = Context::from_waker(&waker);
        loop {
            let stack_size = self.stack_size;
            let over = self.accept_loop.poll(&mut cx, |connection| {
                // Both threads own the connection, so that it is not lost if the thread cannot be started.
                let shared = Arc::new(Mutex::new(Some(connection)));
                let taken = Arc::clone(&shared);
                let spawned = call_thread("audiosocket-call", stack_size).spawn(move || {
                    // The connection stays on the heap. A value on the stack of the thread would take its memory
                    // until the thread ends.
                    let mut connection = lock(&taken);
                    if let Some(connection) = connection.as_mut() {
                        drive(connection);
                    }
                    *connection = None;
                });
                spawned.map(drop).inspect_err(|_| {
                    if let Some(connection) = lock(&shared).take() {
                        connection.turn_away();
                    }
                })
            });
            if let Poll::Ready(done) = done(over, self.calls.as_mut(), &mut cx) {
                return done;
            }
            let mut fds = vec![self.waker.poll_fd()];
            for listener in self.accept_loop.listeners() {
                fds.push(PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN));
            }
            self.waker.wait(&mut fds, self.accept_loop.deadline());
        }
    }
}

fn call_thread(name: &str, stack_size: usize) -> thread::Builder {
    thread::Builder::new()
        .name(name.to_owned())
        .stack_size(stack_size)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<A: Acceptor, L> fmt::Debug for Server<A, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("local_addrs", &self.local_addrs)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
