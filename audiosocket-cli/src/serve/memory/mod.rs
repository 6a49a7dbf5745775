//! Refuses calls before memory runs out. An allocation that fails ends the process, and so does the
//! kernel when a cgroup is full; both end every call.

mod limit;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_server::io::LogRateLimit;
use audiosocket_tokio::ServerHandle;

use limit::{Filled, Limits};

/// How often it is looked at, beside when a connection comes: calls that go on can take more too.
const PERIOD: Duration = Duration::from_millis(100);

/// The same where a limit is near.
const NEAR_PERIOD: Duration = Duration::from_millis(10);

/// The same where there is none, though one may be set later, or where half of it is left: to look takes
/// ten system calls.
const FAR_PERIOD: Duration = Duration::from_secs(5);

/// How long it goes without another look that a cgroup had plenty: a flood of connections would spend most
/// of its time with looking, and does not use all that up in so short a time: 48 MiB at the least. Address space
/// it could, where each connection has a thread with its stack.
const TRUST: Duration = Duration::from_millis(10);

/// What is left of the memory, and who refuses calls when that is too little.
#[derive(Debug)]
pub(super) struct Memory {
    limits: Limits,
    seen: Mutex<Seen>,
    lines: LogRateLimit,
    /// Once there is one.
    server: OnceLock<ServerHandle>,
}

#[derive(Debug, Default)]
struct Seen {
    gauge: Gauge,
    /// When there was plenty.
    plenty: Option<Instant>,
}

impl Seen {
    fn still_holds(&self, now: Instant) -> bool {
        self.plenty
            .is_some_and(|at| now.saturating_duration_since(at) < TRUST)
    }
}

impl Memory {
    pub(super) fn of_this_process() -> Arc<Self> {
        Arc::new(Self {
            limits: Limits::of_this_process(),
            seen: Mutex::default(),
            lines: LogRateLimit::new(),
            server: OnceLock::new(),
        })
    }

    /// Watches it from now on, on a thread of its own, for a server that starts.
    pub(super) fn watch(self: Arc<Self>, server: ServerHandle) -> io::Result<()> {
        // There is but one.
        let _ = self.server.set(server);
        let watching = move || {
            loop {
                thread::sleep(match self.look() {
                    Some(filled) if !filled.has_plenty() => NEAR_PERIOD,
                    Some(filled) if filled.used > filled.max / 2 => PERIOD,
                    _ => FAR_PERIOD,
                });
            }
        };
        let thread = thread::Builder::new().name("memory".to_owned());
        thread.spawn(watching).map(drop)
    }

    /// For each connection that comes, since many can come within one period.
    pub(super) fn look_now(&self) {
        if !self.seen().still_holds(Instant::now()) {
            self.look();
        }
    }

