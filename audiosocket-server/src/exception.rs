use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, io};

use crate::Lag;
use audiosocket_proto::{PeerError, SendError};

/// What went wrong on a call: the argument of `on_exception`.
///
/// An ordinary end is none of these, nor is anything that happens after a call is over.
#[derive(Debug)]
#[non_exhaustive]
pub enum Exception {
    /// The peer did something wrong, or Asterisk reported an error.
    Peer(PeerError),
    /// The connection broke. Not a reset between two frames, which is how some ordinary calls end;
    /// see [`End::Reset`](audiosocket_proto::End::Reset).
    ConnectionLost(io::Error),
    /// The handler's audio could not be sent. [`SendError::QueueFull`] is told once each time that
    /// the peer falls behind, not for every frame that is dropped; again only after it has taken
    /// half of what waited.
    Answer(SendError),
    /// The handler is so slow that audio of the caller was dropped before it heard it; told ahead
    /// of the audio that came after. Only an adapter that reads while a handler blocks tells this,
    /// see [`InboundBuffer`](crate::InboundBuffer).
    Lagged(Lag),
    /// A callback panicked with this message.
    HandlerPanicked(String),
}

impl Exception {
    pub(crate) fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        let literal = payload.downcast_ref::<&str>().copied();
        let message = literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let error = Self::HandlerPanicked(message.unwrap_or("(no message)").to_owned());
        // The payload is the handler's, and so is its drop, which may panic as well. What that one
        // panics with is leaked, so that it ends here.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
        error
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(error) => error.fmt(f),
            Self::ConnectionLost(error) => write!(f, "the connection was lost: {error}"),
            Self::Answer(error) => write!(f, "the answer was not sent: {error}"),
            Self::Lagged(lag) => lag.fmt(f),
            Self::HandlerPanicked(message) => write!(f, "the handler panicked: {message:?}"),
        }
    }
}

impl Error for Exception {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Peer(error) => Some(error),
            Self::ConnectionLost(error) => Some(error),
            Self::Answer(error) => Some(error),
            Self::Lagged(_) | Self::HandlerPanicked(_) => None,
        }
    }
}
