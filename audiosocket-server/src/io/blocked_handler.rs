//! A warning in the log while a handler blocks a thread that serves other calls too.
//!
//! The warning is off by default. A server with this option watches each of its connections: each poll stores two
//! numbers, and one thread of the process compares them several times per second. The warning comes while the handler
//! blocks, because a handler can block without end. Connections of a server without this option cost nothing.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::CallHandle;

use crate::io::LogRateLimit;

/// A poll that takes longer is reported. Other polls take less time even on a busy machine, where threads wait for a
/// core.
const TOO_LONG: Duration = Duration::from_millis(500);

/// The time between two checks. A blocked poll is reported at most this long after [`TOO_LONG`].
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The thread ends after this many checks without a connection.
const MAX_IDLE_CHECKS: u32 = 8;

static WATCHED: Mutex<Watched> = Mutex::new(Watched {
    calls: None,
    threads: Vec::new(),
    next_id: NonZeroU64::MIN,
    is_running: false,
});

static LOG_LIMIT: LogRateLimit = LogRateLimit::new();

thread_local! {
    static THREAD: Arc<ThreadState> = {
        let thread = Arc::new(ThreadState::default());
        lock(&WATCHED).threads.push(Arc::downgrade(&thread));
        thread
    };
}

/// The state that the checking thread reads.
struct Watched {
    /// The watched connections by their id; `None` before the first.
    calls: Option<HashMap<NonZeroU64, CallHandle>>,
    /// The threads that have polled a watched connection.
    threads: Vec<Weak<ThreadState>>,
    next_id: NonZeroU64,
    is_running: bool,
}

/// The poll that a thread runs now.
#[derive(Debug, Default)]
struct ThreadState {
    /// The number of polls so far.
    polls: AtomicU64,
    /// The connection that is polled now; 0 for none.
    current: AtomicU64,
    /// Whether `check` has a report.
    is_reported: AtomicBool,
    check: Mutex<Check>,
}

/// The results of the checks of a thread.
#[derive(Debug, Default)]
struct Check {
    /// The number of polls at the last check.
    polls: u64,
    /// The time of the first check in the current poll.
    since: Option<Instant>,
    /// The call in the log, and the time of the first check that found it blocked.
    report: Option<(CallHandle, Instant)>,
}

/// Watches a connection until it is dropped.
#[derive(Debug)]
pub(crate) struct BlockedHandlerWatch {
    id: NonZeroU64,
}

impl BlockedHandlerWatch {
    pub(crate) fn new(call: CallHandle) -> Self {
        let mut watched = lock(&WATCHED);
        let id = watched.next_id;
        watched.next_id = id.saturating_add(1);
        watched.calls.get_or_insert_default().insert(id, call);
        if !watched.is_running {
            let thread = thread::Builder::new().name("audiosocket-watch".to_owned());
            match thread.spawn(check_all) {
                Ok(_) => watched.is_running = true,
                // The next connection tries again.
                Err(error) => {
                    drop(watched);
                    if LOG_LIMIT.take(Instant::now()).is_some() {
                        tracing::warn!(%error, "cannot start the thread that checks for handlers that block; the next connection tries again; raise the limit of threads (ulimit -u)");
                    }
                }
            }
        }
        Self { id }
    }

    /// Marks the beginning of a poll on this thread. The guard marks its end.
    #[inline]
    pub(crate) fn enter(&self) -> PollGuard {
        // A thread that ends has no state any more. A handler that drives another connection polls
        // within a poll; the outer one counts.
        let entered = THREAD.try_with(|thread| thread.enter(self.id.get()));
        PollGuard {
            entered: entered.unwrap_or(false),
        }
    }
}

impl Drop for BlockedHandlerWatch {
    fn drop(&mut self) {
        let call = lock(&WATCHED)
            .calls
            .as_mut()
            .and_then(|calls| calls.remove(&self.id));
        drop(call);
    }
}

