use core::error::Error;
use core::fmt;
use core::time::Duration;

use crate::{ErrorFlags, FrameKind};

/// An error that the peer made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum PeerError {
    /// The first frame was not a UUID, which Asterisk always sends first. The peer may not speak AudioSocket.
    /// Ends the session.
    UuidExpected {
        /// The kind of the first frame.
        kind: FrameKind,
    },
    /// The payload of a UUID frame was not 16 bytes long. Ends the session.
    UuidLength {
        /// Its length in bytes.
        len: usize,
    },
    /// A second UUID came on the same connection. Ends the session.
    UuidRepeated,
    /// No UUID came within [`SessionConfig::uuid_timeout`](crate::SessionConfig::uuid_timeout). Ends the session.
    UuidTimeout,
    /// The connection was closed or reset inside a frame. Ends the session.
    Truncated {
        /// Received bytes of that frame, header included.
        received: usize,
    },
    /// The payload of a key press was not one ASCII byte of `0-9 * # A-D`. The call goes on.
    DtmfMalformed,
    /// Asterisk sent an error frame. The call goes on, unless the flags contain [`ErrorFlags::HANGUP`].
    Reported {
        /// The flags in the frame. An empty frame has no flags.
        flags: ErrorFlags,
    },
    /// The peer read nothing for [`SessionConfig::write_timeout`](crate::SessionConfig::write_timeout). Ends the session.
    WriteStalled,
    /// No frame came for [`SessionConfig::idle_timeout`](crate::SessionConfig::idle_timeout). Ends the session.
    IdleTimeout,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UuidExpected { kind } => {
                write!(f, "the first frame was of kind {kind} and not a UUID")
            }
            Self::UuidLength { len } => write!(f, "a UUID of {len} bytes instead of 16"),
            Self::UuidRepeated => f.write_str("a second UUID on the same connection"),
            Self::UuidTimeout => f.write_str("no UUID came in time"),
            Self::Truncated { received } => {
                write!(
                    f,
                    "the connection ended inside a frame, {received} bytes into it"
                )
            }
            Self::DtmfMalformed => f.write_str("a key press that is not one of 0-9 * # A-D"),
            Self::Reported { flags } => write!(f, "the peer reported error {flags}"),
            Self::WriteStalled => f.write_str("the peer read nothing for too long"),
            Self::IdleTimeout => f.write_str("the peer sent nothing for too long"),
        }
    }
}

impl Error for PeerError {}

/// Why audio could not be sent or played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The audio has no bytes. Asterisk ends a call when it receives such a frame.
    EmptyAudio,
    /// The audio does not fit one frame.
    AudioTooLong {
        /// Its length in bytes. A frame takes up to 65,535.
        len: usize,
    },
    /// The frame was dropped, because [`SessionConfig::max_unsent`](crate::SessionConfig::max_unsent) bytes
    /// already wait for the peer to read them.
    QueueFull,
    /// The audio was refused, because the playout is full; see
    /// [`SessionConfig::max_playout`](crate::SessionConfig::max_playout).
    PlayoutFull {
        /// The duration of the queued audio.
        queued: Duration,
    },
    /// The playout was cleared while a part of this audio waited for room. That part is not played.
    Cleared,
    /// There is no call to send to. The UUID has not come, a hangup is queued, the call is over, or the peer
    /// has closed its read side.
    NoCall,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyAudio => f.write_str("audio of no bytes cannot be sent"),
            Self::AudioTooLong { len } => {
                write!(
                    f,
                    "{len} bytes of audio do not fit one frame, which takes 65,535"
                )
            }
            Self::QueueFull => f.write_str("dropped, because the peer does not read"),
            Self::PlayoutFull { queued } => {
                let seconds = queued.as_secs_f32();
                write!(
                    f,
                    "refused, since {seconds:.1} s of audio wait to be played"
                )
            }
            Self::Cleared => f.write_str("the playout was cleared before all of it was queued"),
            Self::NoCall => f.write_str("there is no call to send to"),
        }
    }
}

impl Error for SendError {}
