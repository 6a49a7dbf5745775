use alloc::vec::Vec;

use crate::{buffer, spare};

/// Encoded bytes that have not been written yet. Short writes are handled here, once.
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

    /// Where to append a frame.
    #[inline]
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        // While a peer takes only part of each write, what it has taken must not pile up.
        if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        spare::lend(&mut self.bytes);
        &mut self.bytes
    }

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

    pub(crate) fn clear(&mut self) {
        buffer::empty(&mut self.bytes);
        spare::give_back(&mut self.bytes);
        self.written = 0;
    }
}
