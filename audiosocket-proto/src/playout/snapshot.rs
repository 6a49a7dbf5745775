//! The state of a playout as a value, so that another process can continue the call.

use alloc::vec::Vec;
use core::time::Duration;

use super::bed::BedSnapshot;
use super::queue::{Queue, QueueEntry};
use super::stats::Counts;
use super::{Extras, MAX_ENTRIES, MarkOutcome, Playout, PlayoutState, Rate};
use crate::{AudioBuf, SampleRate, SessionConfig, Timestamp};

/// The state of a [`Playout`] during a call, with all queued audio: see [`Playout::snapshot`].
///
/// With the feature `serde` it can be written and read. It may come from an untrusted process: no value makes a restored
/// playout panic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PlayoutSnapshot {
    is_paused: bool,
    queue: Vec<QueueEntry<u64>>,
    reached: Vec<(u64, MarkOutcome)>,
    rate: SampleRate,
    /// Whether audio was sent at this rate.
    is_sent: bool,
    next: Timestamp,
    silence_from: Timestamp,
    running: bool,
    held: bool,
    speaking: bool,
    dry_since: Option<Timestamp>,
    stats: Counts,
    extras: Option<ExtrasSnapshot>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct ExtrasSnapshot {
    fade_out: Option<AudioBuf>,
    fades_in: bool,
    prebuffer: Option<Duration>,
    bed: Option<BedSnapshot>,
    bed_end: Option<AudioBuf>,
}

impl<M> Playout<M> {
    /// Returns the state of the playout, so that [`restore`](Self::restore) can continue the call. `number_of` returns the
    /// number of a mark. Returns `None` before and after the call, and if a mark has no number.
    ///
    /// Audio is not copied.
    #[must_use]
    pub fn snapshot(
        &self,
        mut number_of: impl FnMut(&M) -> Option<u64>,
    ) -> Option<PlayoutSnapshot> {
        let reached = self.reached.iter();
        let reached = reached.map(|(mark, outcome)| Some((number_of(mark)?, *outcome)));
        let reached = reached.collect::<Option<_>>()?;
        let queue = self.queue.entries().map(|entry| entry.map(&mut number_of));
        self.is_in_call().then_some(PlayoutSnapshot {
            is_paused: self.state == PlayoutState::Paused,
            queue: queue.collect::<Option<_>>()?,
            reached,
            rate: self.rate.sample_rate(),
            is_sent: matches!(self.rate, Rate::Sent(_)),
            next: self.next,
            silence_from: self.silence_from,
            running: self.running,
            held: self.held,
            speaking: self.speaking,
            dry_since: self.dry_since,
            stats: self.stats,
            extras: self.extras.as_deref().map(ExtrasSnapshot::of),
        })
    }

    /// Creates a playout that continues a call. `mark_of` returns the mark with a number.
    ///
    /// The times of the snapshot count from the epoch of the call. So the driver continues with the same epoch. `config` has
    /// the limits from now on: audio that is queued already stays in the queue.
    #[must_use]
    pub fn restore(
        config: &SessionConfig,
        snapshot: PlayoutSnapshot,
        mut mark_of: impl FnMut(u64) -> M,
    ) -> Self {
        let mut playout = Self::new(config);
        playout.state = match snapshot.is_paused {
            true => PlayoutState::Paused,
            false => PlayoutState::Open,
        };
        let reached = snapshot.reached.into_iter().take(MAX_ENTRIES);
        playout.reached = reached
            .map(|(mark, outcome)| (mark_of(mark), outcome))
            .collect();
        playout.queue = Queue::new();
        for entry in snapshot.queue.into_iter().take(MAX_ENTRIES) {
            match entry {
                QueueEntry::Audio(audio) if audio.is_empty() => {}
                QueueEntry::Audio(audio) => playout.queue.push(audio),
                QueueEntry::Mark(mark) => {
                    let first = playout.queue.push_mark(mark_of(mark));
                    let played = first.map(|mark| (mark, MarkOutcome::Played));
                    playout.reached.extend(played);
                }
                QueueEntry::Hangup => {
                    playout.queue.push_hangup();
                    break;
                }
            }
        }
        playout.rate = match snapshot.is_sent {
            true => Rate::Sent(snapshot.rate),
            false => Rate::Received(snapshot.rate),
        };
        playout.next = snapshot.next;
        playout.silence_from = snapshot.silence_from;
        playout.running = snapshot.running;
        playout.held = snapshot.held;
        playout.speaking = snapshot.speaking;
        playout.dry_since = snapshot.dry_since;
        playout.stats = snapshot.stats.bounded();
        playout.extras = snapshot.extras.map(|extras| extras.restore().into());
        playout
    }
}

impl ExtrasSnapshot {
    fn of(extras: &Extras) -> Self {
        Self {
            fade_out: extras.fade_out.clone(),
            fades_in: extras.fades_in,
            prebuffer: extras.prebuffer,
            bed: extras.bed.as_ref().map(BedSnapshot::of),
            bed_end: extras.bed_end.clone(),
        }
    }

    fn restore(self) -> Extras {
        Extras {
            fade_out: self.fade_out,
            fades_in: self.fades_in,
            prebuffer: self.prebuffer,
            bed: self.bed.and_then(BedSnapshot::restore),
            bed_end: self.bed_end,
        }
    }
}
