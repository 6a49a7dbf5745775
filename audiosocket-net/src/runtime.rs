use std::io;
use std::net::{SocketAddr, TcpStream};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use audiosocket_proto::server::Lag;
use audiosocket_proto::{Epoch, Timestamp};
use socket2::SockRef;

/// A stream of bytes both ways, as a runtime drives it: `AsyncRead` and `AsyncWrite` without a
/// runtime's own types.
pub trait Stream {
    /// Reads into `buffer`; 0 at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes the front of `bytes`, and tells how much that was.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Sees that what was written leaves.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Closes the writing side only.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// What the stream dropped ahead of what it reads next. Nothing, unless it
    /// [reads ahead](audiosocket_proto::server::Backlog).
    fn take_lag(&mut self) -> Option<Lag> {
        None
    }
}

/// A runtime's clock.
pub trait Timer {
    /// By how much it may be late of its own accord, since it counts in coarser units than
    /// nanoseconds.
    const GRANULARITY: Duration = Duration::ZERO;

    /// The time by that clock, which a runtime may make up.
    fn now() -> Instant;

    /// A timer that is ready from `deadline` on.
    fn at(deadline: Instant) -> Self;

    /// Moves the deadline.
    fn set(&mut self, deadline: Instant);

    /// Ready once the deadline has come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A listening socket, as a runtime drives it.
pub trait Listener {
    /// What it accepts.
    type Stream: Stream;

    /// The next connection.
    ///
    /// # Errors
    ///
    /// Those of `accept(2)`.
    fn poll_accept(&mut self, cx: &mut Context<'_>)
    -> Poll<io::Result<(Self::Stream, SocketAddr)>>;

    /// The listening socket itself.
    fn socket(&self) -> SockRef<'_>;

    /// Takes over a non-blocking connection that was accepted from [`socket`](Self::socket).
    ///
    /// # Errors
    ///
    /// Those of the runtime.
    fn adopt(&mut self, connection: TcpStream) -> io::Result<Self::Stream>;

    /// Has `apply` set the options of a connection's socket.
    ///
    /// # Errors
    ///
    /// Those of `apply`.
    fn configure(
        connection: &Self::Stream,
        apply: impl FnOnce(&SockRef<'_>) -> io::Result<()>,
    ) -> io::Result<()>;
}

/// A timer that is there only while there is a deadline, and that is asked only when it may have come.
///
/// It may be set earlier than the deadline, never later, so that a deadline which moves with every
/// frame does not touch the timer with every frame.
pub(crate) struct LazyTimer<T> {
    set: Option<Set<T>>,
}

struct Set<T> {
    timer: T,
    /// `None` once it has rung.
    to: Option<Timestamp>,
    /// Whom it will wake.
    waker: Option<Waker>,
}

impl<T> LazyTimer<T> {
    pub(crate) fn new() -> Self {
        Self { set: None }
    }
}

impl<T: Timer> LazyTimer<T> {
    /// Ready if `deadline` may have come, which is a time of `epoch` as `now` is.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        epoch: &Epoch,
        now: Timestamp,
        deadline: Option<Timestamp>,
    ) -> Poll<()> {
        let due = deadline.and_then(|due| Some((due, epoch.instant(due)?)));
        let Some((due, instant)) = due else {
            self.set = None;
            return Poll::Pending;
        };
        let set = self.set.get_or_insert_with(|| Set {
            timer: T::at(instant),
            to: Some(due),
            waker: None,
        });
        match set.to {
            Some(to) if to <= due => {
                if now < to && set.wakes(cx.waker()) {
                    return Poll::Pending;
                }
            }
            _ => {
                set.timer.set(instant);
                set.to = Some(due);
            }
        }
        if set.timer.poll(cx).is_ready() {
            set.to = None;
            return Poll::Ready(());
        }
        match &mut set.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl<T> Set<T> {
    fn wakes(&self, waker: &Waker) -> bool {
        self.waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
    }
}
