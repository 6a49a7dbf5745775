//! How one call went.

use std::fmt;
use std::io;
use std::time::Duration;

use audiosocket_proto::FrameKind;
use uuid::Uuid;

use super::ear::Heard;

/// What is left of a call when it is over.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) uuid: Uuid,
    pub(super) verdict: Verdict,
    /// Who ended the connection; `None` if there was none.
    pub(super) hangup: Option<Hangup>,
    pub(super) tally: Tally,
    pub(super) heard: Heard,
}

#[derive(Debug)]
pub(super) enum Verdict {
    Completed,
    Failed(Failure),
    /// The user had enough.
    Interrupted,
}

/// What a caller counts while it talks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) late: u64,
    pub(super) digits_sent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hangup {
    Caller,
    /// By a hangup frame.
    Server,
    /// The server closed the connection without one, or it broke.
    Closed,
}

/// Why a call was not good, in the words of the report.
#[derive(Debug)]
pub(super) enum Failure {
    Connect(io::Error),
    ConnectTimeout(Duration),
    /// The server ended a call on which the caller was still waiting for its echo.
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
    SpokeOn,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::ConnectTimeout(limit) => {
                write!(f, "no connection within {}", humantime::format_duration(*limit))
            }
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
            Self::SpokeOn => f.write_str("the server did not fall silent when the caller barged in"),
        }
    }
}
