//! Memory for bytes that wait to be sent, and for frames that are cut.

use alloc::vec::Vec;

/// What an empty buffer may keep allocated, in bytes: enough for 20 ms at 192 kHz (7,683 bytes), so
/// that no ordinary call allocates again and again.
const RETAINED: usize = 8 * 1024;

/// Empties a buffer. Frees what is more than an ordinary call needs.
#[inline]
pub(crate) fn clear(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > RETAINED {
        buffer.shrink_to(RETAINED);
    }
}

/// Encoded bytes that have not been written yet. Short writes are handled here, once.
///
/// Most often the bytes are written at once. So the memory belongs to the thread, and a call has
/// some only while bytes wait.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    bytes: Vec<u8>,
    /// How many of `bytes` have been written already.
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
        // While a peer takes only part of each write, what it has taken must not pile up.
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
    /// If more was written than there was.
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

/// The buffers of a thread.
#[cfg(feature = "std")]
mod pool {
    use std::cell::Cell;

    use super::Vec;

    std::thread_local! {
        /// One for a call, and one for a call that the handler of that one drives.
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
        // A thread that ends has none any more.
        BUFFERS.try_with(take).unwrap_or_default()
    }

    /// Takes the memory of an empty buffer.
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

/// Without threads, each call keeps its own buffer.
#[cfg(not(feature = "std"))]
mod pool {
    use super::Vec;

    pub(crate) fn take() -> Vec<u8> {
        Vec::new()
    }

    pub(crate) fn put(_: &mut Vec<u8>) {}
}
