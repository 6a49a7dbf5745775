//! One thread for the whole process, which reads for calls whose handler blocks.
//!
//! Asterisk ends a call whose socket is full. And without a limit for old audio, a caller could get an answer a minute
//! late. So this thread reads for a call whose own thread has not read for some time, into the
//! [`InboundBuffer`](crate::inbound_buffer::InboundBuffer) of the call, which drops old audio. The only work for the
//! thread of the call is to increment a counter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_server::io::LogRateLimit;

/// The time between two checks of the calls. A handler blocks if two checks find the same progress. The buffers of the
/// kernel hold the audio of this time.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The time between two checks of the calls while a handler blocks.
const READ_INTERVAL: Duration = Duration::from_millis(100);

/// The size of the read buffer, in bytes. It is enough for the audio between two reads, except at the highest sample
/// rates.
const BUFFER: usize = 64 * 1024;

/// Counts how often the thread of a call has read or waited. The number is odd while the thread does neither.
pub(crate) type ProgressCounter = Arc<AtomicU64>;

/// A call from which another thread can read.
pub(crate) trait ReadAhead: Send + Sync {
    /// Reads the bytes that have arrived, if the thread of the call has made no progress. Does not wait.
    fn read_ahead(&self, progress: u64, buffer: &mut [u8]);
}

static THREAD: Mutex<ReadAheadThread> = Mutex::new(ReadAheadThread {
    calls: Vec::new(),
    running: false,
});

/// Limits the log while the thread cannot be started.
static SPAWN_FAILED: LogRateLimit = LogRateLimit::new();

struct ReadAheadThread {
    calls: Vec<Tracked>,
    /// The thread runs while there are calls.
    running: bool,
}

struct Tracked {
    /// Upgraded only for a read: the last owner that drops the call closes its stream.
    call: Weak<dyn ReadAhead>,
    progress: ProgressCounter,
    /// The progress at the last check.
    seen: u64,
}

/// Adds a call to the calls that this thread reads for. The thread reads while the handler of the call blocks.
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
                    tracing::warn!(%error, suppressed, "cannot start the thread that reads for blocked handlers; Asterisk may end calls whose handler blocks; raise the limit of threads (ulimit -u)");
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
    /// Returns the calls whose thread has made no progress since the last check.
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
    // A panic under the lock leaves the state valid, so a poisoned lock is usable.
    THREAD.lock().unwrap_or_else(PoisonError::into_inner)
}
