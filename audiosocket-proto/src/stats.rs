/// Counters of a [`Session`](crate::Session) since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct SessionStats {
    /// Received frames of any kind, including the UUID.
    pub frames_received: u64,
    /// Received audio frames, without empty ones.
    pub audio_frames_received: u64,
    /// Received bytes of audio, without headers.
    pub audio_bytes_received: u64,
    /// Audio frames that were queued for sending.
    pub audio_frames_sent: u64,
    /// Bytes of audio that were queued for sending, without headers.
    pub audio_bytes_sent: u64,
    /// Audio frames that were dropped because the peer does not read; see [`SessionConfig::max_unsent`](crate::SessionConfig::max_unsent).
    pub frames_dropped: u64,
}

impl SessionStats {
    /// Adds the counters of another session.
    pub fn add(&mut self, other: &Self) {
        self.frames_received += other.frames_received;
        self.audio_frames_received += other.audio_frames_received;
        self.audio_bytes_received += other.audio_bytes_received;
        self.audio_frames_sent += other.audio_frames_sent;
        self.audio_bytes_sent += other.audio_bytes_sent;
        self.frames_dropped += other.frames_dropped;
    }
}
