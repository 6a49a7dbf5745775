use std::io;
use std::net::{SocketAddr, TcpStream};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::Lag;
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
    /// [reads ahead](crate::InboundBuffer).
    fn take_lag(&mut self) -> Option<Lag> {
        None
    }
}

/// A runtime's clock, and its sense of whose turn it is.
pub trait Timer {
    /// By how much it may be late of its own accord, since it counts in coarser units than
    /// nanoseconds.
    const GRANULARITY: Duration = Duration::ZERO;

    /// Whether to put a deadline off costs next to nothing, so that a timer is better moved in time than
    /// left to ring in vain.
    const CHEAP_RESET: bool = false;

    /// The time by that clock, which a runtime may make up.
    fn now() -> Instant;

    /// A timer that is ready from `deadline` on.
    fn at(deadline: Instant) -> Self;

    /// Moves the deadline.
    fn set(&mut self, deadline: Instant);

    /// Ready once the deadline has come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Has a task that has more to do polled again, after those to which something has come meanwhile.
    fn yield_now(cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }
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
/// frame does not touch the timer with every frame. One that is moved easily follows it at a distance, and
/// does not ring as long as the frames come.
pub(crate) struct CoalescingTimer<T> {
    set: Option<Set<T>>,
}

struct Set<T> {
    timer: T,
    /// `None` once it has rung.
    to: Option<Timestamp>,
    /// Whom it will wake.
    waker: Option<Waker>,
}

/// How far a timer that is moved easily may be behind its deadline: some frames.
const DISTANCE: Duration = Duration::from_millis(50);

impl<T> CoalescingTimer<T> {
    pub(crate) fn new() -> Self {
        Self { set: None }
    }
}

impl<T: Timer> CoalescingTimer<T> {
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
            Some(to) if to <= due && !is_far_behind::<T>(to, due) => {
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

/// Whether a timer that is set `to` this is better moved.
fn is_far_behind<T: Timer>(to: Timestamp, due: Timestamp) -> bool {
    T::CHEAP_RESET && due.saturating_since(to) >= DISTANCE
}

impl<T> Set<T> {
    fn wakes(&self, waker: &Waker) -> bool {
        self.waker
            .as_ref()
            .is_some_and(|known| known.will_wake(waker))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
        static SET: Cell<usize> = const { Cell::new(0) };
        static RUNG: Cell<usize> = const { Cell::new(0) };
        static START: Instant = Instant::now();
    }

    struct Followed<const EASILY: bool>(Instant);

    impl<const EASILY: bool> Timer for Followed<EASILY> {
        const CHEAP_RESET: bool = EASILY;

        fn now() -> Instant {
            START.with(|start| *start + NOW.get())
        }

        fn at(deadline: Instant) -> Self {
            Self(deadline)
        }

        fn set(&mut self, deadline: Instant) {
            SET.set(SET.get() + 1);
            self.0 = deadline;
        }

        fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
            if Self::now() < self.0 {
                return Poll::Pending;
            }
            RUNG.set(RUNG.get() + 1);
            Poll::Ready(())
        }
    }

    /// A second of frames, each of which puts the deadline off to 200 ms after it: how often the timer was
    /// set, and rang.
    fn put_off<const EASILY: bool>() -> (usize, usize) {
        let epoch = Epoch::new(Followed::<EASILY>::now());
        let mut timer = CoalescingTimer::<Followed<EASILY>>::new();
        let mut cx = Context::from_waker(Waker::noop());
        for millis in (0..1000).step_by(20) {
            NOW.set(Duration::from_millis(millis));
            let now = epoch.timestamp(Followed::<EASILY>::now());
            let deadline = now + Duration::from_millis(200);
            while timer.poll(&mut cx, &epoch, now, Some(deadline)).is_ready() {}
        }
        NOW.set(Duration::ZERO);
        (SET.take(), RUNG.take())
    }

    #[test]
    fn a_timer_that_is_moved_easily_does_not_ring_while_frames_come() {
        let (set, rung) = put_off::<true>();
        assert_eq!(rung, 0);
        assert!(set <= 50 / 3, "set {set} times for 50 frames");
    }

    #[test]
    fn another_timer_is_not_touched_until_it_rings() {
        let (set, rung) = put_off::<false>();
        assert_eq!((set, rung), (4, 4));
    }
}
