//! One thread for the whole process that notices when a handler blocks a thread which serves other
//! calls as well.
//!
//! It looks while the handler still blocks, since one that waits for ever would else never be named.
//! All that a call does for it is to say whose turn it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::CallHandle;

use crate::io::LogRateLimit;

/// A turn that takes longer is too long, also for a machine that is so busy that a thread waits for
/// its core.
const TOO_LONG: Duration = Duration::from_millis(500);

/// How often to look. A turn is named after this and [`TOO_LONG`] at the latest.
const LOOK: Duration = Duration::from_millis(250);

/// After how many looks at nothing the thread ends.
const PATIENCE: u32 = 8;

/// Whether the thread runs, which it does while there are turns.
static RUNNING: AtomicBool = AtomicBool::new(false);

static DESKS: Mutex<Vec<Weak<CallControl>>> = Mutex::new(Vec::new());

static BUDGET: LogRateLimit = LogRateLimit::new();

thread_local! {
    static DESK: Arc<CallControl> = {
        let desk = Arc::new(CallControl::default());
        lock(&DESKS).push(Arc::downgrade(&desk));
        desk
    };
}

/// Whose turn it is on a thread.
#[derive(Debug, Default)]
struct CallControl {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many turns there were.
    turns: u64,
    current: Option<CallHandle>,
    /// How many turns there were at the last look.
    turns_seen: u64,
    /// The first look that saw the current turn, and whether it has been told of.
    seen: Option<(Instant, bool)>,
}

/// Runs what may call a handler, and has it told of if that takes too long.
pub(crate) fn turn<R>(call: CallHandle, run: impl FnOnce() -> R) -> R {
    // A thread that ends has no desk any more. A handler that drives another call makes a turn
    // within a turn, which is the outer call's.
    let entered = DESK.try_with(|desk| desk.enter(call)).unwrap_or(false);
    let _leave = entered.then_some(Leave);
    if entered && !RUNNING.load(Ordering::Acquire) {
        start();
    }
    run()
}

/// Also if the handler's panic goes through.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        let _ = DESK.try_with(|desk| desk.leave());
    }
}

impl CallControl {
    fn enter(&self, call: CallHandle) -> bool {
        let mut inner = lock(&self.inner);
        if inner.current.is_some() {
            return false;
        }
        inner.turns += 1;
        inner.current = Some(call);
        true
    }

    fn leave(&self) {
        let mut inner = lock(&self.inner);
        let (call, seen) = (inner.current.take(), inner.seen.take());
        drop(inner);
        if let (Some(call), Some((since, true))) = (call, seen) {
            log(&call, since, "a handler that blocked has returned");
        }
    }

    /// Tells of a turn that takes too long. Whether there was a turn since this was last asked.
    fn look(&self, now: Instant) -> bool {
        let mut inner = lock(&self.inner);
        let same = inner.turns == inner.turns_seen;
        inner.turns_seen = inner.turns;
        let Some(call) = inner.current.clone() else {
            return !same;
        };
        let seen = inner.seen.filter(|_| same);
        let (since, told) = seen.unwrap_or((now, false));
        let tells = !told && now - since >= TOO_LONG;
        inner.seen = Some((since, told || tells));
        drop(inner);
        if tells {
            log(
                &call,
                since,
                "a handler blocks, and with it all other calls of its thread",
            );
        }
        true
    }
}

fn log(call: &CallHandle, since: Instant, what: &str) {
    let now = Instant::now();
    let Some(suppressed) = BUDGET.take(now) else {
        return;
    };
    let uuid = call.uuid();
    let uuid = uuid.as_ref().map(tracing::field::display);
    let millis = u64::try_from((now - since).as_millis()).unwrap_or(u64::MAX);
    let suppressed = (suppressed > 0).then_some(suppressed);
    tracing::warn!(uuid, peer = %call.peer(), millis, suppressed, "{what}");
}

fn start() {
    if RUNNING.swap(true, Ordering::AcqRel) {
        return;
    }
    let thread = thread::Builder::new().name("audiosocket-watch".to_owned());
    if let Err(error) = thread.spawn(watch) {
        // The next turn tries again.
        RUNNING.store(false, Ordering::Release);
        if BUDGET.take(Instant::now()).is_some() {
            tracing::warn!(%error, "handlers that block are not noticed");
        }
    }
}

/// If what logs panics, the next turn starts another thread.
struct Stopped;

impl Drop for Stopped {
    fn drop(&mut self) {
        if thread::panicking() {
            RUNNING.store(false, Ordering::Release);
        }
    }
}

fn watch() {
    let _stopped = Stopped;
    let mut idle = 0;
    loop {
        thread::sleep(LOOK);
        idle = if look() { 0 } else { idle + 1 };
        if idle < PATIENCE {
            continue;
        }
        RUNNING.store(false, Ordering::Release);
        // A turn that began before that could be seen has started no other thread.
        if !look() || RUNNING.swap(true, Ordering::AcqRel) {
            return;
        }
        idle = 0;
    }
}

fn look() -> bool {
    let now = Instant::now();
    let desks = {
        let mut desks = lock(&DESKS);
        desks.retain(|desk| desk.strong_count() > 0);
        desks.clone()
    };
    let mut any = false;
    for desk in desks.iter().filter_map(Weak::upgrade) {
        any |= desk.look(now);
    }
    any
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under the locks, so a poisoned one is as good as any.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
