//! One timer of the reactor for all calls of the process.
//!
//! Each timer that is set wakes the reactor of `async-io`, which then waits for its eventfd and its timerfd again: about
//! ten system calls. The deadline of a call moves with each frame, and must not set a timer of the reactor.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use audiosocket_server::io::Timer;
use slab::Slab;

/// Timers fire in steps of this time, like those of tokio. Without steps, a thousand calls with playout would set the
/// timer of the reactor fifty thousand times a second. Audio that leaves every 20 ms stays on time.
const GRANULARITY: Duration = Duration::from_millis(1);

/// The delay after which the timer of the reactor counts as lost.
const LATE: Duration = Duration::from_millis(10);

static TIMERS: Mutex<Timers> = Mutex::new(Timers::new(None));

/// The waker that the timer of the reactor wakes.
static REACTOR_WAKER: LazyLock<Waker> = LazyLock::new(|| Waker::from(Arc::new(WakeTimers)));

struct WakeTimers;

/// All timers of the process.
struct Timers {
    /// Each wake-up is a whole multiple of [`GRANULARITY`] after this time.
    epoch: Option<Instant>,
    entries: Slab<TimerEntry>,
    /// Time and key of each wake-up.
    wake_ups: BTreeSet<(Instant, usize)>,
    /// The timer of the reactor for the first wake-up.
    next: Option<(Instant, async_io::Timer)>,
}

/// A timer that waits or has waited.
struct TimerEntry {
    deadline: Instant,
    /// Not later than the first wake-up time after the deadline. `None` after it has fired.
    wake_up: Option<Instant>,
    waker: Option<Waker>,
}

/// A timer on the clock of `async-io`, which is the clock of the system.
pub(crate) struct SmolTimer {
    deadline: Instant,
    /// The key of its entry in [`TIMERS`]. `None` before it has waited.
    key: Option<usize>,
}

impl Timer for SmolTimer {
    const GRANULARITY: Duration = GRANULARITY;

    const CHEAP_RESET: bool = true;

    fn now() -> Instant {
        Instant::now()
    }

    fn at(deadline: Instant) -> Self {
        Self {
            deadline,
            key: None,
        }
    }

    fn set(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if let Some(key) = self.key {
            lock().set_deadline(key, deadline);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Self::now() >= self.deadline {
            return Poll::Ready(());
        }
        let mut timers = lock();
        let key = *self
            .key
            .get_or_insert_with(|| timers.entries.insert(TimerEntry::new(self.deadline)));
        let replaced = timers.wait(key, cx.waker());
        let is_due = timers.set_next(Self::now());
        drop(timers);
        if is_due {
            REACTOR_WAKER.wake_by_ref();
        }
        // This may drop a task, and with it another timer.
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for SmolTimer {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let entry = lock().remove(key);
            drop(entry);
        }
    }
}

impl Wake for WakeTimers {
    fn wake(self: Arc<Self>) {
        loop {
            let now = Instant::now();
            let mut timers = lock();
            let due = timers.fire(now);
            let is_due = timers.set_next(now);
            drop(timers);
            due.into_iter().for_each(wake);
            if !is_due {
                return;
            }
        }
    }
}

/// A waker runs code of its executor. If that code panics, the other wakers still run.
fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

impl TimerEntry {
    fn new(deadline: Instant) -> Self {
        Self {
            deadline,
            wake_up: None,
            waker: None,
        }
    }
}

impl Timers {
    const fn new(epoch: Option<Instant>) -> Self {
        Self {
            epoch,
            entries: Slab::new(),
            wake_ups: BTreeSet::new(),
            next: None,
        }
    }

    /// Moves a deadline. Keeps a wake-up that is not later than the deadline.
    fn set_deadline(&mut self, key: usize, deadline: Instant) {
        let entry = &mut self.entries[key];
        entry.deadline = deadline;
        let latest = deadline + GRANULARITY;
        if let Some(wake_up) = entry.wake_up.take_if(|wake_up| *wake_up >= latest) {
            self.wake_ups.remove(&(wake_up, key));
        }
    }

    /// Wakes `waker` at the deadline. Returns the replaced waker.
    fn wait(&mut self, key: usize, waker: &Waker) -> Option<Waker> {
        let entry = &mut self.entries[key];
        if entry.wake_up.is_none() {
            let wake_up = wake_up_at(&mut self.epoch, entry.deadline);
            entry.wake_up = Some(wake_up);
            self.wake_ups.insert((wake_up, key));
        }
        match &entry.waker {
            Some(known) if known.will_wake(waker) => None,
            _ => entry.waker.replace(waker.clone()),
        }
    }

    fn remove(&mut self, key: usize) -> TimerEntry {
        let entry = self.entries.remove(key);
        if let Some(wake_up) = entry.wake_up {
            self.wake_ups.remove(&(wake_up, key));
        }
        entry
    }

    /// Returns the wakers of all timers that are due. If the first timer was moved, this also moves its wake-up, so that
    /// it does not wake its task too early.
    fn fire(&mut self, now: Instant) -> Vec<Waker> {
        self.next = None;
        let mut wakers = Vec::new();
        while let Some((wake_up, key)) = self.wake_ups.first().copied() {
            let entry = &mut self.entries[key];
            if entry.deadline > wake_up {
                let later = wake_up_at(&mut self.epoch, entry.deadline);
                entry.wake_up = Some(later);
                self.wake_ups.insert((later, key));
            } else if wake_up <= now {
                entry.wake_up = None;
                wakers.extend(entry.waker.take());
            } else {
                break;
            }
            self.wake_ups.remove(&(wake_up, key));
        }
        wakers
    }

    /// Sets the reactor's timer for the first wake-up. Returns whether the first wake-up is due already.
    ///
    /// After an error, even of another socket, the reactor drops the wakers that it was about to wake. So a timer that
    /// should have fired is replaced.
    fn set_next(&mut self, now: Instant) -> bool {
        let Some((first, _)) = self.wake_ups.first().copied() else {
            self.next = None;
            return false;
        };
        let will_fire = |at: Instant| at <= first && now < at + LATE;
        if self.next.as_ref().is_some_and(|(at, _)| will_fire(*at)) {
            return false;
        }
        let mut timer = async_io::Timer::at(first);
        let polled = Pin::new(&mut timer).poll(&mut Context::from_waker(&REACTOR_WAKER));
        self.next = polled.is_pending().then_some((first, timer));
        polled.is_ready()
    }
}

/// Returns the first wake-up time that is not before the deadline.
fn wake_up_at(epoch: &mut Option<Instant>, deadline: Instant) -> Instant {
    let epoch = epoch.get_or_insert(deadline);
    // A second is a whole multiple of the granularity.
    let unit = GRANULARITY.subsec_nanos();
    let beyond = deadline.saturating_duration_since(*epoch).subsec_nanos() % unit;
    deadline + Duration::from_nanos(((unit - beyond) % unit).into())
}

fn lock() -> MutexGuard<'static, Timers> {
    // A panic under the lock leaves the state valid, so a poisoned lock is usable.
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
