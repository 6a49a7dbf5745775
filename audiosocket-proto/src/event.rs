use core::fmt;

use uuid::Uuid;

use crate::{Audio, DtmfDigit, Frame, PeerError};

/// An event on a session. It borrows from the decoder or from the read buffer, never from the session,
/// so that the session can be used while the event is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The UUID came; the call has begun. The first event of every call, and never repeated.
    Started(Uuid),
    /// Audio from the caller; never empty.
    Audio(Audio<'a>),
    /// A key was pressed.
    Dtmf(DtmfDigit),
    /// A frame without meaning: an unknown kind, legacy silence, audio of no bytes.
    Ignored(Frame<'a>),
    /// The peer did something wrong that the call survives.
    Exception(PeerError),
    /// The session is over; always the last event, and exactly one.
    Ended(End),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum End {
    /// The peer closed the connection between two frames: Asterisk's ordinary way to end a call.
    Closed,
    /// The peer sent a hangup frame, or an error frame with [`ErrorFlags::HANGUP`](crate::ErrorFlags::HANGUP) and no other.
    HangupReceived,
    /// This side hung up.
    HungUp,
    /// The call had lasted for [`SessionConfig::max_duration`](crate::SessionConfig::max_duration), and
    /// this side hung up.
    MaxDuration,
    /// The server was shut down while the call was going on, and hung up.
    ShutDown,
    /// The peer did something wrong that the session does not survive.
    Failed(PeerError),
    /// The peer reset the connection between two frames. Also an ordinary end: when a caller hangs
    /// up, Asterisk may close with audio of ours still unread, and its kernel then sends a reset in
    /// place of an orderly end. Asterisk 22.10.1 did so in 28 of 1,600 `Dial` calls and 3 of 1,600
    /// `AudioSocket()` calls. A kernel reports a reset once: if a write meets it first, the
    /// read side may see no more than [`Closed`](Self::Closed).
    ///
    /// Over TLS, also an end without `close_notify`: the connection may have been cut by someone other
    /// than the peer.
    Reset,
    /// The connection broke otherwise: timed out, unreachable.
    ConnectionLost,
    /// The handler panicked, and this side hung up.
    HandlerPanicked,
    /// The driver of the session stopped, such as a runtime that was shut down.
    Abandoned,
}

impl fmt::Display for End {
    /// Fit for a log, in the words of an operator: `hung up by the peer`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed by the peer",
            Self::HangupReceived => "hung up by the peer",
            Self::HungUp => "hung up by this side",
            Self::MaxDuration => "hung up after the longest duration",
            Self::ShutDown => "hung up by shutdown",
            Self::Failed(error) => return write!(f, "failed: {error}"),
            Self::Reset => "reset by the peer",
            Self::ConnectionLost => "connection lost",
            Self::HandlerPanicked => "handler panicked",
            Self::Abandoned => "abandoned",
        })
    }
}

/// The next thing that the write side of the connection has to do; see [`Session::poll_transmit`](crate::Session::poll_transmit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit<'a> {
    /// Nothing: wait for input, for the deadline or for a reason to send.
    Idle,
    /// Write these bytes, as many as the connection takes, and report them by
    /// [`Session::transmitted`](crate::Session::transmitted).
    Bytes(&'a [u8]),
    /// Close the write side (`shutdown(SHUT_WR)`), report it by [`Session::half_closed`](crate::Session::half_closed), and keep
    /// reading.
    HalfClose,
    /// Close the connection; the session has nothing more to do.
    Close,
}
