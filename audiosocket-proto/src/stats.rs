use crate::PlayoutStats;

/// Counters of a session, from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Frames received, of any kind, the UUID included.
    pub frames_received: u64,
    /// Audio frames received, without those of no bytes.
    pub audio_frames_received: u64,
    /// Bytes of audio received, without headers.
    pub audio_bytes_received: u64,
    /// Audio frames accepted for sending.
    pub audio_frames_sent: u64,
    /// Bytes of audio accepted for sending, without headers.
    pub audio_bytes_sent: u64,
    /// Frames dropped because the peer took nothing; see [`SessionConfig::max_unsent`](crate::SessionConfig::max_unsent).
    pub frames_dropped: u64,
    /// What was played. A [`Session`](crate::Session) by itself plays nothing.
    pub playout: PlayoutStats,
}

/// What a session counts by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) frames_received: u64,
    pub(crate) audio_frames_received: u64,
    pub(crate) audio_bytes_received: u64,
    pub(crate) audio_frames_sent: u64,
    pub(crate) audio_bytes_sent: u64,
    pub(crate) frames_dropped: u64,
}

impl Traffic {
    pub(crate) fn with(self, playout: PlayoutStats) -> Stats {
        Stats {
            frames_received: self.frames_received,
            audio_frames_received: self.audio_frames_received,
            audio_bytes_received: self.audio_bytes_received,
            audio_frames_sent: self.audio_frames_sent,
            audio_bytes_sent: self.audio_bytes_sent,
            frames_dropped: self.frames_dropped,
            playout,
        }
    }
}
