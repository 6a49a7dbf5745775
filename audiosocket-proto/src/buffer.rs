//! Memory for unsent bytes and for cut frames.

use alloc::vec::Vec;

/// The most bytes that an empty buffer keeps allocated. A frame of 20 ms at 192 kHz takes 7,683 bytes, so
/// ordinary calls allocate once.
const RETAINED: usize = 8 * 1024;

/// Empties `buffer`, and frees its memory beyond [`RETAINED`].
#[inline]
pub(crate) fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > RETAINED {
        buffer.shrink_to(RETAINED);
    }
}

/// Encoded bytes that have not been written yet. It handles short writes.
///
/// Most bytes are written at once. So the memory belongs to the thread, and a call has some only while
/// bytes wait.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    bytes: Vec<u8>,
    /// How many of `bytes` are already written.
    written: usize,
}

impl SendBuffer {
    #[inline]
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// The vector to append a frame to.
    #[inline]
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        // If no write takes all bytes, the written ones must not pile up.
        if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        if self.bytes.capacity() == 0 {
            self.bytes = pool::take();
        }
        &mut self.bytes
    }

    /// Removes `written` bytes from the front.
    ///
    /// # Panics
    ///
    /// If `written` is more than [`unsent`](Self::unsent) returns.
    #[inline]
    pub(crate) fn advance(&mut self, written: usize) {
        assert!(
            written <= self.unsent().len(),
            "wrote more than there was to write"
        );
        self.written += written;
        if self.is_empty() {
            self.clear();
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.written = 0;
        if self.bytes.capacity() > 0 {
            clear(&mut self.bytes);
            pool::put(&mut self.bytes);
        }
    }
}

/// The free buffers of a thread.
#[cfg(feature = "std")]
mod pool {
    use std::cell::Cell;

    use super::Vec;

    std::thread_local! {
        /// One for a call, and one for another call that the handler of the first one drives.
        static BUFFERS: [Cell<Vec<u8>>; 2] =
            const { [const { Cell::new(Vec::new()) }; 2] };
    }

    /// A buffer of this thread, or a new one.
    #[inline]
    pub(crate) fn take() -> Vec<u8> {
        let take = |buffers: &[Cell<Vec<u8>>; 2]| {
            let first = buffers[0].take();
            if first.capacity() > 0 {
                first
            } else {
                buffers[1].take()
            }
        };
        // A thread that ends has no buffers any more.
        BUFFERS.try_with(take).unwrap_or_default()
    }

    /// Keeps the memory of an empty buffer for the next [`take`].
    #[inline]
    pub(crate) fn put(buffer: &mut Vec<u8>) {
        let _ = BUFFERS.try_with(|buffers| {
            for place in buffers {
                let known = place.take();
                if known.capacity() == 0 {
                    place.set(core::mem::take(buffer));
                    return;
                }
                place.set(known);
            }
            *buffer = Vec::new();
        });
    }
}

/// Without `std`, each call keeps its own buffer.
#[cfg(not(feature = "std"))]
mod pool {
    use super::Vec;

    pub(crate) fn take() -> Vec<u8> {
        Vec::new()
    }

    pub(crate) fn put(_: &mut Vec<u8>) {}
}
