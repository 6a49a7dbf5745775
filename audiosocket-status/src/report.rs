//! The reports as JSON: the open calls, and the server.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use audiosocket_proto::{DurationHistogram, PlayoutStats};
use audiosocket_server::{
    CallHandle, Diagnosis, Readiness, RecentRefusal, ServerHandle, ServerStats,
};
use serde::Serialize;

use crate::descriptors;

/// The maximum number of calls in a report.
const MAX_CALLS: usize = 1_000;

/// The maximum length of a text that other code or a peer has chosen, in characters.
const MAX_TEXT: usize = 200;

/// Returns the JSON of the open calls.
pub(crate) fn calls(server: &ServerHandle) -> String {
    let calls = server.open_calls();
    to_json(&OpenCallsReport {
        total: calls.len(),
        calls: calls
            .iter()
            .take(MAX_CALLS)
            .map(OpenCallReport::of)
            .collect(),
    })
}

/// Returns the JSON of the server.
pub(crate) fn summary(server: &ServerHandle, uptime: Duration) -> String {
    let readiness = server.readiness();
    let (open_fds, max_fds) = descriptors::open_and_max().unzip();
    let refusals = server.recent_refusals();
    to_json(&SummaryReport {
        state: readiness.name(),
        reason: match readiness {
            Readiness::Full(limit) => Some(limit.to_string()),
            _ => None,
        },
        max_calls: server.calls().limits().max_calls,
        uptime_seconds: seconds(uptime),
        totals: TotalsReport::of(&server.stats()),
        open_fds,
        max_fds,
        last_refusals: refusals.iter().map(RefusalReport::of).collect(),
    })
}

#[derive(Serialize)]
struct OpenCallsReport {
    total: usize,
    calls: Vec<OpenCallReport>,
}

#[derive(Serialize)]
struct OpenCallReport {
    uuid: Option<String>,
    peer: String,
    age_seconds: f64,
    rate_in: Option<u32>,
    rate_out: Option<u32>,
    codec: Option<&'static str>,
    frames_in: u64,
    frames_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    frames_dropped: u64,
    frames_played: u64,
    frames_late: u64,
    lateness_ms: Option<f64>,
    underruns: u64,
    barge_ins: u64,
    cleared_ms: f64,
    queued_ms: f64,
    /// The name of the likely fault of its audio.
    fault: Option<&'static str>,
    last_event: Option<EventReport>,
}

#[derive(Serialize)]
struct EventReport {
    kind: &'static str,
    seconds_ago: f64,
}

impl OpenCallReport {
    fn of(call: &CallHandle) -> Self {
        let stats = call.stats();
        let (session, playout) = (stats.session, stats.playout);
        let age = call.age();
        let lateness = playout.lateness.sum.div_f64(playout.frames.max(1) as f64);
        Self {
            uuid: call.uuid().map(|uuid| uuid.to_string()),
            peer: text(call.peer()),
            age_seconds: seconds(age),
            rate_in: call.sample_rate().map(|rate| rate.hz()),
            rate_out: stats.rate_sent.map(|rate| rate.hz()),
            codec: call.codec(),
            frames_in: session.audio_frames_received,
            frames_out: session.audio_frames_sent,
            bytes_in: session.audio_bytes_received,
            bytes_out: session.audio_bytes_sent,
            frames_dropped: session.frames_dropped,
            frames_played: playout.frames,
            frames_late: playout.late,
            lateness_ms: (playout.frames > 0).then(|| millis(lateness)),
            underruns: playout.underruns,
            barge_ins: playout.barge_ins,
            cleared_ms: millis(playout.cleared),
            queued_ms: millis(playout.depth),
            fault: Diagnosis::of(&stats, &call.times(), age).map(|found| found.fault.name()),
            last_event: call.last_event().map(|(event, at)| EventReport {
                kind: event.name(),
                seconds_ago: seconds(age.saturating_sub(at)),
            }),
        }
    }
}

#[derive(Serialize)]
struct SummaryReport {
    state: &'static str,
    reason: Option<String>,
    max_calls: usize,
    uptime_seconds: f64,
    #[serde(flatten)]
    totals: TotalsReport,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
    last_refusals: Vec<RefusalReport>,
}

#[derive(Serialize)]
struct TotalsReport {
    calls: u64,
    pending: u64,
    closing: u64,
    silent_from_caller: u64,
    silent_from_server: u64,
    connections: u64,
    started: u64,
    times_full: u64,
    ended: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
    frames_in: u64,
    frames_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    frames_dropped: u64,
    frames_played: u64,
    frames_late: u64,
    underruns: u64,
    barge_ins: u64,
    cleared_ms: f64,
    queued_ms: f64,
    lateness: HistogramReport,
    handler: HistogramReport,
    durations: HistogramReport,
}

impl TotalsReport {
    fn of(stats: &ServerStats) -> Self {
        let (counters, session, playout) = (&stats.counters, &stats.session, &stats.playout);
        Self {
            calls: stats.calls,
            pending: stats.pending,
            closing: stats.closing,
            silent_from_caller: stats.silent_from_caller,
            silent_from_server: stats.silent_from_server,
            connections: counters.connections,
            started: counters.started,
            times_full: counters.times_full,
            ended: stats.ended.named().into(),
            refused: counters.refusals().into(),
            frames_in: session.audio_frames_received,
            frames_out: session.audio_frames_sent,
            bytes_in: session.audio_bytes_received,
            bytes_out: session.audio_bytes_sent,
            frames_dropped: session.frames_dropped,
            frames_played: playout.frames,
            frames_late: playout.late,
            underruns: playout.underruns,
            barge_ins: playout.barge_ins,
            cleared_ms: millis(playout.cleared),
            queued_ms: millis(playout.depth),
            lateness: HistogramReport::of(&playout.lateness, PlayoutStats::LATENESS_BOUNDS),
            handler: HistogramReport::of(&stats.handler_time, ServerStats::HANDLER_TIME_BOUNDS),
            durations: HistogramReport::of(&stats.durations, ServerStats::DURATION_BOUNDS),
        }
    }
}

#[derive(Serialize)]
struct HistogramReport {
    bounds_ms: [u128; 5],
    counts: [u64; 6],
    sum_ms: f64,
}

impl HistogramReport {
    fn of(histogram: &DurationHistogram, bounds: [Duration; 5]) -> Self {
        Self {
            bounds_ms: bounds.map(|bound| bound.as_millis()),
            counts: histogram.counts,
            sum_ms: millis(histogram.sum),
        }
    }
}

#[derive(Serialize)]
struct RefusalReport {
    seconds_ago: f64,
    peer: String,
    uuid: Option<String>,
    reason: String,
}

impl RefusalReport {
    fn of(refusal: &RecentRefusal) -> Self {
        Self {
            seconds_ago: seconds(refusal.at.elapsed()),
            peer: text(&refusal.peer),
            uuid: refusal.uuid.map(|uuid| uuid.to_string()),
            reason: text(&refusal.reason),
        }
    }
}

/// Returns the first characters of a text.
fn text(text: &impl Display) -> String {
    let text = text.to_string();
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns seconds with three decimal places.
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

/// Returns milliseconds with three decimal places.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn to_json(report: &impl Serialize) -> String {
    // Text, numbers and maps with text keys: nothing that JSON does not have.
    serde_json::to_string(report).unwrap_or_default()
}
