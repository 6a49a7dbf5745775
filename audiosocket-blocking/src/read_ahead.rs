//! One thread for the whole process that reads for calls whose handler blocks.
//!
//! Asterisk's socket must not fill up: it would end the call. Nor must it be read late, or a caller would be
//! answered a minute later. So this thread reads for a call whose own thread has not read for a while, into
//! its [`InboundBuffer`](crate::inbound_buffer::InboundBuffer), which drops what is too old. All that the call's
//! thread does for that is to count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_server::io::LogRateLimit;

/// How often the calls are checked. A handler blocks if two checks find the same progress. What comes
/// until then fits the kernel's buffers.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// How often they are checked while a handler blocks.
const READ_INTERVAL: Duration = Duration::from_millis(100);

/// Enough for all that comes between two reads, at all but the highest rates.
const BUFFER: usize = 64 * 1024;

/// Counts how often a call's thread has read or waited. Odd while it does neither.
pub(crate) type ProgressCounter = Arc<AtomicU64>;

/// A call from which another thread can read.
pub(crate) trait ReadAhead: Send + Sync {
    /// Reads what has come, if the call's thread is still where it was. Does not wait.
    fn read_ahead(&self, progress: u64, buffer: &mut [u8]);
}

static THREAD: Mutex<ReadAheadThread> = Mutex::new(ReadAheadThread {
    calls: Vec::new(),
    running: false,
});

/// For calls that begin while the thread cannot be started.
static SPAWN_FAILED: LogRateLimit = LogRateLimit::new();

struct ReadAheadThread {
    calls: Vec<Tracked>,
    /// Whether the thread runs. It runs while there are calls.
    running: bool,
}

struct Tracked {
    /// Held only while it is read from: to drop the call closes its stream.
    call: Weak<dyn ReadAhead>,
    progress: ProgressCounter,
    /// The progress at the last check.
    seen: u64,
}

/// Reads for a call when its handler blocks, until the call is dropped.
pub(crate) fn track(call: Weak<dyn ReadAhead>, progress: ProgressCounter) {
    let mut thread = lock();
    let seen = 0;
    thread.calls.push(Tracked {
        call,
        progress,
        seen,
    });
    if !thread.running {
        let builder = thread::Builder::new().name("audiosocket-read-ahead".to_owned());
        match builder.spawn(run) {
            Ok(_) => thread.running = true,
            // The next call tries again.
            Err(error) => {
                if let Some(suppressed) = SPAWN_FAILED.take(Instant::now()) {
                    let suppressed = (suppressed > 0).then_some(suppressed);
                    tracing::warn!(%error, suppressed, "calls whose handler blocks are not read");
                }
            }
        }
    }
}

fn run() {
    let mut buffer = vec![0; BUFFER];
    let mut pause = CHECK_INTERVAL;
    loop {
        thread::sleep(pause);
        let mut thread = lock();
        let blocked = thread.check();
        if thread.calls.is_empty() {
            thread.running = false;
            return;
        }
        drop(thread);
        pause = if blocked.is_empty() {
            CHECK_INTERVAL
        } else {
            READ_INTERVAL
        };
        for (call, progress) in blocked {
            call.read_ahead(progress, &mut buffer);
        }
    }
}

impl ReadAheadThread {
    /// The calls whose thread has made no progress since the last check.
    fn check(&mut self) -> Vec<(Arc<dyn ReadAhead>, u64)> {
        let mut blocked = Vec::new();
        self.calls.retain_mut(|tracked| {
            let progress = tracked.progress.load(Ordering::Acquire);
            if progress % 2 == 1 && progress == tracked.seen {
                blocked.extend(tracked.call.upgrade().map(|call| (call, progress)));
            }
            tracked.seen = progress;
            tracked.call.strong_count() > 0
        });
        blocked
    }
}

fn lock() -> MutexGuard<'static, ReadAheadThread> {
    // Nothing that can panic runs under the lock, so a poisoned lock is as good as any.
    THREAD.lock().unwrap_or_else(PoisonError::into_inner)
}
