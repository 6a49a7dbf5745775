use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, io};

use audiosocket_proto::{PeerError, SendError};

/// An error on a call: the argument of `on_exception`.
///
/// An ordinary end is no exception. Nothing that happens after the end of a call is one.
#[derive(Debug)]
#[non_exhaustive]
pub enum Exception {
    /// The peer did something wrong, or Asterisk reported an error.
    Peer(PeerError),
    /// The connection broke. Not a reset between two frames, which is how some ordinary calls end;
    /// see [`End::Reset`](audiosocket_proto::End::Reset).
    ConnectionLost(io::Error),
    /// The handler's answer could not be sent. [`SendError::QueueFull`] comes once each time that the
    /// peer falls behind, not for every frame that is dropped, and again only after the peer has taken
    /// half of the bytes that waited.
    Answer(SendError),
    /// The handler is so slow that audio of the caller was dropped. Comes ahead of the audio that was
    /// sent after that. Only in `audiosocket-blocking`, which reads while a handler blocks.
    Lagged(Lag),
    /// A callback panicked with this message.
    HandlerPanicked(String),
}

/// How much of the caller's audio was dropped because the handler was too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct Lag {
    /// Audio frames that were dropped.
    pub frames: u64,
    /// Bytes of audio in them, without headers.
    pub bytes: u64,
}

impl Exception {
    pub(crate) fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        let literal = payload.downcast_ref::<&str>().copied();
        let message = literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let error = Self::HandlerPanicked(message.unwrap_or("(no message)").to_owned());
        // The payload is the handler's, and its drop may panic too. The payload of that panic is
        // leaked, so that this ends here.
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

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, bytes } = self;
        write!(
            f,
            "the handler is too slow: {frames} frames of audio ({bytes} bytes) were dropped unheard"
        )
    }
}