    /// Looks whether there is enough for another call, and how near the nearest limit is.
    fn look(&self) -> Option<Filled> {
        let server = self.server.get()?;
        let mut seen = self.seen();
        let now = Instant::now();
        let fullest = self.limits.fullest();
        let has_plenty = fullest.is_none_or(Filled::has_plenty);
        seen.plenty = (has_plenty && limit::max_address_space().is_none()).then_some(now);
        if let Some(refuse) = seen.gauge.look(fullest, server.calls().admitted()) {
            server.refuse_calls(refuse);
            if self.lines.take(now).is_some() {
                log(refuse, fullest);
            }
        }
        fullest
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(refuse: bool, fullest: Option<Filled>) {
    let limit = fullest.map(|filled| filled.limit);
    let used = fullest.map(|filled| filled.used);
    let max = fullest.map(|filled| filled.max);
    if refuse {
        tracing::warn!(limit, used, max, "memory runs short: calls are refused");
    } else {
        tracing::info!(limit, used, max, "calls are taken again");
    }
}

/// When to refuse calls.
///
/// What a call leaves behind goes back to the allocator, and not at once from there to the system,
/// if ever, which counts as much as before. So it is not only less memory that opens the door again, but
/// also fewer calls than those that filled it.
#[derive(Debug, Default)]
struct Gauge {
    refusing: bool,
    peak: Option<Peak>,
}

/// The most that was used since it became too much, and how many calls there were then.
#[derive(Clone, Copy, Debug)]
struct Peak {
    /// Of which limit.
    max: u64,
    used: u64,
    calls: usize,
}

impl Gauge {
    /// Tells whether to refuse calls from now on, if that is another answer than before. `fullest`
    /// is the limit that is nearest, if there is any.
    fn look(&mut self, fullest: Option<Filled>, calls: usize) -> Option<bool> {
        if fullest.is_none_or(|filled| filled.has_room()) {
            self.peak = None;
        }
        if let Some(filled @ Filled { used, max, .. }) = fullest
            && filled.is_full()
            && self
                .peak
                .is_none_or(|peak| used > peak.used || max != peak.max)
        {
            self.peak = Some(Peak { max, used, calls });
        }
        let refuse = self.peak.is_some_and(|peak| {
            // A tenth of them has to end: otherwise each end would let one in, and be two lines.
            let few = peak.calls - peak.calls.div_ceil(10);
            // Where next to nothing is left, half of them: what the allocator got back from those that
            // ended may not be of use for all that new ones take.
            let brimful = fullest.is_some_and(|filled| filled.is_brimful());
            let over = brimful && calls > peak.calls / 2;
            over || calls >= peak.calls || (self.refusing && calls > few)
        });
        let changed = refuse != self.refusing;
        self.refusing = refuse;
        changed.then_some(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a limit of 1,000 MiB, of which so many are used.
    fn filled(used: u64) -> Option<Filled> {
        Some(Filled {
            used: used << 20,
            max: 1000 << 20,
            limit: "test",
        })
    }

    #[test]
    fn what_was_seen_holds_for_a_moment_if_there_was_plenty() {
        let now = Instant::now();
        assert!(!Seen::default().still_holds(now));
        let seen = Seen {
            plenty: Some(now),
            ..Seen::default()
        };
        assert!(seen.still_holds(now + TRUST / 2));
        assert!(!seen.still_holds(now + TRUST));
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(None, 10_000), None);
    }

    #[test]
    fn calls_are_refused_from_the_mark_on_until_memory_is_given_back() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(filled(899), 100), None);
        assert_eq!(gauge.look(filled(900), 100), Some(true));
        assert_eq!(gauge.look(filled(880), 100), None);
        assert_eq!(gauge.look(filled(850), 95), None);
        assert_eq!(gauge.look(filled(849), 95), Some(false));
        assert_eq!(gauge.look(filled(899), 120), None);
    }

    #[test]
    fn fewer_calls_than_filled_it_find_room_in_what_those_left() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(filled(900), 100), Some(true));
        assert_eq!(gauge.look(filled(900), 91), None);
        assert_eq!(gauge.look(filled(900), 90), Some(false));
        assert_eq!(gauge.look(filled(900), 99), None);
        assert_eq!(gauge.look(filled(900), 100), Some(true));
        // A single one too, and none at all.
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(filled(900), 1), Some(true));
        assert_eq!(gauge.look(filled(900), 0), Some(false));
    }

    #[test]
    fn calls_that_need_more_are_fewer() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(filled(900), 100), Some(true));
        assert_eq!(gauge.look(filled(900), 50), Some(false));
        assert_eq!(gauge.look(filled(901), 60), Some(true));
        assert_eq!(gauge.look(filled(901), 54), Some(false));
    }

    /// Of address space the system's allocator gives nothing back, so that it must not be for good.
    #[test]
    fn next_to_nothing_left_takes_half_as_many() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(filled(960), 100), Some(true));
        assert_eq!(gauge.look(filled(950), 51), None);
        assert_eq!(gauge.look(filled(950), 50), Some(false));
        assert_eq!(gauge.look(filled(950), 51), Some(true));
        assert_eq!(gauge.look(filled(949), 51), Some(false));
    }

    /// Whatever another limit had room for.
    #[test]
    fn each_limit_has_a_peak_of_its_own() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(filled(900), 100), Some(true));
        assert_eq!(gauge.look(filled(900), 20), Some(false));
        let other = Some(Filled {
            used: 460 << 20,
            max: 500 << 20,
            limit: "other",
        });
        assert_eq!(gauge.look(other, 20), Some(true));
    }

    /// Beyond the mark with nobody there, it is not calls that took it.
    #[test]
    fn full_of_other_things_takes_none() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.look(filled(950), 0), Some(true));
        assert_eq!(gauge.look(filled(950), 0), None);
    }
}
