//! Compares received audio with sent audio.

use std::collections::VecDeque;
use std::time::Instant;

use crate::load::signal::TestSignal;
use crate::load::signal::{TAG_LEN, is_silence};

/// The maximum number of outstanding frames: 82 s at 20 ms. Beyond it the oldest counts as missing. It
/// bounds the memory of a call whose server never answers.
const MAX_OUTSTANDING: usize = 4096;

/// Compares received audio with the sent frames, byte for byte. The server may cut it at any place.
///
/// While the bytes match, this is a plain comparison. After a difference the check counts bytes until it
/// finds the start of an outstanding frame, by the tag at the start of each frame. The frames before
/// it are wrong if bytes came for them, and missing otherwise.
///
/// Silence needs no echo and may come at any time: a frame of zeros is neither compared nor
/// counted. Noise has no zero byte, so no part of it is silence. Speech may have zero
/// bytes, so the server has to echo it in the same frames.
#[derive(Debug)]
pub(super) struct EchoCheck {
    signal: TestSignal,
    counts: EchoCounts,
    /// The frames without an echo so far. The first has the index `next`.
    outstanding: VecDeque<SentFrame>,
    next: u64,
    /// The echo with the index `next`.
    expected: Vec<u8>,
    /// The number of bytes of `expected` that have come. It is less than all.
    matched: usize,
    lost: Option<Lost>,
}

/// The times of a sent frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) struct SentFrame {
    /// The time of the write.
    pub(in crate::load) at: Instant,
    /// The scheduled time of the write.
    pub(in crate::load) due: Instant,
}

/// The results of an echo check, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::load) struct EchoCounts {
    /// Frames that were sent and came back whole.
    pub(in crate::load) echoed: u64,
    /// Frames that were sent and came back changed.
    pub(in crate::load) wrong: u64,
    /// Frames that were sent and did not come back.
    pub(in crate::load) missing: u64,
    /// Frames that came beyond the sent frames.
    pub(in crate::load) extra: u64,
}

#[derive(Debug, Default)]
struct Lost {
    /// Bytes since the end of the last good frame.
    bytes: u64,
    /// The last eight of these bytes.
    tail: u64,
    /// The number of bytes in `tail` that can belong to a tag.
    tail_len: usize,
}

impl EchoCheck {
    pub(super) fn new(signal: TestSignal) -> Self {
        let mut expected = Vec::with_capacity(signal.frame_len() + TAG_LEN);
        signal.write_echo(0, &mut expected);
        Self {
            signal,
            counts: EchoCounts::default(),
            outstanding: VecDeque::new(),
            next: 0,
            expected,
            matched: 0,
            lost: None,
        }
    }

    /// Adds the next audible frame.
    pub(super) fn sent(&mut self, sent: SentFrame) {
        if self.outstanding.len() == MAX_OUTSTANDING {
            self.drop_oldest();
        }
        self.outstanding.push_back(sent);
    }

    /// Returns the number of frames without an echo so far.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Handles a received frame of the right rate. Calls `echoed` for each sent frame that it
    /// completes.
    pub(super) fn receive(&mut self, mut bytes: &[u8], mut echoed: impl FnMut(SentFrame)) {
        if is_silence(bytes) {
            return;
        }
        while !bytes.is_empty() {
            if self.lost.is_some() {
                bytes = self.search(bytes);
            } else {
                bytes = self.compare(bytes);
            }
            if self.matched == self.expected.len()
                && let Some(sent) = self.outstanding.pop_front()
            {
                self.counts.echoed += 1;
                self.expect(self.next + 1, 0);
                echoed(sent);
            }
        }
    }

    /// Handles a received frame of another rate, which cannot be an echo.
    pub(super) fn receive_foreign(&mut self, bytes: &[u8]) {
        if !is_silence(bytes) {
            let lost = self.lose();
            lost.bytes += bytes.len() as u64;
            lost.tail_len = 0;
        }
    }

    /// Ends the check. No more audio comes.
    pub(super) fn finish(mut self) -> EchoCounts {
        if let Some(lost) = self.lost.take() {
            self.settle(self.outstanding.len() as u64, lost.bytes);
        } else {
            // A frame that came in part is missing.
            self.counts.missing += self.outstanding.len() as u64;
        }
        self.counts
    }

    /// Takes matching bytes, up to the end of a frame.
    fn compare<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.outstanding.is_empty() {
            self.lose();
            return bytes;
        }
        let expected = &self.expected[self.matched..];
        let len = expected.len().min(bytes.len());
        let (piece, rest) = bytes.split_at(len);
        if piece == &expected[..len] {
            self.matched += len;
            return rest;
        }
        let differing = piece.iter().zip(expected).position(|(a, b)| a != b);
        let same = differing.unwrap_or(len);
        self.matched += same;
        self.lose();
        &bytes[same..]
    }

    fn lose(&mut self) -> &mut Lost {
        self.lost.get_or_insert_with(|| {
            // The last matching bytes can be the start of another frame that begins with the same
            // bytes by chance.
            let tail_len = self.matched.min(TAG_LEN - 1);
            let tail = &self.expected[self.matched - tail_len..self.matched];
            let lost = Lost {
                bytes: self.matched as u64,
                tail: tail.iter().fold(0, |tail, byte| shift(tail, *byte)),
                tail_len,
            };
            self.matched = 0;
            lost
        })
    }

    /// Takes bytes up to the tag of an outstanding frame.
    fn search<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(lost) = &mut self.lost else {
            return bytes;
        };
        let indices = self.next..self.next + self.outstanding.len() as u64;
        for (at, byte) in bytes.iter().enumerate() {
            lost.bytes += 1;
            lost.tail = shift(lost.tail, *byte);
            lost.tail_len = TAG_LEN.min(lost.tail_len + 1);
            if lost.tail_len == TAG_LEN
                && let Some(index) = self.signal.echo_index(lost.tail)
                && indices.contains(&index)
            {
                let bytes_between = lost.bytes - TAG_LEN as u64;
                self.settle(index - self.next, bytes_between);
                self.expect(index, TAG_LEN);
                self.lost = None;
                return &bytes[at + 1..];
            }
        }
        &[]
    }

    /// Counts the next `frames` frames. `bytes` bytes came instead of them.
    fn settle(&mut self, frames: u64, bytes: u64) {
        let came = bytes.div_ceil(self.signal.frame_len() as u64);
        let wrong = came.min(frames);
        self.counts.wrong += wrong;
        self.counts.missing += frames - wrong;
        self.counts.extra += came - wrong;
        self.outstanding.drain(..frames as usize);
    }

    fn drop_oldest(&mut self) {
        let frame_len = self.signal.frame_len() as u64;
        let came = self
            .lost
            .as_mut()
            .is_some_and(|lost| match lost.bytes.checked_sub(frame_len) {
                Some(rest) => {
                    lost.bytes = rest;
                    true
                }
                None => false,
            });
        self.settle(1, if came { frame_len } else { 0 });
        self.expect(self.next + 1, 0);
    }

    fn expect(&mut self, index: u64, matched: usize) {
        self.next = index;
        self.matched = matched;
        self.signal.write_echo(index, &mut self.expected);
    }
}

fn shift(tail: u64, byte: u8) -> u64 {
    tail << 8 | u64::from(byte)
}

#[cfg(test)]
mod tests;
