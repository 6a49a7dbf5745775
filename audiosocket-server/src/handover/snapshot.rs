use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use audiosocket_proto::{PlayoutSnapshot, SampleRate, SessionSnapshot, Timestamp};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::call::times::LaggedAudio;

/// The state of a call, so that another process can continue it.
///
/// The other process can have another version of this crate. So the [encoded](Self::encode) state begins with the
/// [version](Self::VERSION) of the format, and another version is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSnapshot {
    pub(crate) uuid: u128,
    pub(crate) peer: SocketAddr,
    pub(crate) accepted_at: Timestamp,
    /// The time of the snapshot, by the clock of the call.
    pub(crate) now: Timestamp,
    /// When audio came and left, for the diagnosis of the call.
    pub(crate) times: [u32; 6],
    pub(crate) lagged: Option<LaggedAudio>,
    pub(crate) session: SessionSnapshot,
    pub(crate) playout: PlayoutSnapshot,
    /// The received bytes of an incomplete frame.
    pub(crate) partial: Bytes,
    /// When the call polls its playout.
    pub(crate) playout_due: Option<Timestamp>,
    pub(crate) due_for_silence: bool,
    pub(crate) playout_changed: bool,
    pub(crate) awaits_drain: bool,
    pub(crate) is_behind: bool,
    pub(crate) silence_from: Timestamp,
    pub(crate) rate_sent: Option<SampleRate>,
    pub(crate) sent: Option<SampleRate>,
    pub(crate) received: Option<SampleRate>,
    /// The state of the handler.
    pub(crate) handler: Bytes,
}

impl CallSnapshot {
    /// The version of the encoding. Each change of the state or its order has a new version.
    pub const VERSION: u16 = 1;

    /// Returns the time of the snapshot, by the clock of the call.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the UUID of the call.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        Uuid::from_u128(self.uuid)
    }

    /// Adds the time that has passed since the snapshot was taken, so that the clock of the call is right again.
    pub fn add_delay(&mut self, delay: Duration) {
        self.now = self.now + delay;
    }

    /// Returns the state as bytes: the version, and the fields in the format of the crate `postcard`. The audio that is
    /// queued is the largest part.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // A vector grows, and no field has an unknown length.
        let fields = postcard::to_allocvec(self).unwrap_or_default();
        [&Self::VERSION.to_le_bytes()[..], &fields].concat()
    }

    /// Reads the state. No bytes panic. The result takes at most some thirty times the memory of `bytes`.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] for another version, and for bytes that are not a state of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (version, fields) = bytes.split_first_chunk().ok_or(SnapshotError::Malformed)?;
        let version = u16::from_le_bytes(*version);
        if version != Self::VERSION {
            return Err(SnapshotError::Version(version));
        }
        match postcard::take_from_bytes::<Self>(fields) {
            Ok((snapshot, [])) if !snapshot.is_at_the_end_of_the_clock() => Ok(snapshot),
            _ => Err(SnapshotError::Malformed),
        }
    }

    /// Near its end, no deadline can be later than now. A call would send frames without an end.
    fn is_at_the_end_of_the_clock(&self) -> bool {
        self.now.as_nanos() >= u64::MAX / 2
    }
}

/// The reason why the state of a call cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Another version of the format.
    Version(u16),
    /// Not a state of this version.
    Malformed,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "the state of the call has version {version}, and this program reads version {}",
                CallSnapshot::VERSION
            ),
            Self::Malformed => f.write_str("the state of the call is damaged"),
        }
    }
}

impl std::error::Error for SnapshotError {}
