mod limits;

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::ServerHandle;
use limits::{MemoryLimits, Usage, max_address_space};

/// The interval while a limit is near. It is also the interval under `ulimit -v`: where each call has a thread, a flood
/// of connections reserves address space fast.
const NEAR_INTERVAL: Duration = Duration::from_millis(10);

/// The interval while a limit exists and much is left: a flood of 5,000 connections per second takes 8 MB of the 64 MiB or
/// more that are left then.
const INTERVAL: Duration = Duration::from_millis(100);

/// The interval without a limit. A cgroup can get a limit while the process runs.
const FAR_INTERVAL: Duration = Duration::from_secs(5);

/// Refuses new calls while memory is short, so that the open calls go on. An allocation that fails ends the process. The
/// kernel also ends the process when its cgroup is full. Both end all calls.
///
/// The guard watches the memory limits of the cgroups of the process and `ulimit -v`, on a thread of its own. When less
/// than a tenth of a limit is left, or less than 16 MiB, it calls
/// [`Calls::note_memory_short`](crate::Calls::note_memory_short). New calls are accepted again when memory is free, or when a
/// tenth of the calls has ended. Both changes are logged. Without a limit the guard does nothing.
///
/// In a cgroup, the page cache does not count as used, because the kernel frees it. Mapped files count: without the code of
/// the program in memory, the program hardly runs.
///
/// `ulimit -v` also counts the address space that the C library reserves for each thread. With `MALLOC_ARENA_MAX=2` the
/// C library reserves less.
///
/// Dropping the guard ends its thread. Then memory counts as free.
///
/// ```no_run
/// use audiosocket_server::{MemoryGuard, ServerHandle};
///
/// fn protect(server: ServerHandle) -> std::io::Result<MemoryGuard> {
///     MemoryGuard::spawn(server)
/// }
/// ```
#[derive(Debug)]
#[must_use = "the guard watches until it is dropped"]
pub struct MemoryGuard {
    /// `None` while it is dropped. The thread ends when the sender is gone.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryGuard {
    /// Starts the thread that watches the memory for `server`.
    ///
    /// # Errors
    ///
    /// The system has no thread left.
    pub fn spawn(server: ServerHandle) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let limits = MemoryLimits::of_this_process();
        let thread = thread::Builder::new().name("audiosocket-memory".to_owned());
        let thread = thread.spawn(move || watch(&limits, &server, &stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for MemoryGuard {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by the panic hook.
            let _ = thread.join();
        }
    }
}

fn watch(limits: &MemoryLimits, server: &ServerHandle, stopped: &Receiver<()>) {
    let mut governor = Governor::default();
    loop {
        let nearest = limits.nearest();
        if let Some(refuse) = governor.update(nearest, server.calls().admitted()) {
            server.calls().note_memory_short(refuse);
            log(refuse, nearest);
        }
        let pause = interval(nearest, max_address_space().is_some());
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            server.calls().note_memory_short(false);
            return;
        }
    }
}

fn interval(nearest: Option<Usage>, has_address_space_limit: bool) -> Duration {
    match nearest {
        None => FAR_INTERVAL,
        Some(usage) if has_address_space_limit || usage.is_near() => NEAR_INTERVAL,
        Some(_) => INTERVAL,
    }
}

fn log(refuse: bool, nearest: Option<Usage>) {
    let limit = nearest.map(|usage| usage.limit);
    let used = nearest.map(|usage| usage.used);
    let max = nearest.map(|usage| usage.max);
    if refuse {
        tracing::warn!(
            limit,
            used,
            max,
            "memory is short: new calls are refused until memory is free or calls end"
        );
    } else {
        tracing::info!(limit, used, max, "new calls are accepted again");
    }
}

/// Decides when to refuse calls.
///
/// Memory of a call that ended goes back to the allocator. The allocator gives it back to the system late, or never, and
/// until then it counts as used. So calls are accepted again when less memory is used, and also when there are fewer
/// calls than at the peak.
#[derive(Debug, Default)]
struct Governor {
    refusing: bool,
    peak: Option<Peak>,
}

/// The highest usage since a limit was full, and the number of calls at that time.
#[derive(Clone, Copy, Debug)]
struct Peak {
    max: u64,
    used: u64,
    calls: usize,
}

