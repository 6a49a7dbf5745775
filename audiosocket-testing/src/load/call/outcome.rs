//! The outcome of one call.

use std::fmt;
use std::io;
use std::time::Duration;

use audiosocket_proto::FrameKind;
use uuid::Uuid;

use crate::asterisk::{AsteriskEnd, AsteriskRelease};
use crate::load::report::StepResult;
use crate::load::rx::{RxReport, StepFault};

#[derive(Debug)]
pub(in crate::load) struct CallOutcome {
    /// The number of the call, from 0.
    pub(in crate::load) number: u32,
    pub(in crate::load) uuid: Uuid,
    pub(in crate::load) verdict: Verdict,
    /// The side that ended the connection. `None` if there was no connection.
    pub(in crate::load) hangup: Option<HangupBy>,
    pub(in crate::load) sent: SentCounts,
    pub(in crate::load) received: RxReport,
    /// The time from the connection to the end.
    pub(in crate::load) lasted: Duration,
    /// The steps of the scenario that began.
    pub(in crate::load) steps: Vec<StepResult>,
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
    /// How late the latest frame was.
    pub(in crate::load) latest: Duration,
    pub(in crate::load) digits: u64,
}

impl SentCounts {
    /// Counts the lateness of a frame.
    pub(super) fn add_lateness(&mut self, lateness: Duration, ptime: Duration) {
        self.late += u64::from(lateness > ptime);
        self.latest = self.latest.max(lateness);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum HangupBy {
    Caller,
    /// The server sent a hangup frame.
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
    /// Asterisk ends the call. The release is `None` for a current one.
    ByAsterisk {
        release: Option<AsteriskRelease>,
        cause: AsteriskEnd,
    },
    /// The release does not notice this end, or the user requires a hangup frame.
    ClosedWithoutHangup(Option<AsteriskRelease>),
    /// The release discards all audio frames of the server.
    Discarded {
        release: Option<AsteriskRelease>,
        kind: FrameKind,
    },
    /// Nothing came for a while, and an empty wake-up ends calls on the release.
    QuietServer {
        release: Option<AsteriskRelease>,
        pause: Duration,
    },
    Lost(io::Error),
    /// A step of the scenario failed.
    Step(FailedStep),
    NoAudio,
    OnlySilence,
    OverBeforeBargeIn,
    SilentBeforeBargeIn,
    NeverSilent,
}

/// A step that failed.
#[derive(Clone, Debug)]
pub(in crate::load) struct FailedStep {
    /// The number of the step, from 1.
    pub(in crate::load) step: usize,
    pub(in crate::load) text: String,
    pub(in crate::load) fault: StepFault,
    /// The time of the call.
    pub(in crate::load) at: Duration,
}

impl CallFailure {
    /// Returns the time of the call at which a step failed.
    pub(in crate::load) fn at(&self) -> Option<Duration> {
        match self {
            Self::Step(step) => Some(step.at),
            _ => None,
        }
    }

    /// Returns whether this is the behaviour of Asterisk.
    pub(in crate::load) fn is_by_asterisk(&self) -> bool {
        matches!(
            self,
            Self::ByAsterisk { .. }
                | Self::ClosedWithoutHangup(Some(_))
                | Self::Discarded { .. }
                | Self::QuietServer { .. }
        )
    }
}

/// The name of a release in a sentence.
struct Named(Option<AsteriskRelease>);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(release) => write!(f, "Asterisk {release}"),
            None => f.write_str("Asterisk"),
        }
    }
}

impl fmt::Display for StepFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAudio => f.write_str("none began in time"),
            Self::Short(_) => f.write_str("it ended too early"),
            Self::NoSilence => f.write_str("the server sent audio"),
            Self::NoHangup => f.write_str("the server did not hang up"),
            Self::HungUp => f.write_str("the server hung up"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Over => f.write_str("the call was over"),
        }
    }
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
            Self::ByAsterisk { release, cause } => {
                write!(f, "{} ends this call: {cause}", Named(*release))
            }
            Self::ClosedWithoutHangup(release) => {
                f.write_str("the server closed the connection without a hangup frame")?;
                match release {
                    Some(_) => write!(f, ", and {} does not notice that", Named(*release)),
                    None => Ok(()),
                }
            }
            Self::Discarded { release, kind } => write!(
                f,
                "{} discards frames of kind {kind}: the caller hears nothing",
                Named(*release)
            ),
            Self::QuietServer { release, pause } => write!(
                f,
                "{} can end this call: the server sent nothing for {} ms (log: Failed to read header from AudioSocket)",
                Named(*release),
                pause.as_millis()
            ),
            Self::Lost(error) => write!(f, "the connection was lost: {error}"),
            Self::Step(FailedStep {
                step, text, fault, ..
            }) => write!(f, "step {step}, {text}: {fault}"),
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
