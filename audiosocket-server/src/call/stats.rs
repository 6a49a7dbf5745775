use audiosocket_proto::{PlayoutStats, SessionStats};

/// Counters of a call, from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    pub(crate) fn new(session: SessionStats, playout: PlayoutStats) -> Self {
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
