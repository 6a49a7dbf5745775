use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use crate::{AudioBuf, Ptime, SampleRate};

/// Ticks per second: the least common multiple of all rates. A sample of any rate is a whole number of ticks,
/// so that lengths add up exactly.
const TICKS: u64 = 28_224_000;

/// The number of entries that an empty queue keeps allocated.
const RETAINED: usize = 16;

/// The queued audio and marks, in order, and a hangup at the end.
pub(super) struct Queue<M> {
    entries: VecDeque<QueueEntry<M>>,
    audio: Length,
}

/// An entry of a [`Queue`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum QueueEntry<M> {
    /// Never empty.
    Audio(AudioBuf),
    /// Never the first.
    Mark(M),
    /// Always the last.
    Hangup,
}

/// A length of audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    pub(super) bytes: u64,
    /// The duration in half ticks, since a byte is half a sample.
    half_ticks: u64,
}

/// The front of the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueueHead {
    Frame(AudioBuf),
    Hangup,
    Nothing,
}

impl<M> Queue<M> {
    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            audio: Length {
                bytes: 0,
                half_ticks: 0,
            },
        }
    }

    pub(super) fn push(&mut self, audio: AudioBuf) {
        self.audio = self.audio.plus(Length::of(&audio));
        self.entries.push_back(QueueEntry::Audio(audio));
    }

    /// Returns the mark if no audio is before it. A mark comes before a hangup.
    pub(super) fn push_mark(&mut self, mark: M) -> Option<M> {
        let place = self.entries.len() - usize::from(self.ends_in_hangup());
        if place == 0 {
            return Some(mark);
        }
        self.entries.insert(place, QueueEntry::Mark(mark));
        None
    }

    pub(super) fn push_hangup(&mut self) {
        if !self.ends_in_hangup() {
            self.entries.push_back(QueueEntry::Hangup);
        }
    }

    pub(super) fn starts_with_hangup(&self) -> bool {
        matches!(self.entries.front(), Some(QueueEntry::Hangup))
    }

    pub(super) fn ends_in_hangup(&self) -> bool {
        matches!(self.entries.back(), Some(QueueEntry::Hangup))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the entries, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &QueueEntry<M>> {
        self.entries.iter()
    }

    /// Returns the length of the queued audio.
    pub(super) fn audio(&self) -> Length {
        self.audio
    }

    /// Returns a copy of the next audio, `len` bytes at most, if it is at `rate`.
    pub(super) fn peek(&self, rate: SampleRate, len: usize) -> Vec<u8> {
        let mut copy = Vec::new();
        for entry in &self.entries {
            match entry {
                QueueEntry::Audio(audio) if audio.rate == rate && copy.len() < len => {
                    let more = audio.bytes.len().min(len - copy.len());
                    copy.extend_from_slice(&audio.bytes[..more]);
                }
                QueueEntry::Mark(_) => {}
                _ => break,
            }
        }
        copy
    }

    /// Takes the next frame, or the hangup. The next pieces of the same rate fill a frame. If there are none, the
    /// frame is padded with silence. Marks go to `passed`, and copied pieces to `dropped`.
    pub(super) fn pop(
        &mut self,
        ptime: Ptime,
        passed: &mut impl FnMut(M),
        dropped: &mut Vec<Bytes>,
    ) -> QueueHead {
        let front = match self.entries.front_mut() {
            None | Some(QueueEntry::Mark(_)) => QueueHead::Nothing,
            Some(QueueEntry::Hangup) => {
                self.entries.pop_front();
                QueueHead::Hangup
            }
            Some(QueueEntry::Audio(audio)) => {
                let rate = audio.rate;
                let len = ptime.frame_len(rate);
                QueueHead::Frame(if audio.bytes.len() > len {
                    let frame = audio.split_to(len);
                    self.audio = self.audio.minus(Length::of(&frame));
                    frame
                } else {
                    AudioBuf::new(rate, self.join(rate, len, passed, dropped))
                })
            }
        };
        while let Some(QueueEntry::Mark(_)) = self.entries.front() {
            if let Some(QueueEntry::Mark(mark)) = self.entries.pop_front() {
                passed(mark);
            }
        }
        if self.entries.is_empty() {
            self.entries.shrink_to(RETAINED);
        }
        front
    }

    /// Takes a frame of `len` bytes. The first piece has at most `len` bytes.
    fn join(
        &mut self,
        rate: SampleRate,
        len: usize,
        passed: &mut impl FnMut(M),
        dropped: &mut Vec<Bytes>,
    ) -> Bytes {
        let mut frame = Vec::new();
        loop {
            match self.entries.pop_front() {
                Some(QueueEntry::Audio(mut audio)) if audio.rate == rate => {
                    let taken = audio.split_to(audio.bytes.len().min(len - frame.len()));
                    self.audio = self.audio.minus(Length::of(&taken));
                    if !audio.is_empty() {
                        self.entries.push_front(QueueEntry::Audio(audio));
                    }
                    let taken = taken.into_bytes();
                    if taken.len() == len {
                        return taken;
                    }
                    frame.reserve_exact(len - frame.len());
                    frame.extend_from_slice(&taken);
                    dropped.push(taken);
                }
                Some(QueueEntry::Mark(mark)) => passed(mark),
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

    /// Moves the audio to `dropped` and the marks to `passed`. A hangup stays.
    pub(super) fn clear(&mut self, passed: &mut impl FnMut(M), dropped: &mut Vec<Bytes>) {
        let hangup = self.ends_in_hangup();
        for entry in core::mem::take(&mut self.entries) {
            match entry {
                QueueEntry::Audio(audio) => dropped.push(audio.into_bytes()),
                QueueEntry::Mark(mark) => passed(mark),
                QueueEntry::Hangup => {}
            }
        }
        self.audio = Length::default();
        if hangup {
            self.entries.push_back(QueueEntry::Hangup);
        }
    }
}

impl<M> QueueEntry<M> {
    /// Returns the entry with another mark. Returns `None` if `mark` does.
    pub(super) fn map<N>(&self, mark: impl FnOnce(&M) -> Option<N>) -> Option<QueueEntry<N>> {
        Some(match self {
            Self::Audio(audio) => QueueEntry::Audio(audio.clone()),
            Self::Mark(from) => QueueEntry::Mark(mark(from)?),
            Self::Hangup => QueueEntry::Hangup,
        })
    }
}

/// Shows the number of entries, not the audio.
impl<M> fmt::Debug for Queue<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("entries", &self.entries.len())
            .field("audio", &self.audio.duration())
            .finish()
    }
}

impl Length {
    pub(super) fn of(audio: &AudioBuf) -> Self {
        let bytes = audio.bytes.len() as u64;
        Self {
            bytes,
            half_ticks: bytes.saturating_mul(TICKS / u64::from(audio.rate.hz())),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            half_ticks: self.half_ticks.saturating_add(other.half_ticks),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            half_ticks: self.half_ticks.saturating_sub(other.half_ticks),
        }
    }

    /// Returns the number of samples. Half a sample counts as one.
    pub(super) fn samples(self) -> u64 {
        self.bytes.div_ceil(2)
    }

    /// Returns the duration, rounded down to a nanosecond.
    pub(super) fn duration(self) -> Duration {
        let per_second = 2 * TICKS;
        let nanos =
            u128::from(self.half_ticks % per_second) * 1_000_000_000 / u128::from(per_second);
        Duration::new(self.half_ticks / per_second, nanos as u32)
    }
}
