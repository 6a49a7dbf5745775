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

use audiosocket_net::Timer;
use slab::Slab;

/// Alarms ring so often at most, as tokio's do: a thousand calls that are played to would set the reactor's
/// timer fifty thousand times a second. What is on time every 20 ms stays so.
const GRANULARITY: Duration = Duration::from_millis(1);

/// How late the reactor may be without having forgotten.
const LATE: Duration = Duration::from_millis(10);

static CLOCK: Mutex<Clock> = Mutex::new(Clock {
    epoch: None,
    sleepers: Slab::new(),
    alarms: BTreeSet::new(),
    next: None,
});

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
    /// Not later than the first that it may be when it is due; `None` once it has rung.
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

    const IS_MOVED_EASILY: bool = true;

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
        let replaced = clock.sleep(key, self.due, cx.waker());
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
    fn sleep(&mut self, key: usize, due: Instant, waker: &Waker) -> Option<Waker> {
        self.put(key, due);
        let sleeper = &mut self.sleepers[key];
        if sleeper.alarm.is_none() {
            let alarm = alarm_at(&mut self.epoch, due);
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
    let unit = GRANULARITY.as_nanos();
    let beyond = due.saturating_duration_since(*epoch).as_nanos() % unit;
    match u64::try_from((unit - beyond) % unit) {
        Ok(rest) => due.checked_add(Duration::from_nanos(rest)).unwrap_or(due),
        Err(_) => due,
    }
}

fn lock() -> MutexGuard<'static, Clock> {
    // What could panic under the lock leaves nothing half done, so a poisoned one is as good as any.
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Rings(AtomicUsize);

    impl Wake for Rings {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A clock that is rung by hand.
    struct Bench {
        clock: Clock,
        start: Instant,
        rings: Arc<Rings>,
    }

    impl Bench {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                clock: Clock {
                    epoch: Some(start),
                    sleepers: Slab::new(),
                    alarms: BTreeSet::new(),
                    next: None,
                },
                start,
                rings: Arc::default(),
            }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        fn sleeper(&mut self, millis: u64) -> usize {
            let due = self.at(millis);
            let key = self.clock.sleepers.insert(Sleeper::new(due));
            self.sleep(key, millis);
            key
        }

        fn sleep(&mut self, key: usize, millis: u64) {
            let waker = Waker::from(Arc::clone(&self.rings));
            let due = self.at(millis);
            drop(self.clock.sleep(key, due, &waker));
        }

        /// How many were woken by it, and when it rings next.
        fn ring(&mut self, millis: u64) -> (usize, Option<u128>) {
            let before = self.rings.0.load(Ordering::Relaxed);
            let woken = self.clock.ring(self.at(millis));
            woken.into_iter().for_each(wake);
            let next = self.clock.alarms.first();
            (
                self.rings.0.load(Ordering::Relaxed) - before,
                next.map(|(at, _)| at.duration_since(self.start).as_millis()),
            )
        }
    }

    #[test]
    fn each_is_woken_once_when_it_is_due() {
        let mut bench = Bench::new();
        for millis in [30, 10, 20, 10] {
            bench.sleeper(millis);
        }
        assert_eq!(bench.ring(9), (0, Some(10)));
        assert_eq!(bench.ring(10), (2, Some(20)));
        assert_eq!(bench.ring(10), (0, Some(20)));
        assert_eq!(bench.ring(50), (2, None));
    }

    #[test]
    fn those_of_one_millisecond_ring_together_and_not_too_early() {
        let mut bench = Bench::new();
        let waker = Waker::from(Arc::clone(&bench.rings));
        for micros in [9_001, 9_500, 10_000, 10_001] {
            let due = bench.start + Duration::from_micros(micros);
            let key = bench.clock.sleepers.insert(Sleeper::new(due));
            drop(bench.clock.sleep(key, due, &waker));
        }
        assert_eq!(bench.ring(9), (0, Some(10)));
        assert_eq!(bench.ring(10), (3, Some(11)));
        assert_eq!(bench.ring(11), (1, None));
    }

    #[test]
    fn who_is_put_off_again_and_again_rings_for_nobody() {
        let mut bench = Bench::new();
        let talking = [200, 205, 210].map(|millis| bench.sleeper(millis));
        let mut rings = 0;
        for now in (0..1000).step_by(20) {
            for (later, key) in (now + 200..).zip(talking) {
                let due = bench.at(later);
                bench.clock.put(key, due);
            }
            let (first, _) = *bench.clock.alarms.first().unwrap();
            if first <= bench.at(now) {
                rings += 1;
                assert_eq!(bench.ring(now).0, 0);
            }
        }
        assert!(rings <= 5, "{rings} rings in a second for three calls");
    }

    #[test]
    fn who_is_due_earlier_than_before_is_woken_then() {
        let mut bench = Bench::new();
        let key = bench.sleeper(200);
        bench.sleep(key, 50);
        assert_eq!(bench.ring(50), (1, None));
        // And can sleep again.
        bench.sleep(key, 70);
        assert_eq!(bench.ring(60), (0, Some(70)));
        assert_eq!(bench.ring(70), (1, None));
    }

    #[test]
    fn nothing_is_left_of_who_is_gone() {
        let mut bench = Bench::new();
        let key = bench.sleeper(200);
        let gone = bench.clock.remove(key);
        assert!(gone.waker.is_some());
        assert!(bench.clock.sleepers.is_empty() && bench.clock.alarms.is_empty());
    }

    #[test]
    fn a_bell_that_got_lost_is_made_up_for() {
        let mut bench = Bench::new();
        bench.sleeper(0);
        bench.sleeper(3_600_000);
        // It was to ring long ago.
        bench.clock.next = Some((bench.at(0), async_io::Timer::never()));
        let now = bench.at(1_000);
        assert!(bench.clock.set_next(now), "the first is due");
        assert_eq!(bench.ring(1_000), (1, Some(3_600_000)));
        assert!(!bench.clock.set_next(now));
        let (at, _) = bench.clock.next.as_ref().unwrap();
        assert_eq!(*at, bench.at(3_600_000));
    }

    #[test]
    fn a_waker_that_panics_keeps_nobody_from_being_woken() {
        struct Broken;

        impl Wake for Broken {
            fn wake(self: Arc<Self>) {
                panic!("an executor that is gone");
            }
        }

        let mut bench = Bench::new();
        let due = bench.at(10);
        let key = bench.clock.sleepers.insert(Sleeper::new(due));
        drop(bench.clock.sleep(key, due, &Waker::from(Arc::new(Broken))));
        bench.sleeper(11);
        assert_eq!(bench.ring(20), (1, None));
    }

    #[test]
    fn the_reactor_rings_it_not_before_it_is_due() {
        let start = Instant::now();
        let due = [40, 20, 60, 20].map(|millis| start + Duration::from_millis(millis));
        let mut timers = due.map(SystemTimer::at);
        // The last is put off while it sleeps.
        let later = start + Duration::from_millis(80);
        async_io::block_on(poll_fn(|cx| {
            let waiting = timers.iter_mut().filter_map(|timer| {
                let polled = timer.poll(cx);
                assert!(polled.is_pending() || Instant::now() >= timer.due);
                polled.is_pending().then_some(())
            });
            let any = waiting.count() > 0;
            if timers[3].due != later {
                timers[3].set(later);
                assert!(timers[3].poll(cx).is_pending());
            }
            if any { Poll::Pending } else { Poll::Ready(()) }
        }));
        assert!(Instant::now() >= later);
    }
}
