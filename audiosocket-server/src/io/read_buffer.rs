use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The size of a read buffer, in bytes. It is enough for the waiting bytes of most connections, and for all frames but
/// the longest.
const LEN: usize = 64 * 1024;

/// The maximum number of buffers in the pool. About this many threads read at the same moment.
const MAX_POOLED: usize = 16;

type Buffer = Box<[u8]>;

thread_local! {
    static READ_BUFFER: Cell<Option<Buffer>> = const { Cell::new(None) };
}

static POOL: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// Runs `use_buffer` with the read buffer of this thread. A thread has one buffer for all its calls.
///
/// While the buffer is in use, a nested call gets another buffer: a handler can drive another call.
pub(crate) fn with<R>(use_buffer: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = READ_BUFFER
        .take()
        .or_else(|| pool().pop())
        .unwrap_or_else(|| vec![0; LEN].into_boxed_slice());
    let result = use_buffer(&mut buffer);
    READ_BUFFER.set(Some(buffer));
    result
}

/// Gives the read buffer of this thread to the pool while the thread waits. For a thread that serves one
/// call: thousands of such threads share a few buffers.
pub fn release_read_buffer() {
    let Some(buffer) = READ_BUFFER.take() else {
        return;
    };
    let mut pool = pool();
    if pool.len() < MAX_POOLED {
        pool.push(buffer);
    }
}

fn pool() -> MutexGuard<'static, Vec<Buffer>> {
    // No code that can panic runs under the lock, so a poisoned lock has valid data.
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
