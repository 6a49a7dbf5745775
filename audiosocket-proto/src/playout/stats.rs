use core::time::Duration;

use crate::{DurationHistogram, Ptime, Timestamp};

/// Counters of the playout of a call since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct PlayoutStats {
    /// Frames of played audio that were sent.
    pub frames: u64,
    /// The number of these frames that left late by more than half a [`Ptime`](crate::Ptime). This machine or a handler
    /// was too slow, or the peer did not read. After each of them, the schedule skips the missed time.
    pub late: u64,
    /// The number of times that the queue ran empty and got more audio within 500 ms. Each time is probably a gap in
    /// one utterance. In audio with a [prebuffer](crate::Playout::prebuffer), each gap counts.
    pub underruns: u64,
    /// Frames of silence that were sent because there was nothing to play, or because the playout was paused. A frame
    /// that contains only the fade of a [cut](crate::SessionConfig::fade_cuts) counts too.
    pub silence: u64,
    /// Samples of queued audio that were sent. Padding and the fade of a [cut](crate::SessionConfig::fade_cuts) do not
    /// count.
    pub samples_played: u64,
    /// Samples that were queued and then dropped, by a clear or by the end of the call.
    pub samples_dropped: u64,
    /// How much later than its deadline each of the played [`frames`](Self::frames) left. The bounds are
    /// [`LATENESS_BOUNDS`](Self::LATENESS_BOUNDS). The first frame of speech has no deadline, and counts as punctual.
    pub lateness: DurationHistogram,
    /// The number of clears that dropped audio, such as at a barge-in. The end of the call does not count.
    pub barge_ins: u64,
    /// The duration of the audio that these clears dropped, in whole milliseconds.
    pub cleared: Duration,
    /// The duration of the audio that is queued now.
    pub depth: Duration,
}

impl PlayoutStats {
    /// The bounds of [`lateness`](Self::lateness): 1, 5, 10, 20 and 100 ms.
    pub const LATENESS_BOUNDS: [Duration; 5] = [
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(20),
        Duration::from_millis(100),
    ];

    /// Adds the counters of another playout.
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.late += other.late;
        self.underruns += other.underruns;
        self.silence += other.silence;
        self.samples_played += other.samples_played;
        self.samples_dropped += other.samples_dropped;
        self.lateness.add(&other.lateness);
        self.barge_ins += other.barge_ins;
        self.cleared += other.cleared;
        self.depth += other.depth;
    }
}

/// The counters that a playout keeps, in less memory. The depth comes from its queue, and the number of frames is the sum of
/// `lateness`. A call sends 2^32 frames in 2.7 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Counts {
    pub(super) late: u32,
    pub(super) first_late: Option<Timestamp>,
    pub(super) underruns: u32,
    pub(super) first_underrun: Option<Timestamp>,
    pub(super) silence: u32,
    pub(super) samples_played: u64,
    pub(super) samples_dropped: u64,
    lateness: [u32; 6],
    barge_ins: u32,
    cleared_millis: u32,
    lateness_nanos: u64,
}

impl Counts {
    /// Counts a frame of played audio that left at `now`.
    pub(super) fn played(
        &mut self,
        now: Timestamp,
        lateness: Duration,
        ptime: Ptime,
        is_underrun: bool,
    ) {
        let place = DurationHistogram::place(&PlayoutStats::LATENESS_BOUNDS, lateness);
        if let Some(count) = self.lateness.get_mut(place) {
            *count += 1;
        }
        self.lateness_nanos += u64::try_from(lateness.as_nanos()).unwrap_or(0);
        if lateness > ptime.duration() / 2 {
            self.late += 1;
            self.first_late.get_or_insert(now);
        }
        if is_underrun {
            self.underruns += 1;
            self.first_underrun.get_or_insert(now);
        }
    }

    /// Counts a clear that the application asked for.
    pub(super) fn cleared(&mut self, cleared: Duration) {
        self.barge_ins += u32::from(!cleared.is_zero());
        let millis = u32::try_from(cleared.as_millis()).unwrap_or(u32::MAX);
        self.cleared_millis = self.cleared_millis.saturating_add(millis);
    }

    /// Limits the counters, so that they can count on. No call reaches the limit.
    pub(super) fn bounded(self) -> Self {
        Self {
            late: self.late.min(u32::MAX / 2),
            underruns: self.underruns.min(u32::MAX / 2),
            silence: self.silence.min(u32::MAX / 2),
            samples_played: self.samples_played.min(u64::MAX / 2),
            samples_dropped: self.samples_dropped.min(u64::MAX / 2),
            lateness: self.lateness.map(|count| count.min(u32::MAX / 16)),
            lateness_nanos: self.lateness_nanos.min(u64::MAX / 2),
            barge_ins: self.barge_ins.min(u32::MAX / 2),
            ..self
        }
    }

    pub(super) fn with(self, depth: Duration) -> PlayoutStats {
        let lateness = DurationHistogram {
            counts: self.lateness.map(u64::from),
            sum: Duration::from_nanos(self.lateness_nanos),
        };
        PlayoutStats {
            frames: lateness.total(),
            late: self.late.into(),
            underruns: self.underruns.into(),
            silence: self.silence.into(),
            samples_played: self.samples_played,
            samples_dropped: self.samples_dropped,
            lateness,
            barge_ins: self.barge_ins.into(),
            cleared: Duration::from_millis(self.cleared_millis.into()),
            depth,
        }
    }
}

/// The amount of audio that was cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct Dropped {
    /// The samples, each at the rate of its audio. Half a sample counts as one.
    pub samples: u64,
    /// The duration of these samples.
    pub duration: Duration,
}
