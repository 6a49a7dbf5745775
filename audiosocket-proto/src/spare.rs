//! Memory for output, which holds something only until it is written: most often at once. So it is for
//! each thread, and not for each of thousands of calls.

use alloc::vec::Vec;

#[cfg(feature = "std")]
mod of_thread {
    use std::cell::Cell;

    use super::Vec;

    std::thread_local! {
        /// One for a call, and one for a call that the handler of that one drives.
        static BUFFERS: [Cell<Vec<u8>>; 2] =
            const { [const { Cell::new(Vec::new()) }; 2] };
    }

    pub(crate) fn take() -> Vec<u8> {
        let take = |buffers: &[Cell<Vec<u8>>; 2]| {
            let mut taken = buffers.iter().map(Cell::take);
            taken.find(|buffer| buffer.capacity() > 0)
        };
        // A thread that ends has none any more.
        BUFFERS.try_with(take).ok().flatten().unwrap_or_default()
    }

    pub(crate) fn put(buffer: &mut Vec<u8>) {
        let _ = BUFFERS.try_with(|buffers| {
            for place in buffers {
                let known = place.take();
                if known.capacity() == 0 {
                    place.set(std::mem::take(buffer));
                    return;
                }
                place.set(known);
            }
            *buffer = Vec::new();
        });
    }
}

/// Without threads, each keeps its own.
#[cfg(not(feature = "std"))]
mod of_thread {
    use super::Vec;

    pub(crate) fn take() -> Vec<u8> {
        Vec::new()
    }

    pub(crate) fn put(_: &mut Vec<u8>) {}
}

/// Gives memory to a buffer that has none, if there is some to spare.
pub(crate) fn lend(buffer: &mut Vec<u8>) {
    if buffer.capacity() == 0 {
        *buffer = of_thread::take();
    }
}

/// Takes the memory of a buffer that is empty.
pub(crate) fn give_back(buffer: &mut Vec<u8>) {
    debug_assert!(buffer.is_empty());
    if buffer.capacity() > 0 {
        of_thread::put(buffer);
    }
}
