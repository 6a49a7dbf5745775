//! The outcome of one call.

use std::fmt;
use std::io;
use std::time::Duration;

use audiosocket_proto::FrameKind;
use uuid::Uuid;

use crate::load::rx::RxReport;

#[derive(Debug)]
pub(in crate::load) struct CallOutcome {
    pub(in crate::load) uuid: Uuid,
    pub(in crate::load) verdict: Verdict,
    /// The side that ended the connection. `None` if there was no connection.
    pub(in crate::load) hangup: Option<HangupBy>,
    pub(in crate::load) sent: SentCounts,
    pub(in crate::load) received: RxReport,
}

#[derive(Debug)]
pub(in crate::load) enum Verdict {
    Completed,
    Failed(CallFailure),
    /// The user stopped the run.
    Interrupted,
}

#[derive(Clone, Copy, Debug, Default)]
pub(in crate::load) struct SentCounts {
    pub(in crate::load) frames: u64,
    /// The part of `frames` that was more than one ptime late.
    pub(in crate::load) late: u64,
    pub(in crate::load) digits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum HangupBy {
    Caller,
    /// The server, with a hangup frame.
    Server,
    /// The server closed the connection without a hangup frame, or the connection was lost.
    Closed,
}

/// The reason of a failed call. The report has the text.
#[derive(Debug)]
pub(in crate::load) enum CallFailure {
    Connect(io::Error),
    ConnectTimeout(Duration),
    /// The server ended the call while the caller waited for its echo.
    HungUpEarly,
    ClosedEarly,
    Truncated,
    Rejected(FrameKind),
    WriteBlocked,
    Lost(io::Error),
    NoAudio,
    OnlySilence,
    OverBeforeBargeIn,
    SilentBeforeBargeIn,
    NeverSilent,
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::ConnectTimeout(limit) => write!(f, "no connection within {limit:?}"),
            Self::HungUpEarly => f.write_str("the server hung up before the caller did"),
            Self::ClosedEarly => {
                f.write_str("the server closed the connection before the caller did")
            }
            Self::Truncated => f.write_str("the server closed the connection inside a frame"),
            Self::Rejected(kind) if kind.name().is_some_and(|name| name.starts_with("audio")) => {
                write!(f, "the server sent an empty frame of kind {kind}, for which Asterisk ends a call")
            }
            Self::Rejected(kind) => {
                write!(f, "the server sent a frame of kind {kind}, for which Asterisk ends a call")
            }
            Self::WriteBlocked => f.write_str(
                "the server does not read: a write found the connection full, for which Asterisk ends a call",
            ),
            Self::Lost(error) => write!(f, "the connection was lost: {error}"),
            Self::NoAudio => f.write_str("no audio came"),
            Self::OnlySilence => f.write_str("nothing but silence came"),
            Self::OverBeforeBargeIn => {
                f.write_str("the server ended the call before the caller barged in")
            }
            Self::SilentBeforeBargeIn => {
                f.write_str("the server did not speak when the caller barged in")
            }
            Self::NeverSilent => {
                f.write_str("the server did not fall silent when the caller barged in")
            }
        }
    }
}
