use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Timers that the test fires.
struct Rig {
    timers: Timers,
    start: Instant,
    wakes: Arc<Wakes>,
}

impl Rig {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            timers: Timers::new(Some(start)),
            start,
            wakes: Arc::default(),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn timer(&mut self, millis: u64) -> usize {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.timer_with(self.at(millis), &waker)
    }

    fn timer_with(&mut self, due: Instant, waker: &Waker) -> usize {
        let key = self.timers.entries.insert(TimerEntry::new(due));
        drop(self.timers.wait(key, waker));
        key
    }

    /// Moves the deadline, and waits for it.
    fn wait_until(&mut self, key: usize, millis: u64) {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let due = self.at(millis);
        self.timers.set_deadline(key, due);
        drop(self.timers.wait(key, &waker));
    }

    /// Fires the timers that are due. Returns the number of wake-ups, and the time of the next one.
    fn fire(&mut self, millis: u64) -> (usize, Option<u128>) {
        let before = self.wakes.0.load(Ordering::Relaxed);
        let woken = self.timers.fire(self.at(millis));
        woken.into_iter().for_each(wake);
        let next = self.timers.wake_ups.first();
        (
            self.wakes.0.load(Ordering::Relaxed) - before,
            next.map(|(at, _)| at.duration_since(self.start).as_millis()),
        )
    }
}

#[test]
fn each_timer_fires_once_when_it_is_due() {
    let mut rig = Rig::new();
    for millis in [30, 10, 20, 10] {
        rig.timer(millis);
    }
    assert_eq!(rig.fire(9), (0, Some(10)));
    assert_eq!(rig.fire(10), (2, Some(20)));
    assert_eq!(rig.fire(10), (0, Some(20)));
    assert_eq!(rig.fire(50), (2, None));
}

#[test]
fn timers_of_one_millisecond_fire_together_and_not_too_early() {
    let mut rig = Rig::new();
    let waker = Waker::from(Arc::clone(&rig.wakes));
    for micros in [9_001, 9_500, 10_000, 10_001] {
        let due = rig.start + Duration::from_micros(micros);
        rig.timer_with(due, &waker);
    }
    assert_eq!(rig.fire(9), (0, Some(10)));
    assert_eq!(rig.fire(10), (3, Some(11)));
    assert_eq!(rig.fire(11), (1, None));
}

#[test]
fn a_timer_that_moves_again_and_again_wakes_no_task() {
    let mut rig = Rig::new();
    let keys = [200, 205, 210].map(|millis| rig.timer(millis));
    let mut fired = 0;
    for now in (0..1000).step_by(20) {
        for (later, key) in (now + 200..).zip(keys) {
            let due = rig.at(later);
            rig.timers.set_deadline(key, due);
        }
        let (first, _) = *rig.timers.wake_ups.first().unwrap();
        if first <= rig.at(now) {
            fired += 1;
            assert_eq!(rig.fire(now).0, 0);
        }
    }
    assert!(
        fired <= 5,
        "fired {fired} times in a second for three calls"
    );
}

#[test]
fn a_timer_that_is_moved_to_an_earlier_time_fires_then() {
    let mut rig = Rig::new();
    let key = rig.timer(200);
    rig.wait_until(key, 50);
    assert_eq!(rig.fire(50), (1, None));
    // The timer can wait again.
    rig.wait_until(key, 70);
    assert_eq!(rig.fire(60), (0, Some(70)));
    assert_eq!(rig.fire(70), (1, None));
}

#[test]
fn a_dropped_timer_leaves_no_entry() {
    let mut rig = Rig::new();
    let key = rig.timer(200);
    let gone = rig.timers.remove(key);
    assert!(gone.waker.is_some());
    assert!(rig.timers.entries.is_empty() && rig.timers.wake_ups.is_empty());
}

#[test]
fn a_lost_timer_of_the_reactor_is_replaced() {
    let mut rig = Rig::new();
    rig.timer(0);
    rig.timer(3_600_000);
    // The timer should have fired already.
    rig.timers.next = Some((rig.at(0), async_io::Timer::never()));
    let now = rig.at(1_000);
    assert!(rig.timers.set_next(now), "the first is due");
    assert_eq!(rig.fire(1_000), (1, Some(3_600_000)));
    assert!(!rig.timers.set_next(now));
    let (at, _) = rig.timers.next.as_ref().unwrap();
    assert_eq!(*at, rig.at(3_600_000));
}

#[test]
fn other_wakers_run_after_a_waker_has_panicked() {
    struct Broken;

    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("an executor that is closed");
        }
    }

    let mut rig = Rig::new();
    rig.timer_with(rig.at(10), &Waker::from(Arc::new(Broken)));
    rig.timer(11);
    assert_eq!(rig.fire(20), (1, None));
}

#[test]
fn the_reactor_fires_no_timer_before_it_is_due() {
    let start = Instant::now();
    let due = [40, 20, 60, 20].map(|millis| start + Duration::from_millis(millis));
    let mut timers = due.map(SmolTimer::at);
    // The last timer is moved while it waits.
    let later = start + Duration::from_millis(80);
    async_io::block_on(poll_fn(|cx| {
        let waiting = timers.iter_mut().filter_map(|timer| {
            let polled = timer.poll(cx);
            assert!(polled.is_pending() || Instant::now() >= timer.deadline);
            polled.is_pending().then_some(())
        });
        let any = waiting.count() > 0;
        if timers[3].deadline != later {
            timers[3].set(later);
            assert!(timers[3].poll(cx).is_pending());
        }
        if any { Poll::Pending } else { Poll::Ready(()) }
    }));
    assert!(Instant::now() >= later);
}
