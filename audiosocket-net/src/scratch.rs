use std::cell::Cell;

/// Enough for everything that the kernel has of most calls, and for all but the very longest frame.
const LEN: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends this thread's read buffer: one for each worker thread, however many calls it serves.
///
/// Whoever asks again while it is lent, such as a handler that drives another call, gets one of
/// its own.
pub(crate) fn with<R>(use_buffer: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = SCRATCH
        .take()
        .unwrap_or_else(|| vec![0; LEN].into_boxed_slice());
    let result = use_buffer(&mut buffer);
    SCRATCH.set(Some(buffer));
    result
}
