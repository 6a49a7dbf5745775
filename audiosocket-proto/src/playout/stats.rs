use core::time::Duration;

/// Counters of the playout of a call, from its start.
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
    /// How many of them left late by more than half a [`Ptime`](crate::Ptime): this machine or a handler
    /// was too slow, or the peer did not take the bytes before. After each, the schedule skips the
    /// missed time.
    pub late: u64,
    /// How often the queue ran dry and got more within 500 ms: most likely a gap in one utterance.
    pub underruns: u64,
    /// Frames of silence that were sent because there was nothing to play.
    pub silence: u64,
    /// Samples that were queued and then cleared, by the end of the call too.
    pub samples_dropped: u64,
    /// How much audio waits now.
    pub depth: Duration,
}

/// The counters that a playout keeps. The others come from its queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) late: u64,
    pub(super) underruns: u64,
    pub(super) silence: u64,
    pub(super) samples_dropped: u64,
}

impl Counts {
    pub(super) fn with(self, depth: Duration) -> PlayoutStats {
        PlayoutStats {
            frames: self.frames,
            late: self.late,
            underruns: self.underruns,
            silence: self.silence,
            samples_dropped: self.samples_dropped,
            depth,
        }
    }
}

/// The audio that was cleared before it was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct Dropped {
    /// In samples, each of the rate it was queued with; half a sample counts as one.
    pub samples: u64,
    /// How long they would have lasted.
    pub duration: Duration,
}
