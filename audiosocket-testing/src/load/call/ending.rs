//! The end of a call, and the failures among the ends.

use std::io;
use std::time::Duration;

use audiosocket_proto::FrameKind;
use audiosocket_proto::client::ClientEnd;

use super::outcome::{AsteriskEnd, CallFailure};
use super::watch::Pause;
use crate::asterisk::{AsteriskFeature, KindAction};
use crate::load::config::{Expect, LoadMode, RunConfig};
use crate::load::rx::{BargeInOutcome, RxReport};

/// A release on which an empty wake-up ends calls can end a call to which nothing was sent for longer.
const QUIET_RISK: Duration = Duration::from_secs(1);

/// The reason for the end of a call.
#[derive(Debug)]
pub(super) enum Ending {
    CallerHungUp,
    Interrupted,
    ByServer(ClientEnd),
    WriteBlocked,
    Paused(Pause),
    Lost(io::Error),
}

/// Returns the failure of a call with this ending, or `None` if it is no failure.
pub(super) fn failure(
    config: &RunConfig,
    received: &RxReport,
    ending: Ending,
) -> Option<CallFailure> {
    let early = config.expect == Expect::Echo;
    let release = config.options.asterisk;
    let has = |feature| release.is_none_or(|release| release.has(feature));
    let by_asterisk = |cause| Some(CallFailure::ByAsterisk { release, cause });
    let unnoticed = !has(AsteriskFeature::EndOfStream);
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
        Ending::ByServer(ClientEnd::Rejected { kind }) => by_asterisk(rejected(config, kind)),
        Ending::WriteBlocked => by_asterisk(AsteriskEnd::WriteBlocked),
        Ending::Paused(pause) => by_asterisk(AsteriskEnd::Pause(pause)),
        Ending::Lost(error) => Some(CallFailure::Lost(error)),
        _ if received.quiet > QUIET_RISK && !has(AsteriskFeature::EmptyWakeUp) => {
            Some(CallFailure::QuietServer {
                release,
                pause: received.quiet,
            })
        }
        // The caller sent nothing to echo.
        _ if early && config.options.mode == LoadMode::Quiet => None,
        _ if received.frames.received == received.frames.silence
            && let Some(kind) = received.discarded_kind =>
        {
            Some(CallFailure::Discarded { release, kind })
        }
        _ if received.frames.received == 0 => Some(CallFailure::NoAudio),
        _ if received.frames.received == received.frames.silence => Some(CallFailure::OnlySilence),
        _ => match received.barge_in? {
            BargeInOutcome::NotReached => Some(CallFailure::OverBeforeBargeIn),
            BargeInOutcome::WasSilent => Some(CallFailure::SilentBeforeBargeIn),
            BargeInOutcome::NeverSilent => Some(CallFailure::NeverSilent),
            BargeInOutcome::FellSilent(_) => None,
        },
    }
}

/// Returns the reason why a frame of this kind ended the call: the kind is unknown, or the frame has no audio.
fn rejected(config: &RunConfig, kind: FrameKind) -> AsteriskEnd {
    let audio = FrameKind::AUDIO_8K..=FrameKind::AUDIO_192K;
    let accepted = config
        .options
        .asterisk
        .is_none_or(|release| release.action(kind) == KindAction::Accept);
    if audio.contains(&kind) && accepted {
        AsteriskEnd::Empty(kind)
    } else {
        AsteriskEnd::Kind(kind)
    }
}
