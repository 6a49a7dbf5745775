use core::fmt;

use uuid::Uuid;

use crate::{Audio, DtmfDigit, Frame, PeerError};

/// An event of a [`Session`](crate::Session). It borrows from the decoder or from the read buffer, never from
/// the session. So you can use the session while you hold the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The UUID came, and the call begins. This event comes first, once.
    Started(Uuid),
    /// Audio from the caller. It is never empty.
    Audio(Audio<'a>),
    /// A key was pressed.
    Dtmf(DtmfDigit),
    /// A frame without meaning: an unknown kind, legacy silence, or audio of no bytes.
    Ignored(Frame<'a>),
    /// An error of the peer that does not end the call.
    Exception(PeerError),
    /// The call is over. This event comes last, exactly once.
    Ended(End),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum End {
    /// The peer closed the connection between two frames. This is how Asterisk usually ends a call.
    Closed,
    /// The peer sent a hangup frame, or an error frame whose only flag is [`ErrorFlags::HANGUP`](crate::ErrorFlags::HANGUP).
    HangupReceived,
    /// This side hung up.
    HungUp,
    /// The call reached [`SessionConfig::max_duration`](crate::SessionConfig::max_duration), and this side hung
    /// up.
    MaxDuration,
    /// The server was shut down during the call, and hung up.
    ShutDown,
    /// The peer made an error that ends the call.
    Failed(PeerError),
    /// The peer reset the connection between two frames. This is an ordinary end too: when a caller hangs up,
    /// Asterisk may close the socket before it has read all our audio, and its kernel then sends a reset.
    /// Asterisk 22.10.1 did so in 28 of 1,600 `Dial` calls and 3 of 1,600 `AudioSocket()` calls.
    ///
    /// A kernel reports a reset once. If a write gets it, the read side may only see
    /// [`Closed`](Self::Closed).
    ///
    /// Over TLS, an end without `close_notify` counts as a reset. An attacker may have cut the connection.
    Reset,
    /// The connection failed in another way: it timed out, or the peer is unreachable.
    ConnectionLost,
    /// The handler panicked, and this side hung up.
    HandlerPanicked,
    /// The driver of the session was dropped, for example because its runtime was shut down.
    Abandoned,
}

impl fmt::Display for End {
    /// Writes the end as a log shows it: `hung up by the peer`.
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

/// What the write side of the connection has to do next; see [`Session::poll_transmit`](crate::Session::poll_transmit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit<'a> {
    /// There is nothing to write. Wait for input or for the deadline.
    Idle,
    /// Write as many of these bytes as the connection takes. Then call
    /// [`Session::transmitted`](crate::Session::transmitted).
    Bytes(&'a [u8]),
    /// Close the write side (`shutdown(SHUT_WR)`) and keep reading. Then call
    /// [`Session::half_closed`](crate::Session::half_closed).
    HalfClose,
    /// Close the connection. The session is finished.
    Close,
}