/// Marks the end of a poll, also if the poll panics.
pub(crate) struct PollGuard {
    entered: bool,
}

impl Drop for PollGuard {
    #[inline]
    fn drop(&mut self) {
        if self.entered {
            let _ = THREAD.try_with(|thread| thread.leave());
        }
    }
}

impl ThreadState {
    /// Only this thread writes, so that no exchange is needed.
    #[inline]
    fn enter(&self, id: u64) -> bool {
        if self.current.load(Ordering::Relaxed) != 0 {
            return false;
        }
        let polls = self.polls.load(Ordering::Relaxed);
        self.polls.store(polls + 1, Ordering::Relaxed);
        self.current.store(id, Ordering::Release);
        true
    }

    #[inline]
    fn leave(&self) {
        self.current.store(0, Ordering::Release);
        if self.is_reported.load(Ordering::Relaxed) {
            self.log_return();
        }
    }

    #[cold]
    fn log_return(&self) {
        self.is_reported.store(false, Ordering::Relaxed);
        let report = lock(&self.check).report.take();
        if let Some((call, since)) = report {
            log(&call, since, "a handler that blocked has returned");
        }
    }

    /// Finds a poll that takes too long. Returns the connection, and the time of the first check in this poll.
    fn check(&self, now: Instant) -> Option<(NonZeroU64, Instant)> {
        let id = NonZeroU64::new(self.current.load(Ordering::Acquire));
        // Written before `current` and read after it, so an older number means an older poll.
        let polls = self.polls.load(Ordering::Relaxed);
        let mut check = lock(&self.check);
        let Some(id) = id.filter(|_| polls == check.polls) else {
            check.polls = polls;
            check.since = id.map(|_| now);
            return None;
        };
        let since = *check.since.get_or_insert(now);
        (check.report.is_none() && now - since >= TOO_LONG).then_some((id, since))
    }
}

fn log(call: &CallHandle, since: Instant, message: &str) {
    let now = Instant::now();
    let Some(suppressed) = LOG_LIMIT.take(now) else {
        return;
    };
    let uuid = call.uuid();
    let uuid = uuid.as_ref().map(tracing::field::display);
    let millis = u64::try_from((now - since).as_millis()).unwrap_or(u64::MAX);
    let suppressed = (suppressed > 0).then_some(suppressed);
    tracing::warn!(uuid, peer = %call.peer(), millis, suppressed, "{message}");
}

/// Notes that the checking thread ends by a panic, such as one of the logger. The next connection then starts another
/// thread.
struct Stopped;

impl Drop for Stopped {
    fn drop(&mut self) {
        if thread::panicking() {
            lock(&WATCHED).is_running = false;
        }
    }
}

/// The checking thread. It ends after a while without a connection to watch.
fn check_all() {
    let _stopped = Stopped;
    let mut idle_checks = 0;
    loop {
        thread::sleep(CHECK_INTERVAL);
        let mut watched = lock(&WATCHED);
        if watched
            .calls
            .as_ref()
            .is_some_and(|calls| !calls.is_empty())
        {
            idle_checks = 0;
        } else {
            idle_checks += 1;
            if idle_checks >= MAX_IDLE_CHECKS {
                watched.is_running = false;
                return;
            }
        }
        watched.threads.retain(|thread| thread.strong_count() > 0);
        let threads: Vec<_> = watched.threads.iter().filter_map(Weak::upgrade).collect();
        drop(watched);
        let now = Instant::now();
        for thread in threads {
            let Some((id, since)) = thread.check(now) else {
                continue;
            };
            let call = lock(&WATCHED)
                .calls
                .as_ref()
                .and_then(|calls| calls.get(&id).cloned());
            if let Some(call) = call {
                log(
                    &call,
                    since,
                    "a handler blocks; all other calls of its thread wait",
                );
                lock(&thread.check).report = Some((call, since));
                thread.is_reported.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under the locks, so a poisoned lock has valid data.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
