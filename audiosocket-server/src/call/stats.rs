use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use audiosocket_proto::{FrameKind, PlayoutStats, SampleRate, SessionStats};

/// Counters of a call since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct CallStats {
    /// Counters of the session: frames and bytes, received and sent.
    pub session: SessionStats,
    /// Counters of the playout.
    pub playout: PlayoutStats,
    /// The sample rate of the last audio frame that was queued for sending, silence included. `None` if there was none.
    pub rate_sent: Option<SampleRate>,
    /// How many TCP segments the kernel sent again, because the network lost packets. It is counted at most once a second,
    /// while the call sends, and when the peer ends the call. `None` until then, on other systems than Linux, and for a
    /// stream that is not plain TCP.
    pub retransmissions: Option<u32>,
}

/// [`SessionStats`] that one thread writes and other threads read. Each counter is atomic by itself.
#[derive(Debug, Default)]
pub(crate) struct AtomicStats([AtomicU64; 6]);

impl AtomicStats {
    #[inline]
    pub(crate) fn store(&self, stats: &SessionStats) {
        let values = [
            stats.frames_received,
            stats.audio_frames_received,
            stats.audio_bytes_received,
            stats.audio_frames_sent,
            stats.audio_bytes_sent,
            stats.frames_dropped,
        ];
        for (counter, value) in self.0.iter().zip(values) {
            counter.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn load(&self) -> SessionStats {
        let [
            frames_received,
            audio_frames_received,
            audio_bytes_received,
            audio_frames_sent,
            audio_bytes_sent,
            frames_dropped,
        ] = self
            .0
            .each_ref()
            .map(|counter| counter.load(Ordering::Relaxed));
        let mut stats = SessionStats::default();
        stats.frames_received = frames_received;
        stats.audio_frames_received = audio_frames_received;
        stats.audio_bytes_received = audio_bytes_received;
        stats.audio_frames_sent = audio_frames_sent;
        stats.audio_bytes_sent = audio_bytes_sent;
        stats.frames_dropped = frames_dropped;
        stats
    }
}

/// A sample rate that one thread writes and other threads read: its frame kind, or 0 for none.
#[derive(Debug, Default)]
pub(crate) struct AtomicRate(AtomicU8);

impl AtomicRate {
    #[inline]
    pub(crate) fn store(&self, rate: Option<SampleRate>) {
        let kind = rate.map_or(0, |rate| rate.kind().0);
        self.0.store(kind, Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Option<SampleRate> {
        SampleRate::from_kind(FrameKind(self.0.load(Ordering::Relaxed)))
    }
}

/// A count that one thread writes and other threads read: the count and one, or 0 for none. It takes no memory of a call, in
/// the padding of the rates.
#[derive(Debug, Default)]
pub(crate) struct AtomicCount(AtomicU32);

impl AtomicCount {
    pub(crate) fn store(&self, count: u32) {
        self.0.store(count.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Option<u32> {
        self.0.load(Ordering::Relaxed).checked_sub(1)
    }
}
