//! The parts of a server's status that the screen shows.
//!
//! The server can be of another version: fields that it does not send have their defaults, and others are ignored.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The status of a server at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct ShownStatus {
    pub(super) summary: ShownSummary,
    pub(super) calls: ShownCalls,
}

/// The answer of `/summary`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ShownSummary {
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) calls: u64,
    pub(super) pending: u64,
    pub(super) silent_from_caller: u64,
    pub(super) silent_from_server: u64,
    pub(super) max_calls: u64,
    pub(super) uptime_seconds: f64,
    pub(super) started: u64,
    pub(super) times_full: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) frames_in: u64,
    pub(super) frames_out: u64,
    pub(super) frames_dropped: u64,
    pub(super) frames_played: u64,
    pub(super) frames_late: u64,
    pub(super) underruns: u64,
    pub(super) barge_ins: u64,
    pub(super) open_fds: Option<u64>,
    pub(super) max_fds: Option<u64>,
    pub(super) last_refusals: Vec<ShownRefusal>,
}

/// A refused connection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ShownRefusal {
    pub(super) seconds_ago: f64,
    pub(super) peer: String,
    pub(super) reason: String,
}

/// The answer of `/calls`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ShownCalls {
    pub(super) total: usize,
    pub(super) calls: Vec<ShownCall>,
}

/// An open call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ShownCall {
    pub(super) uuid: Option<String>,
    pub(super) peer: String,
    pub(super) age_seconds: f64,
    pub(super) rate_in: Option<u32>,
    pub(super) rate_out: Option<u32>,
    pub(super) codec: Option<String>,
    pub(super) frames_in: u64,
    pub(super) frames_out: u64,
    pub(super) frames_late: u64,
    pub(super) lateness_ms: Option<f64>,
    pub(super) queued_ms: f64,
    pub(super) last_event: Option<ShownEvent>,
}

/// The last event of a call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ShownEvent {
    pub(super) kind: String,
    pub(super) seconds_ago: f64,
}
