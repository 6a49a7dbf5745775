use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, io};

use audiosocket_proto::{PeerError, SendError};

use crate::ProxyHeaderError;

/// An error on a call: the argument of `on_exception`.
///
/// An ordinary end is not an exception. After the end of a call there are no exceptions.
#[derive(Debug)]
#[non_exhaustive]
pub enum Exception {
    /// The peer broke the protocol or missed a deadline, or Asterisk reported an error.
    Peer(PeerError),
    /// The connection was refused because of the [PROXY protocol](crate::Admission::proxy_protocol). It did not become a call.
    ProxyHeader(ProxyHeaderError),
    /// The connection broke. A reset between two frames is not an exception: some ordinary calls end in this way. See
    /// [`End::Reset`](audiosocket_proto::End::Reset).
    ConnectionLost(io::Error),
    /// The answer of the handler could not be sent. If the peer does not read, [`SendError::QueueFull`] comes once, and not
    /// for each dropped frame. It comes again only after the peer has read half of the waiting bytes.
    Answer(SendError),
    /// The handler is too slow, and audio of the caller was dropped. This exception comes before the first audio after
    /// the gap. Only `audiosocket-blocking` reports it: that crate reads while a handler blocks.
    Lagged(Lag),
    /// A callback panicked with this message. The call has ended.
    HandlerPanicked(String),
}

/// The amount of the caller's audio that was dropped because the handler was too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct Lag {
    /// Number of dropped audio frames.
    pub frames: u64,
    /// Bytes of audio in these frames, without headers.
    pub bytes: u64,
}

impl Exception {
    fn from_panic(payload: Box<dyn Any + Send>) -> Self {
        let literal = payload.downcast_ref::<&str>().copied();
        let message = literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let error = Self::HandlerPanicked(message.unwrap_or("(no message)").to_owned());
        // The payload is a value of the handler, and its drop may panic too. The payload of that second panic is
        // leaked, since its drop could panic again.
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
            Self::ProxyHeader(error) => error.fmt(f),
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
            Self::ProxyHeader(error) => Some(error),
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
            "the handler is too slow: {frames} frames of audio ({bytes} bytes) were dropped; \
             do slow work outside of the callbacks"
        )
    }
}

/// Runs code of the user. Returns its panic as an error.
#[inline]
pub(crate) fn catch_panic<R>(run: impl FnOnce() -> R) -> Result<R, Exception> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Exception::from_panic)
}
