//! The results of a load test.

mod exceeded;
pub(super) mod server_cost;
pub(super) mod summary;

use audiosocket_proto::SampleRate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::config::Expect;
use super::stats::Quantiles;
pub use server_cost::{Bottleneck, ServerCost};

/// The results of a load test.
///
/// `audiosocket call --json` prints it. In JSON the fields have the same names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The server, as in [`LoadTest::new`](super::LoadTest::new).
    pub server: String,
    /// The condition for a successful call.
    pub expect: Expect,
    /// The number of frames in one write of a closed loop; `None` in other modes.
    pub closed_loop: Option<u32>,
    /// The release of Asterisk that callers behaved like, such as `20.12`. `None` for a current one.
    pub asterisk: Option<String>,
    /// Whether callers sent no audio.
    pub quiet: bool,
    /// The name of the scenario. `None` without one.
    pub scenario: Option<String>,
    /// The sample rate of the callers' audio. In JSON it is Asterisk's name of the format, such as `slin16`.
    #[serde(with = "rate_name")]
    pub rate: SampleRate,
    /// Milliseconds of audio in a frame.
    pub ptime_ms: f64,
    /// The minimum duration of a call in seconds. With a scenario, the longest that it can take.
    pub duration_s: f64,
    /// The maximum duration of a call in seconds.
    pub longest_s: f64,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The duration of the test in seconds.
    pub seconds: f64,
    /// Whether all calls completed, no frame was missing, wrong or extra, and no limit was exceeded.
    pub ok: bool,
    /// The calls by result.
    pub calls: CallTotals,
    /// Failed calls by reason, the most frequent reason first.
    pub failures: Vec<FailureGroup>,
    /// The exceeded limits of [`LoadTest::limits`](super::LoadTest::limits).
    pub exceeded: Vec<ExceededLimit>,
    /// Connected calls by their end.
    pub hangups: HangupTotals,
    /// Frames of audio.
    pub frames: FrameTotals,
    /// Digits that callers sent.
    pub digits_sent: u64,
    /// The time from the connection of a call to its first audio that is not silence. `None` without such audio.
    pub first_audio_us: Option<Quantiles>,
    /// The time from the write of a frame to the read that completed its echo. `None` without echoes.
    pub latency_us: Option<Quantiles>,
    /// The time from the scheduled time of a frame to the read that completed its echo.
    ///
    /// A delayed caller writes late, and its `latency_us` does not include that delay. `None` without
    /// echoes and in a closed loop.
    pub since_due_us: Option<Quantiles>,
    /// The jitter of the received audio. `None` without audio and in a closed loop.
    pub jitter: Option<JitterReport>,
    /// The reactions of the server to a barge-in. `None` if callers did not barge in.
    pub barge_in: Option<BargeInReport>,
    /// The cost for the server's process. `None` if it was not measured.
    pub server_process: Option<ServerCost>,
    /// Each call, in the order of their starts. Empty without a scenario, unless
    /// [`LoadTest::list_calls`](super::LoadTest::list_calls) is set.
    pub each_call: Vec<CallResult>,
    /// The delay with which this process reads received data.
    ///
    /// About this much of latency and jitter comes from this process or from a busy machine. If it
    /// is not far below them, use fewer calls or another machine.
    pub self_latency_us: Option<Quantiles>,
}

/// Calls by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallTotals {
    /// All calls.
    pub placed: u64,
    /// Calls without a failure.
    pub completed: u64,
    /// Failed calls. A frame that is missing, wrong or extra is no failure of its call.
    pub failed: u64,
    /// Calls that the user stopped.
    pub interrupted: u64,
}

/// Calls that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailureGroup {
    /// The reason.
    pub reason: String,
    /// The number of calls.
    pub calls: u64,
    /// Whether Asterisk would have ended these calls.
    pub by_asterisk: bool,
    /// The UUID of the first of these calls.
    pub uuid: Uuid,
    /// The time of this call at which it failed, in seconds. `None` if it did not fail at a step of a scenario.
    pub at_s: Option<f64>,
}

