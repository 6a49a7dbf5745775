//! The end of a call, and the failures among the ends.

use std::io;
use std::time::Duration;

use audiosocket_proto::client::ClientEnd;

use super::outcome::{CallFailure, FailedStep};
use crate::asterisk::{AsteriskEnd, AsteriskFeature};
use crate::load::config::{Expect, LoadMode, RunConfig};
use crate::load::rx::{BargeInOutcome, RxReport, StepFault};

/// A release on which an empty wake-up ends calls can end a call to which nothing was sent for longer.
const QUIET_RISK: Duration = Duration::from_secs(1);

/// The reason for the end of a call.
#[derive(Debug)]
pub(super) enum Ending {
    CallerHungUp,
    Interrupted,
    ByServer(ClientEnd),
    ByAsterisk(AsteriskEnd),
    Lost(io::Error),
}

impl Ending {
    /// What the end means for a step of a scenario that the caller has not done yet, if the server ended the call.
    pub(super) fn fault_of_server(&self) -> Option<StepFault> {
        match self {
            Self::ByServer(ClientEnd::ServerHungUp) => Some(StepFault::HungUp),
            Self::ByServer(ClientEnd::ServerClosed) => Some(StepFault::Closed),
            _ => None,
        }
    }
}

/// Returns the failure of a call with this ending, or `None` if it is no failure. `step` is the failed step of its
/// scenario.
pub(super) fn failure(
    config: &RunConfig,
    received: &RxReport,
    ending: Ending,
    step: Option<FailedStep>,
) -> Option<CallFailure> {
    let early = config.expect == Expect::Echo;
    let release = config.options.asterisk;
    let has = |feature| release.is_none_or(|release| release.has(feature));
    let by_asterisk = |cause| Some(CallFailure::ByAsterisk { release, cause });
    let unnoticed = !has(AsteriskFeature::EndOfStream);
    let only_silence = received.frames.received == received.frames.silence;
    let discarded = received.discarded_kind.filter(|_| only_silence);
    match ending {
        Ending::ByServer(ClientEnd::ServerClosed) if unnoticed => {
            Some(CallFailure::ClosedWithoutHangup(release))
        }
        Ending::ByServer(ClientEnd::ServerClosed) if config.options.require_hangup => {
            Some(CallFailure::ClosedWithoutHangup(None))
        }
        Ending::ByServer(ClientEnd::ServerHungUp) if early => Some(CallFailure::HungUpEarly),
        Ending::ByServer(ClientEnd::ServerClosed) if early => Some(CallFailure::ClosedEarly),
        Ending::ByServer(ClientEnd::Truncated) => Some(CallFailure::Truncated),
        Ending::ByServer(ClientEnd::Rejected { kind }) => {
            by_asterisk(AsteriskEnd::rejected(release, kind))
        }
        Ending::ByAsterisk(end) => by_asterisk(end),
        Ending::Lost(error) => Some(CallFailure::Lost(error)),
        _ if received.quiet > QUIET_RISK && !has(AsteriskFeature::EmptyWakeUp) => {
            Some(CallFailure::QuietServer {
                release,
                pause: received.quiet,
            })
        }
        _ if config.expect == Expect::Scenario && step.is_none() => None,
        // The caller sent nothing to echo.
        _ if early && config.options.mode == LoadMode::Quiet => None,
        _ if discarded.is_some() => discarded.map(|kind| CallFailure::Discarded { release, kind }),
        _ if step.is_some() => step.map(CallFailure::Step),
        _ if received.frames.received == 0 => Some(CallFailure::NoAudio),
        _ if only_silence => Some(CallFailure::OnlySilence),
        _ => match received.barge_in? {
            BargeInOutcome::NotReached => Some(CallFailure::OverBeforeBargeIn),
            BargeInOutcome::WasSilent => Some(CallFailure::SilentBeforeBargeIn),
            BargeInOutcome::NeverSilent => Some(CallFailure::NeverSilent),
            BargeInOutcome::FellSilent(_) => None,
        },
    }
}