impl Governor {
    /// Returns whether to refuse calls from now on, if the answer has changed. `nearest` is the usage of the nearest limit.
    fn update(&mut self, nearest: Option<Usage>, calls: usize) -> Option<bool> {
        if nearest.is_none_or(|usage| usage.reserves_left() > 1.5) {
            self.peak = None;
        }
        if let Some(usage @ Usage { used, max, .. }) = nearest
            && usage.reserves_left() <= 1.0
            && self
                .peak
                .is_none_or(|peak| used > peak.used || max != peak.max)
        {
            self.peak = Some(Peak { max, used, calls });
        }
        let refuse = self.peak.is_some_and(|peak| {
            // A tenth of the calls has to end. Otherwise each end would admit one call and log two lines.
            let few = peak.calls - peak.calls.div_ceil(10);
            // With almost nothing left, half of the calls have to end: the allocator cannot use all freed memory for
            // new calls.
            let exhausted = nearest.is_some_and(|usage| usage.reserves_left() <= 0.5);
            let over = exhausted && calls > peak.calls / 2;
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

    /// The usage of a limit of 1,000 MiB.
    fn used(mib: u64) -> Option<Usage> {
        Some(Usage {
            used: mib << 20,
            max: 1000 << 20,
            limit: "test",
        })
    }

    #[test]
    fn the_interval_is_short_near_a_limit_and_under_an_address_space_limit() {
        assert_eq!(interval(None, false), FAR_INTERVAL);
        assert_eq!(interval(used(100), false), INTERVAL);
        assert_eq!(interval(used(100), true), NEAR_INTERVAL);
        assert_eq!(interval(used(700), false), NEAR_INTERVAL);
    }

    #[test]
    fn no_call_is_refused_without_a_limit() {
        let mut governor = Governor::default();
        assert_eq!(governor.update(None, 10_000), None);
    }

    #[test]
    fn calls_are_refused_while_less_than_a_tenth_is_left() {
        let mut governor = Governor::default();
        assert_eq!(governor.update(used(899), 100), None);
        assert_eq!(governor.update(used(900), 100), Some(true));
        assert_eq!(governor.update(used(880), 100), None);
        assert_eq!(governor.update(used(850), 95), None);
        assert_eq!(governor.update(used(849), 95), Some(false));
        assert_eq!(governor.update(used(899), 120), None);
    }

    #[test]
    fn calls_are_accepted_again_when_a_tenth_of_them_has_ended() {
        let mut governor = Governor::default();
        assert_eq!(governor.update(used(900), 100), Some(true));
        assert_eq!(governor.update(used(900), 91), None);
        assert_eq!(governor.update(used(900), 90), Some(false));
        assert_eq!(governor.update(used(900), 99), None);
        assert_eq!(governor.update(used(900), 100), Some(true));
        // The same with a single call.
        let mut governor = Governor::default();
        assert_eq!(governor.update(used(900), 1), Some(true));
        assert_eq!(governor.update(used(900), 0), Some(false));
    }

    #[test]
    fn a_higher_peak_with_fewer_calls_counts() {
        let mut governor = Governor::default();
        assert_eq!(governor.update(used(900), 100), Some(true));
        assert_eq!(governor.update(used(900), 50), Some(false));
        assert_eq!(governor.update(used(901), 60), Some(true));
        assert_eq!(governor.update(used(901), 54), Some(false));
    }

    /// The allocator of the system gives no address space back. But calls must be accepted again.
    #[test]
    fn half_of_the_calls_have_to_end_when_next_to_nothing_is_left() {
        let mut governor = Governor::default();
        assert_eq!(governor.update(used(960), 100), Some(true));
        assert_eq!(governor.update(used(950), 51), None);
        assert_eq!(governor.update(used(950), 50), Some(false));
        assert_eq!(governor.update(used(950), 51), Some(true));
        assert_eq!(governor.update(used(949), 51), Some(false));
    }

    #[test]
    fn each_limit_has_a_peak_of_its_own() {
        let mut governor = Governor::default();
        assert_eq!(governor.update(used(900), 100), Some(true));
        assert_eq!(governor.update(used(900), 20), Some(false));
        let other = Some(Usage {
            used: 460 << 20,
            max: 500 << 20,
            limit: "other",
        });
        assert_eq!(governor.update(other, 20), Some(true));
    }

    /// Without calls, something else has taken the memory.
    #[test]
    fn calls_are_refused_when_something_else_takes_the_memory() {
        let mut governor = Governor::default();
        assert_eq!(governor.update(used(950), 0), Some(true));
        assert_eq!(governor.update(used(950), 0), None);
    }
}
