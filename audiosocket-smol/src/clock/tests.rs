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
            clock: Clock::new(Some(start)),
            start,
            rings: Arc::default(),
        }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn sleeper(&mut self, millis: u64) -> usize {
        let waker = Waker::from(Arc::clone(&self.rings));
        self.sleeper_with(self.at(millis), &waker)
    }

    fn sleeper_with(&mut self, due: Instant, waker: &Waker) -> usize {
        let key = self.clock.sleepers.insert(Sleeper::new(due));
        drop(self.clock.sleep(key, waker));
        key
    }

    /// It sleeps on until then.
    fn sleep(&mut self, key: usize, millis: u64) {
        let waker = Waker::from(Arc::clone(&self.rings));
        let due = self.at(millis);
        self.clock.put(key, due);
        drop(self.clock.sleep(key, &waker));
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
        bench.sleeper_with(due, &waker);
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
    bench.sleeper_with(bench.at(10), &Waker::from(Arc::new(Broken)));
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
