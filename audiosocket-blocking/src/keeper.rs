//! One thread for the whole process that reads in place of threads which a handler holds up.
//!
//! Asterisk's socket must not fill up: it would end the call. Nor must it be read late, or a caller
//! would be answered a minute after. So a call whose thread has not got round to reading for a
//! while is read by the keeper into its [`InboundBuffer`](audiosocket_server::InboundBuffer), which
//! drops what is too old. A thread that does get round to it never notices: all that it does for
//! the keeper is to count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_server::io::LogRateLimit;

/// How often the keeper looks. A handler is taken to block when it is seen twice in the same turn;
/// what comes until then fits the kernel's buffers.
const LOOK: Duration = Duration::from_millis(250);

/// How often it looks while a handler blocks.
const READ: Duration = Duration::from_millis(100);

/// Enough for all that comes in between, at all but the highest rates.
const BUFFER: usize = 64 * 1024;

/// How often a call's thread has got round to reading or waiting; odd while it does neither.
pub(crate) type Turn = Arc<AtomicU64>;

/// A call that can be read from by another than its own thread.
pub(crate) trait Keep: Send + Sync {
    /// Reads what is there, if it is still that turn. Does not wait.
    fn read_ahead(&self, turn: u64, buffer: &mut [u8]);
}

static KEEPER: Mutex<Keeper> = Mutex::new(Keeper {
    calls: Vec::new(),
    running: false,
});

/// For calls that come while there is no thread for it.
static UNKEPT: LogRateLimit = LogRateLimit::new();

struct Keeper {
    calls: Vec<Watched>,
    /// Whether its thread runs, which it does while there are calls.
    running: bool,
}

struct Watched {
    /// Held only while it is read from: whoever drops the call closes its stream.
    call: Weak<dyn Keep>,
    turn: Turn,
    /// In which turn it was when it was last looked at.
    seen: u64,
}

/// Watches a call until it is dropped.
pub(crate) fn watch(call: Weak<dyn Keep>, turn: Turn) {
    let mut keeper = lock();
    let seen = 0;
    keeper.calls.push(Watched { call, turn, seen });
    if !keeper.running {
        let thread = thread::Builder::new().name("audiosocket-keep".to_owned());
        match thread.spawn(keep) {
            Ok(_) => keeper.running = true,
            // The next call tries again.
            Err(error) => {
                if let Some(suppressed) = UNKEPT.take(Instant::now()) {
                    let suppressed = (suppressed > 0).then_some(suppressed);
                    tracing::warn!(%error, suppressed, "calls whose handler blocks are not read");
                }
            }
        }
    }
}

fn keep() {
    let mut buffer = vec![0; BUFFER];
    let mut pause = LOOK;
    loop {
        thread::sleep(pause);
        let mut keeper = lock();
        let blocked = keeper.look();
        if keeper.calls.is_empty() {
            keeper.running = false;
            return;
        }
        drop(keeper);
        pause = if blocked.is_empty() { LOOK } else { READ };
        for (call, turn) in blocked {
            call.read_ahead(turn, &mut buffer);
        }
    }
}

impl Keeper {
    /// The calls whose thread is in the turn that it was in the last time.
    fn look(&mut self) -> Vec<(Arc<dyn Keep>, u64)> {
        let mut blocked = Vec::new();
        self.calls.retain_mut(|watched| {
            let turn = watched.turn.load(Ordering::Acquire);
            if turn % 2 == 1 && turn == watched.seen {
                blocked.extend(watched.call.upgrade().map(|call| (call, turn)));
            }
            watched.seen = turn;
            watched.call.strong_count() > 0
        });
        blocked
    }
}

fn lock() -> MutexGuard<'static, Keeper> {
    // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
    KEEPER.lock().unwrap_or_else(PoisonError::into_inner)
}
