//! Whether what comes back is what was said.

use std::collections::VecDeque;
use std::time::Instant;

use super::voice::{TAG_LEN, Voice};

/// How many frames may be on their way before the oldest is given up: 82 s at 20 ms. Bounds the
/// memory that a server can cost which never answers.
const LONGEST_WINDOW: usize = 4096;

/// Compares a stream of audio with what was said, byte for byte and however it is cut.
///
/// As long as all is well that is a comparison. Where it is not, the check is lost, and counts
/// bytes until it finds the start of a frame that it waits for, by the tag that each frame begins
/// with. The frames in between are wrong as far as bytes came for them, and otherwise missing.
///
/// Silence needs not come back, and may come at any time: a frame of nothing but zeros is neither
/// compared nor counted. Noise has no zero in it, so that however it is cut no part of it can be
/// taken for silence. Speech may have, and so has to come back in the frames in which it was said.
#[derive(Debug)]
pub(super) struct EchoCheck {
    voice: Voice,
    counts: Counts,
    /// The frames that are still on their way; the first is number `next`.
    on_their_way: VecDeque<Sent>,
    next: u64,
    /// What frame `next` says.
    expected: Vec<u8>,
    /// Bytes of it that have come; less than all.
    matched: usize,
    lost: Option<Lost>,
}

/// When a frame was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// When it was written.
    pub(super) at: Instant,
    /// When it was to be.
    pub(super) due: Instant,
}

/// What became of the frames that were sent, and what came besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) echoed: u64,
    pub(super) wrong: u64,
    pub(super) missing: u64,
    pub(super) extra: u64,
}

#[derive(Debug, Default)]
struct Lost {
    /// Bytes since the end of the last good frame.
    bytes: u64,
    /// The last eight of them.
    tail: u64,
    /// How many of those eight can belong to a tag.
    tail_len: usize,
}

impl EchoCheck {
    pub(super) fn new(voice: Voice) -> Self {
        let mut expected = Vec::with_capacity(voice.frame_len() + TAG_LEN);
        voice.echo(0, &mut expected);
        Self {
            voice,
            counts: Counts::default(),
            on_their_way: VecDeque::new(),
            next: 0,
            expected,
            matched: 0,
            lost: None,
        }
    }

    /// The next frame that is not silence was written.
    pub(super) fn sent(&mut self, sent: Sent) {
        if self.on_their_way.len() == LONGEST_WINDOW {
            self.give_up_oldest();
        }
        self.on_their_way.push_back(sent);
    }

    /// Frames that have not come back yet.
    pub(super) fn outstanding(&self) -> usize {
        self.on_their_way.len()
    }

    /// This frame of audio of the right rate came; `echoed` is called for each frame of ours that
    /// it completes, with the time when that was sent.
    pub(super) fn receive(&mut self, mut bytes: &[u8], mut echoed: impl FnMut(Sent)) {
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
                && let Some(sent) = self.on_their_way.pop_front()
            {
                self.counts.echoed += 1;
                self.expect(self.next + 1, 0);
                echoed(sent);
            }
        }
    }

    /// A frame of audio of another rate came, which cannot be what was said.
    pub(super) fn receive_foreign(&mut self, bytes: &[u8]) {
        if !is_silence(bytes) {
            let lost = self.lose();
            lost.bytes += bytes.len() as u64;
            lost.tail_len = 0;
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(mut self) -> Counts {
        if let Some(lost) = self.lost.take() {
            self.settle(self.on_their_way.len() as u64, lost.bytes);
        } else {
            // A frame that came in part has not come back.
            self.counts.missing += self.on_their_way.len() as u64;
        }
        self.counts
    }

    /// Takes bytes that are what they should be, up to the end of a frame.
    fn compare<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.on_their_way.is_empty() {
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
            // The last bytes that seemed right can be the start of another frame, one that begins
            // with the same bytes by chance.
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

    /// Takes bytes up to the tag of a frame that is on its way.
    fn search<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(lost) = &mut self.lost else {
            return bytes;
        };
        let numbers = self.next..self.next + self.on_their_way.len() as u64;
        for (index, byte) in bytes.iter().enumerate() {
            lost.bytes += 1;
            lost.tail = shift(lost.tail, *byte);
            lost.tail_len = TAG_LEN.min(lost.tail_len + 1);
            if lost.tail_len == TAG_LEN
                && let Some(number) = self.voice.number(lost.tail)
                && numbers.contains(&number)
            {
                let bytes_between = lost.bytes - TAG_LEN as u64;
                self.settle(number - self.next, bytes_between);
                self.expect(number, TAG_LEN);
                self.lost = None;
                return &bytes[index + 1..];
            }
        }
        &[]
    }

    /// The next `frames` will not come any more; `bytes` came in their place.
    fn settle(&mut self, frames: u64, bytes: u64) {
        let came = bytes.div_ceil(self.voice.frame_len() as u64);
        let wrong = came.min(frames);
        self.counts.wrong += wrong;
        self.counts.missing += frames - wrong;
        self.counts.extra += came - wrong;
        self.on_their_way.drain(..frames as usize);
    }

    fn give_up_oldest(&mut self) {
        let frame_len = self.voice.frame_len() as u64;
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

    fn expect(&mut self, number: u64, matched: usize) {
        self.next = number;
        self.matched = matched;
        self.voice.echo(number, &mut self.expected);
    }
}

/// Whether a server that has nothing to say may send this in between.
pub(super) fn is_silence(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn shift(tail: u64, byte: u8) -> u64 {
    tail << 8 | u64::from(byte)
}

#[cfg(test)]
mod tests;