/// The result of one call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CallResult {
    /// The number of the call, from 1.
    pub number: u32,
    /// The UUID of the call.
    pub uuid: Uuid,
    /// The time from the connection to the end in seconds; 0 without a connection.
    pub seconds: f64,
    /// Whether the user stopped the call.
    pub interrupted: bool,
    /// The reason of a failed call.
    pub failure: Option<String>,
    /// The steps of the scenario that began.
    pub steps: Vec<StepResult>,
}

/// The result of one step of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepResult {
    /// The number of the step, from 1.
    pub step: usize,
    /// What the caller did or expected.
    pub text: String,
    /// The time of the call at which the step began, in seconds.
    pub from_s: f64,
    /// The time of the call at which the step was done or failed, in seconds.
    pub until_s: f64,
    /// What happened instead, if the step failed.
    pub failure: Option<String>,
}

/// A limit that the audio of a run did not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExceededLimit {
    /// The name of the limit, as in [`AudioLimits`](super::AudioLimits).
    pub limit: String,
    /// The measured maximum over all calls, in microseconds.
    pub measured_us: u64,
    /// The limit in microseconds.
    pub limit_us: u64,
}

/// Connected calls by their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HangupTotals {
    /// The caller closed the connection.
    pub caller: u64,
    /// The server sent a hangup frame.
    pub server: u64,
    /// The server closed the connection without a hangup frame, or the connection was lost.
    pub closed: u64,
}

/// Frames of audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FrameTotals {
    /// Frames that callers sent.
    pub sent: u64,
    /// The part of `sent` that was more than one ptime late. This machine was too slow for them.
    pub late: u64,
    /// Frames that callers received.
    pub received: u64,
    /// The frames of `received` that were silence: all bytes were zero.
    pub silence: u64,
    /// Frames that came and that the release of Asterisk discards. They are no part of `received`.
    pub discarded: u64,
    /// Frames that were sent and came back whole.
    pub echoed: u64,
    /// Frames that were sent and did not come back.
    pub missing: u64,
    /// Frames that were sent and came back changed.
    pub wrong: u64,
    /// Frames that came beyond the sent frames.
    pub extra: u64,
}

/// The jitter of received audio, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JitterReport {
    /// The time between two frames against the duration of the first, early or late: the magnitude
    /// of the delay variation between packets (RFC 5481, IPDV).
    pub jitter_us: Option<Quantiles>,
    /// The same for late frames. An early frame counts as 0.
    pub lateness_us: Option<Quantiles>,
    /// The time since the first frame against the duration of all audio since then, early or late
    /// (RFC 5481, PDV).
    pub drift_us: Option<Quantiles>,
    /// The drift of the last frame, over all calls.
    pub final_drift_us: Option<DriftRange>,
    /// Frames less than 5 ms after another, both at least 10 ms long.
    pub bursts: u64,
    /// The most audio in frames that came less than 5 ms after each other. It is at least the longest frame.
    pub longest_burst_us: u64,
    /// Pauses of more than 60 ms without audio to play. A server may pause, so a gap has no effect on the
    /// other numbers, and drift starts again after it.
    pub gaps: u64,
    /// The longest gap.
    pub longest_gap_us: u64,
}

/// The drift of the last frame of a call: negative if the frame was early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DriftRange {
    /// The minimum over all calls, in microseconds.
    pub min: i64,
    /// The maximum over all calls, in microseconds.
    pub max: i64,
}

/// Calls by the reaction of the server to a barge-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BargeInReport {
    /// The server fell silent.
    pub fell_silent: u64,
    /// The server spoke until the end of the call.
    pub never_silent: u64,
    /// The server did not speak when the caller barged in.
    pub not_speaking: u64,
    /// The time from the barge-in until the server fell silent, as a telephone plays the audio.
    pub silent_after_us: Option<Quantiles>,
}

/// A sample rate by Asterisk's name of the format.
mod rate_name {
    use audiosocket_proto::SampleRate;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        rate: &SampleRate,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(rate.format_name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SampleRate, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
