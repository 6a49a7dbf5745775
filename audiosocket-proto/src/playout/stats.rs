use core::time::Duration;

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
    /// The duration of the audio that is queued now.
    pub depth: Duration,
}

/// The counters that a playout keeps. The depth comes from its queue. A call sends 2^32 frames in 2.7 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Counts {
    pub(super) frames: u32,
    pub(super) late: u32,
    pub(super) underruns: u32,
    pub(super) silence: u32,
    pub(super) samples_played: u64,
    pub(super) samples_dropped: u64,
}

impl Counts {
    /// Limits the counters, so that they can count on. No call reaches the limit.
    pub(super) fn bounded(self) -> Self {
        Self {
            frames: self.frames.min(u32::MAX / 2),
            late: self.late.min(u32::MAX / 2),
            underruns: self.underruns.min(u32::MAX / 2),
            silence: self.silence.min(u32::MAX / 2),
            samples_played: self.samples_played.min(u64::MAX / 2),
            samples_dropped: self.samples_dropped.min(u64::MAX / 2),
        }
    }

    pub(super) fn with(self, depth: Duration) -> PlayoutStats {
        PlayoutStats {
            frames: self.frames.into(),
            late: self.late.into(),
            underruns: self.underruns.into(),
            silence: self.silence.into(),
            samples_played: self.samples_played,
            samples_dropped: self.samples_dropped,
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
