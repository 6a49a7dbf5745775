//! The line about the likely fault of a call.

use audiosocket_tokio::Call;
use audiosocket_tokio::stats::{AudioFault, Diagnosis};

/// Logs the likely fault in the audio of a call that is over, if it has one. `server_plays` is false for a server that
/// sends no audio of its own: its silence is no fault.
///
/// The level is INFO, because a healthy call can look the same: a caller on hold, or one who only listens.
pub(super) fn log(call: &Call<'_>, server_plays: bool) {
    let mut faults = Diagnosis::all(&call.stats(), &call.times(), call.duration());
    let diagnosis = faults.find(|it| server_plays || it.fault != AudioFault::SilenceSent);
    let Some(Diagnosis {
        fault,
        since,
        count,
        ..
    }) = diagnosis
    else {
        return;
    };
    tracing::info!(
        uuid = %call.uuid(),
        peer = %call.peer(),
        side = %fault.side(),
        since = format_args!("{:.3}", since.as_secs_f64()),
        count = (count > 0).then_some(count),
        cause = fault.likely_cause(),
        guide = format_args!("docs/src/troubleshooting.md#{}", fault.guide_anchor()),
        "{fault}"
    );
}
