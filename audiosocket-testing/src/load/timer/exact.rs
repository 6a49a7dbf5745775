use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One timer of the kernel (`timerfd`) for all callers.
///
/// The timers of Tokio have a resolution of one millisecond: a thousand callers would send in groups
/// of twenty. Real callers do not, and groups are less work for a server.
#[derive(Debug)]
pub(in crate::load) struct SharedTimer {
    /// The descriptor is readable when the timer expires. It is never read.
    fd: AsyncFd<OwnedFd>,
    queue: Mutex<TimerQueue>,
}

#[derive(Debug, Default)]
struct TimerQueue {
    /// The waker of each pending timer.
    waiting: BTreeMap<Key, Waker>,
    /// The number of callers so far.
    callers: u64,
    /// The time to which the kernel's timer is set.
    set_to: Option<Instant>,
}

/// The deadline and the number of a caller.
type Key = (Instant, u64);

impl SharedTimer {
    /// # Errors
    ///
    /// The errors of `timerfd_create(2)`.
    ///
    /// # Panics
    ///
    /// If it is called outside of a Tokio runtime.
    pub(in crate::load) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "unsound for types that do not keep their descriptor, which `OwnedFd` does; the replacement is unsafe"
        )]
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok(Self {
            fd,
            queue: Mutex::default(),
        })
    }

    /// Wakes callers at their deadlines, until the future is dropped.
    pub(in crate::load) async fn run(&self) -> io::Result<()> {
        loop {
            self.wake_due(Instant::now())?;
            self.fd.readable().await?.clear_ready();
        }
    }

    /// Wakes all callers that are due, and sets the timer for the next.
    fn wake_due(&self, now: Instant) -> io::Result<()> {
        let mut queue = self.lock();
        while let Some(next) = queue.waiting.first_entry()
            && next.key().0 <= now
        {
            next.remove().wake();
        }
        queue.set_to = queue.waiting.first_key_value().map(|((due, _), _)| *due);
        queue.set_to.map_or(Ok(()), |due| self.set(due))
    }

    fn add(&self, key: Key, waker: Waker) -> io::Result<()> {
        let (due, _) = key;
        let mut queue = self.lock();
        queue.waiting.insert(key, waker);
        if queue.set_to.is_some_and(|set_to| set_to <= due) {
            return Ok(());
        }
        queue.set_to = Some(due);
        self.set(due)
    }

    fn remove(&self, key: Key) {
        let waker = self.lock().waiting.remove(&key);
        drop(waker);
    }

    fn set(&self, due: Instant) -> io::Result<()> {
        let after = due.saturating_duration_since(Instant::now());
        // A duration of zero would stop the timer.
        let after = after.max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(after).map_err(io::Error::other)?,
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, TimerQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The timer of one caller.
#[derive(Debug)]
pub(in crate::load) struct CallTimer<'t> {
    shared: &'t SharedTimer,
    key: Key,
    /// True if the shared timer has `key`.
    registered: bool,
}

impl<'t> CallTimer<'t> {
    pub(in crate::load) fn new(shared: &'t SharedTimer, due: Instant) -> Self {
        let mut queue = shared.lock();
        queue.callers += 1;
        Self {
            shared,
            key: (due, queue.callers),
            registered: false,
        }
    }

    pub(in crate::load) fn reset(&mut self, due: Instant) {
        if due != self.key.0 {
            self.forget();
            self.key.0 = due;
        }
    }

    /// Waits until the deadline. Only one task may poll the future.
    ///
    /// # Errors
    ///
    /// The errors of `timerfd_settime(2)`.
    pub(in crate::load) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.key.0 <= Instant::now() {
            return Poll::Ready(Ok(()));
        }
        if !self.registered {
            if let Err(error) = self.shared.add(self.key, cx.waker().clone()) {
                return Poll::Ready(Err(error));
            }
            self.registered = true;
        }
        Poll::Pending
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.registered) {
            self.shared.remove(self.key);
        }
    }
}

impl Drop for CallTimer<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}
