use core::error::Error;
use core::fmt;
use core::time::Duration;

use crate::{ErrorFlags, FrameKind};

/// An error of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum PeerError {
    /// The first frame was not the UUID that Asterisk always sends first, so there is no call:
    /// audio before the UUID, or a peer that does not speak AudioSocket. Ends the session.
    UuidExpected {
        /// The kind of the first frame.
        kind: FrameKind,
    },
    /// A UUID frame was not of 16 bytes. Ends the session.
    UuidLength {
        /// Its length in bytes.
        len: usize,
    },
    /// A second UUID came, which makes unclear whose call this is. Ends the session.
    UuidRepeated,
    /// No UUID came in the time allowed. Ends the session.
    UuidTimeout,
    /// The connection was closed or reset inside a frame. Ends the session.
    Truncated {
        /// Bytes of the frame that had come, header included.
        received: usize,
    },
    /// A key press was not one ASCII byte of `0-9 * # A-D`. It is skipped; the call goes on.
    DtmfMalformed,
    /// Asterisk reported an error. The call goes on, unless [`ErrorFlags::HANGUP`] is among the
    /// flags, which ends it.
    Reported {
        /// What Asterisk reported; no flags if the frame was empty.
        flags: ErrorFlags,
    },
    /// The peer took nothing of what we sent for longer than allowed. Ends the session.
    WriteStalled,
    /// Nothing came from the peer for longer than allowed. Ends the session.
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
            Self::WriteStalled => f.write_str("the peer stopped taking what was sent to it"),
            Self::IdleTimeout => f.write_str("the peer sent nothing for too long"),
        }
    }
}

impl Error for PeerError {}

/// Why something could not be sent: an error of the user of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// Audio of no bytes; Asterisk ends a call on which it receives that.
    EmptyAudio,
    /// Audio that does not fit one frame.
    AudioTooLong {
        /// Its length in bytes; 65,535 is the most.
        len: usize,
    },
    /// The peer is so far behind that the frame was dropped; see
    /// [`SessionConfig::max_unsent`](crate::SessionConfig::max_unsent).
    QueueFull,
    /// So much audio waits to be played that this was refused; see
    /// [`SessionConfig::max_playout`](crate::SessionConfig::max_playout).
    PlayoutFull {
        /// How much waits.
        queued: Duration,
    },
    /// The playout was cleared while the rest of this audio waited for room. The rest is not played.
    Cleared,
    /// There is no call to send to: the UUID has not come yet, or the call is over or about to be
    /// hung up, or the peer has closed its reading side.
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
            Self::QueueFull => f.write_str("dropped, since the peer takes nothing"),
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
