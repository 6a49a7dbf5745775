//! One timer of the reactor for all calls of the process.
//!
//! Each timer that is set wakes `async-io`'s reactor, which then waits for its eventfd and its timerfd
//! anew: some ten system calls. A call is to be put off with its frames, and must not set one.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use audiosocket_server::io::Timer;
use slab::Slab;

/// Alarms ring so often at most, as tokio's do: a thousand calls that are played to would set the reactor's
/// timer fifty thousand times a second. What is on time every 20 ms stays so.
const GRANULARITY: Duration = Duration::from_millis(1);

/// How late the reactor may be without having forgotten.
const LATE: Duration = Duration::from_millis(10);

static CLOCK: Mutex<Clock> = Mutex::new(Clock::new(None));

/// What the reactor wakes.
static BELL: LazyLock<Waker> = LazyLock::new(|| Waker::from(Arc::new(Bell)));

struct Bell;

struct Clock {
    /// Alarms are whole multiples of [`GRANULARITY`] after it.
    epoch: Option<Instant>,
    sleepers: Slab<Sleeper>,
    /// When, and whose.
    alarms: BTreeSet<(Instant, usize)>,
    /// For the first of them.
    next: Option<(Instant, async_io::Timer)>,
}

/// Whoever waits, or has waited.
struct Sleeper {
    due: Instant,
    /// Not later than the first alarm at which it is due; `None` once it has rung.
    alarm: Option<Instant>,
    waker: Option<Waker>,
}

/// By the clock of `async-io`, which is the system's.
pub(crate) struct SystemTimer {
    due: Instant,
    /// Who this is to the clock, if it has ever waited.
    key: Option<usize>,
}

impl Timer for SystemTimer {
    const GRANULARITY: Duration = GRANULARITY;

    const CHEAP_RESET: bool = true;

    fn now() -> Instant {
        Instant::now()
    }

    fn at(deadline: Instant) -> Self {
        Self {
            due: deadline,
            key: None,
        }
    }

    fn set(&mut self, deadline: Instant) {
        self.due = deadline;
        if let Some(key) = self.key {
            lock().put(key, deadline);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Self::now() >= self.due {
            return Poll::Ready(());
        }
        let mut clock = lock();
        let key = *self
            .key
            .get_or_insert_with(|| clock.sleepers.insert(Sleeper::new(self.due)));
        let replaced = clock.sleep(key, cx.waker());
        let rings = clock.set_next(Self::now());
        drop(clock);
        if rings {
            BELL.wake_by_ref();
        }
        // Which may drop a task, and with it another timer.
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for SystemTimer {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let sleeper = lock().remove(key);
            drop(sleeper);
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        loop {
            let now = Instant::now();
            let mut clock = lock();
            let due = clock.ring(now);
            let rings = clock.set_next(now);
            drop(clock);
            due.into_iter().for_each(wake);
            if !rings {
                return;
            }
        }
    }
}

/// Whoever is woken with others must not keep it from them: a waker is its executor's code.
fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

impl Sleeper {
    fn new(due: Instant) -> Self {
        Self {
            due,
            alarm: None,
            waker: None,
        }
    }
}

impl Clock {
    const fn new(epoch: Option<Instant>) -> Self {
        Self {
            epoch,
            sleepers: Slab::new(),
            alarms: BTreeSet::new(),
            next: None,
        }
    }

    /// It is due at that time from now on; an alarm that is not later remains.
    fn put(&mut self, key: usize, due: Instant) {
        let sleeper = &mut self.sleepers[key];
        sleeper.due = due;
        let latest = due + GRANULARITY;
        if let Some(alarm) = sleeper.alarm.take_if(|alarm| *alarm >= latest) {
            self.alarms.remove(&(alarm, key));
        }
    }

    /// Sees that it is woken; gives back the waker that it had before.
    fn sleep(&mut self, key: usize, waker: &Waker) -> Option<Waker> {
        let sleeper = &mut self.sleepers[key];
        if sleeper.alarm.is_none() {
            let alarm = alarm_at(&mut self.epoch, sleeper.due);
            sleeper.alarm = Some(alarm);
            self.alarms.insert((alarm, key));
        }
        match &sleeper.waker {
            Some(known) if known.will_wake(waker) => None,
            _ => sleeper.waker.replace(waker.clone()),
        }
    }

    fn remove(&mut self, key: usize) -> Sleeper {
        let sleeper = self.sleepers.remove(key);
        if let Some(alarm) = sleeper.alarm {
            self.alarms.remove(&(alarm, key));
        }
        sleeper
    }

    /// The wakers of all who are due. Whoever would be next but was put off is so at once, and not only
    /// when it would ring in vain.
    fn ring(&mut self, now: Instant) -> Vec<Waker> {
        self.next = None;
        let mut wakers = Vec::new();
        while let Some((alarm, key)) = self.alarms.first().copied() {
            let sleeper = &mut self.sleepers[key];
            if sleeper.due > alarm {
                let later = alarm_at(&mut self.epoch, sleeper.due);
                sleeper.alarm = Some(later);
                self.alarms.insert((later, key));
            } else if alarm <= now {
                sleeper.alarm = None;
                wakers.extend(sleeper.waker.take());
            } else {
                break;
            }
            self.alarms.remove(&(alarm, key));
        }
        wakers
    }

    /// Has the reactor wake the bell for the first alarm; tells whether it should have rung already.
    ///
    /// A reactor that meets an error, be it with a socket of somebody else's, forgets whom it was about to
    /// wake. So one that should have rung is not relied on.
    fn set_next(&mut self, now: Instant) -> bool {
        let Some((first, _)) = self.alarms.first().copied() else {
            self.next = None;
            return false;
        };
        let will_ring = |at: Instant| at <= first && now < at + LATE;
        if self.next.as_ref().is_some_and(|(at, _)| will_ring(*at)) {
            return false;
        }
        let mut timer = async_io::Timer::at(first);
        let polled = Pin::new(&mut timer).poll(&mut Context::from_waker(&BELL));
        self.next = polled.is_pending().then_some((first, timer));
        polled.is_ready()
    }
}

/// The first alarm that is not before `due`.
fn alarm_at(epoch: &mut Option<Instant>, due: Instant) -> Instant {
    let epoch = epoch.get_or_insert(due);
    // Of which a second is a whole multiple.
    let unit = GRANULARITY.subsec_nanos();
    let beyond = due.saturating_duration_since(*epoch).subsec_nanos() % unit;
    due + Duration::from_nanos(((unit - beyond) % unit).into())
}

fn lock() -> MutexGuard<'static, Clock> {
    // What could panic under the lock leaves nothing half done, so a poisoned one is as good as any.
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
