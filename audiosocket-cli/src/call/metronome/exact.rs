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

/// One timer of the kernel for all callers.
///
/// A runtime's own timers tick once in a millisecond, and what is due in it is done at once: a thousand
/// callers would send in bunches of twenty, which no server meets that has a thousand real ones, and
/// which is a good deal less work for it.
#[derive(Debug)]
pub(in super::super) struct Metronome {
    /// Tells of each time that it rings, and is never read.
    fd: AsyncFd<OwnedFd>,
    beats: Mutex<Beats>,
}

#[derive(Debug, Default)]
struct Beats {
    /// When, whose, and whom to wake.
    waiting: BTreeMap<Key, Waker>,
    callers: u64,
    set_to: Option<Instant>,
}

/// When a caller is to be woken, and which one it is.
type Key = (Instant, u64);

impl Metronome {
    /// # Errors
    ///
    /// Those of `timerfd_create(2)`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(in super::super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "unsound for what does not keep its descriptor, as an `OwnedFd` does; what replaces it is unsafe"
        )]
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok(Self {
            fd,
            beats: Mutex::default(),
        })
    }

    /// Keeps time, until it is dropped.
    pub(in super::super) async fn run(&self) -> io::Result<()> {
        loop {
            self.beat(Instant::now())?;
            self.fd.readable().await?.clear_ready();
        }
    }

    /// Wakes all whose time has come, and sets the timer for the next.
    fn beat(&self, now: Instant) -> io::Result<()> {
        let mut beats = self.lock();
        while let Some(next) = beats.waiting.first_entry()
            && next.key().0 <= now
        {
            next.remove().wake();
        }
        beats.set_to = beats.waiting.first_key_value().map(|((due, _), _)| *due);
        beats.set_to.map_or(Ok(()), |due| self.set(due))
    }

    fn add(&self, key: Key, waker: Waker) -> io::Result<()> {
        let (due, _) = key;
        let mut beats = self.lock();
        beats.waiting.insert(key, waker);
        if beats.set_to.is_some_and(|set_to| set_to <= due) {
            return Ok(());
        }
        beats.set_to = Some(due);
        self.set(due)
    }

    fn remove(&self, key: Key) {
        let waker = self.lock().waiting.remove(&key);
        drop(waker);
    }

    fn set(&self, due: Instant) -> io::Result<()> {
        let after = due.saturating_duration_since(Instant::now());
        // Zero would stop it.
        let after = after.max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(after).map_err(io::Error::other)?,
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one caller.
#[derive(Debug)]
pub(in super::super) struct Timer<'m> {
    metronome: &'m Metronome,
    key: Key,
    /// The metronome knows of it.
    told: bool,
}

impl<'m> Timer<'m> {
    pub(in super::super) fn new(metronome: &'m Metronome, due: Instant) -> Self {
        let mut beats = metronome.lock();
        beats.callers += 1;
        Self {
            metronome,
            key: (due, beats.callers),
            told: false,
        }
    }

    pub(in super::super) fn reset(&mut self, due: Instant) {
        if due != self.key.0 {
            self.forget();
            self.key.0 = due;
        }
    }

    /// Ready once its time has come. To be polled by one task only.
    ///
    /// # Errors
    ///
    /// Those of `timerfd_settime(2)`.
    pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.key.0 <= Instant::now() {
            return Poll::Ready(Ok(()));
        }
        if !self.told {
            if let Err(error) = self.metronome.add(self.key, cx.waker().clone()) {
                return Poll::Ready(Err(error));
            }
            self.told = true;
        }
        Poll::Pending
    }

    fn forget(&mut self) {
        if std::mem::take(&mut self.told) {
            self.metronome.remove(self.key);
        }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}
