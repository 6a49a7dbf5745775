use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use crate::{Ptime, SampleRate};

/// The least common multiple of all rates: a sample of any rate is a whole number of these parts of
/// a second, so that lengths add up exactly.
const PARTS: u64 = 28_224_000;

/// How many entries an empty queue keeps allocated.
const RETAINED: usize = 16;

/// What waits to be played, in order.
pub(super) struct Queue<M> {
    entries: VecDeque<Entry<M>>,
    audio: Length,
}

enum Entry<M> {
    /// Never empty.
    Audio(SampleRate, Bytes),
    /// Never the first.
    Mark(M),
    /// Always the last.
    Hangup,
}

/// How much audio something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) bytes: u64,
    /// In half samples of [`PARTS`], since bytes are half samples.
    halves: u64,
}

/// What is at the front of the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueueHead {
    Frame(SampleRate, Bytes),
    Hangup,
    Nothing,
}

impl<M> Queue<M> {
    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            audio: Length {
                bytes: 0,
                halves: 0,
            },
        }
    }

    pub(super) fn push(&mut self, rate: SampleRate, audio: Bytes) {
        self.audio = self.audio.plus(Length::of(rate, audio.len()));
        self.entries.push_back(Entry::Audio(rate, audio));
    }

    /// Returns the mark if nothing is ahead of it; a hangup never is.
    pub(super) fn push_mark(&mut self, mark: M) -> Option<M> {
        let place = self.entries.len() - usize::from(self.ends_in_hangup());
        if place == 0 {
            return Some(mark);
        }
        self.entries.insert(place, Entry::Mark(mark));
        None
    }

    pub(super) fn push_hangup(&mut self) {
        if !self.ends_in_hangup() {
            self.entries.push_back(Entry::Hangup);
        }
    }

    pub(super) fn ends_in_hangup(&self) -> bool {
        matches!(self.entries.back(), Some(Entry::Hangup))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How much audio waits.
    pub(super) fn audio(&self) -> Length {
        self.audio
    }

    /// Takes what is next, in the order in which it came: pieces that do not fill a frame are
    /// joined by those that follow. Only when nothing of their rate follows, they are padded with
    /// silence. The marks that this passes go to `passed`. What was copied goes to `spent`: to drop
    /// it is others' code.
    pub(super) fn pop(
        &mut self,
        ptime: Ptime,
        passed: &mut impl FnMut(M),
        spent: &mut Vec<Bytes>,
    ) -> QueueHead {
        let front = match self.entries.front_mut() {
            None | Some(Entry::Mark(_)) => QueueHead::Nothing,
            Some(Entry::Hangup) => {
                self.entries.pop_front();
                QueueHead::Hangup
            }
            Some(Entry::Audio(rate, audio)) => {
                let rate = *rate;
                let len = ptime.frame_len(rate);
                if audio.len() > len {
                    let frame = audio.split_to(len);
                    self.audio = self.audio.minus(Length::of(rate, len));
                    QueueHead::Frame(rate, frame)
                } else {
                    QueueHead::Frame(rate, self.join(rate, len, passed, spent))
                }
            }
        };
        while let Some(Entry::Mark(_)) = self.entries.front() {
            if let Some(Entry::Mark(mark)) = self.entries.pop_front() {
                passed(mark);
            }
        }
        if self.entries.is_empty() {
            self.entries.shrink_to(RETAINED);
        }
        front
    }

    /// A frame of `len` bytes, of which the first piece has no more.
    fn join(
        &mut self,
        rate: SampleRate,
        len: usize,
        passed: &mut impl FnMut(M),
        spent: &mut Vec<Bytes>,
    ) -> Bytes {
        let mut frame = Vec::new();
        loop {
            match self.entries.pop_front() {
                Some(Entry::Audio(of, mut audio)) if of == rate => {
                    let taken = audio.split_to(audio.len().min(len - frame.len()));
                    self.audio = self.audio.minus(Length::of(rate, taken.len()));
                    if !audio.is_empty() {
                        self.entries.push_front(Entry::Audio(rate, audio));
                    }
                    if taken.len() == len {
                        return taken;
                    }
                    frame.reserve_exact(len - frame.len());
                    frame.extend_from_slice(&taken);
                    spent.push(taken);
                }
                Some(Entry::Mark(mark)) => passed(mark),
                Some(other) => {
                    self.entries.push_front(other);
                    break;
                }
                None => break,
            }
            if frame.len() == len {
                break;
            }
        }
        frame.resize(len, 0);
        frame.into()
    }

    /// Drops the audio; marks go to `passed`, a hangup stays. What is returned has to be dropped
    /// by somebody, and is others' code.
    pub(super) fn clear(&mut self, passed: &mut impl FnMut(M)) -> Vec<Bytes> {
        let mut dropped = Vec::new();
        let hangup = self.ends_in_hangup();
        for entry in core::mem::take(&mut self.entries) {
            match entry {
                Entry::Audio(_, audio) => dropped.push(audio),
                Entry::Mark(mark) => passed(mark),
                Entry::Hangup => {}
            }
        }
        self.audio = Length::default();
        if hangup {
            self.entries.push_back(Entry::Hangup);
        }
        dropped
    }
}

/// Without the audio, of which there can be megabytes.
impl<M> fmt::Debug for Queue<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("entries", &self.entries.len())
            .field("audio", &self.audio.duration())
            .finish()
    }
}

impl Length {
    pub(super) fn of(rate: SampleRate, bytes: usize) -> Self {
        let bytes = bytes as u64;
        Self {
            bytes,
            halves: bytes.saturating_mul(PARTS / u64::from(rate.hz())),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            halves: self.halves.saturating_add(other.halves),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            halves: self.halves.saturating_sub(other.halves),
        }
    }

    /// Half a sample counts as one.
    pub(super) fn samples(self) -> u64 {
        self.bytes.div_ceil(2)
    }

    /// Rounded down to a nanosecond.
    pub(super) fn duration(self) -> Duration {
        let per_second = 2 * PARTS;
        let nanos = u128::from(self.halves % per_second) * 1_000_000_000 / u128::from(per_second);
        Duration::new(self.halves / per_second, nanos as u32)
    }
}
