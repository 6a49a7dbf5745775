use std::sync::atomic::{AtomicU64, Ordering};

use audiosocket_proto::{PlayoutStats, SessionStats};

/// Counters of a call, from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct CallStats {
    /// Frames received, of any kind, the UUID included.
    pub frames_received: u64,
    /// Audio frames received, without empty ones.
    pub audio_frames_received: u64,
    /// Bytes of audio received, without headers.
    pub audio_bytes_received: u64,
    /// Audio frames accepted for sending.
    pub audio_frames_sent: u64,
    /// Bytes of audio accepted for sending, without headers.
    pub audio_bytes_sent: u64,
    /// Frames dropped because the peer does not read; see
    /// [`SessionConfig::max_unsent`](audiosocket_proto::SessionConfig::max_unsent).
    pub frames_dropped: u64,
    /// What was played.
    pub playout: PlayoutStats,
}

impl CallStats {
    pub(crate) fn new(session: &SessionStats, playout: PlayoutStats) -> Self {
        Self {
            frames_received: session.frames_received,
            audio_frames_received: session.audio_frames_received,
            audio_bytes_received: session.audio_bytes_received,
            audio_frames_sent: session.audio_frames_sent,
            audio_bytes_sent: session.audio_bytes_sent,
            frames_dropped: session.frames_dropped,
            playout,
        }
    }
}

/// [`SessionStats`] that one thread writes and others read, each counter by itself.
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
