use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Enough for everything that the kernel has of most calls, and for all but the very longest frame.
const LEN: usize = 64 * 1024;

/// How many buffers wait for a thread that needs one: as many as threads read at the same moment.
const SPARE: usize = 16;

type Buffer = Box<[u8]>;

thread_local! {
    static SCRATCH: Cell<Option<Buffer>> = const { Cell::new(None) };
}

static POOL: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// Lends this thread's read buffer: one for each worker thread, however many calls it serves.
///
/// Whoever asks again while it is lent, such as a handler that drives another call, gets one of
/// its own.
pub(crate) fn with<R>(use_buffer: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = SCRATCH
        .take()
        .or_else(|| pool().pop())
        .unwrap_or_else(|| vec![0; LEN].into_boxed_slice());
    let result = use_buffer(&mut buffer);
    SCRATCH.set(Some(buffer));
    result
}

/// Leaves this thread's read buffer to others while it waits. For a thread that serves one call:
/// thousands of such threads have a few buffers between them.
pub fn release_read_buffer() {
    let Some(buffer) = SCRATCH.take() else {
        return;
    };
    let mut pool = pool();
    if pool.len() < SPARE {
        pool.push(buffer);
    }
}

fn pool() -> MutexGuard<'static, Vec<Buffer>> {
    // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
