/// Counters of a [`Session`](crate::Session), from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct SessionStats {
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
    /// Frames dropped because the peer does not read; see [`SessionConfig::max_unsent`](crate::SessionConfig::max_unsent).
    pub frames_dropped: u64,
}
