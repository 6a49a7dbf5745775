//! The state of a session as a value, so that another process can continue the call.

use bytes::Bytes;

use super::{Session, SessionState};
use crate::{SessionConfig, SessionStats, Timestamp};

/// The state of a [`Session`] during a call: see [`Session::snapshot`].
///
/// With the feature `serde` it can be written and read. It may come from an untrusted process: no value makes a restored
/// session panic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionSnapshot {
    ends_at: Option<Timestamp>,
    /// The rest of a frame that was written in part, and whole frames.
    unsent: Bytes,
    stats: SessionStats,
    last_received: Timestamp,
    last_progress: Timestamp,
}

impl Session {
    /// Returns the state of the session, so that [`restore`](Self::restore) can continue the call. Returns `None` before
    /// the UUID, once the call is over, and if the peer has closed its read side.
    ///
    /// The snapshot has all unsent bytes. The state of the decoder is not in it: see [`Decoder::partial`](crate::Decoder::partial).
    #[must_use]
    pub fn snapshot(&self) -> Option<SessionSnapshot> {
        let SessionState::Active { ends_at } = self.state else {
            return None;
        };
        (!self.write_closed).then(|| SessionSnapshot {
            ends_at,
            unsent: Bytes::copy_from_slice(self.send_buffer.unsent()),
            stats: self.stats,
            last_received: self.last_received,
            last_progress: self.last_progress,
        })
    }

    /// Creates a session that continues a call.
    ///
    /// The times of the snapshot count from the epoch of the call. So the driver continues with the same epoch. `config` has
    /// the limits from now on. Only the end of a [maximum duration](SessionConfig::max_duration) is in the snapshot.
    #[must_use]
    pub fn restore(config: SessionConfig, snapshot: &SessionSnapshot) -> Self {
        let mut session = Self::new(config, Timestamp::ZERO);
        session.state = SessionState::Active {
            ends_at: snapshot.ends_at,
        };
        if !snapshot.unsent.is_empty() {
            let buffer = session.send_buffer.tail();
            buffer.extend_from_slice(&snapshot.unsent);
        }
        session.stats = snapshot.stats.bounded();
        session.last_received = snapshot.last_received;
        session.last_progress = snapshot.last_progress;
        session
    }
}

impl SessionStats {
    /// Limits the counters, so that they can count on. No call reaches the limit.
    fn bounded(self) -> Self {
        let bound = |count: u64| count.min(u64::MAX / 2);
        Self {
            frames_received: bound(self.frames_received),
            audio_frames_received: bound(self.audio_frames_received),
            audio_bytes_received: bound(self.audio_bytes_received),
            audio_frames_sent: bound(self.audio_frames_sent),
            audio_bytes_sent: bound(self.audio_bytes_sent),
            frames_dropped: bound(self.frames_dropped),
        }
    }
}
