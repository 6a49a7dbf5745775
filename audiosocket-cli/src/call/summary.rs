//! What all calls of a run come to: the JSON form of the report.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::args::Expect;
use super::outcome::{Hangup, Outcome, Verdict};
use super::plan::Plan;

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(super) server: String,
    pub(super) expect: Expect,
    pub(super) format: &'static str,
    pub(super) ptime_ms: f64,
    pub(super) duration_s: f64,
    pub(super) seed: u64,
    pub(super) seconds: f64,
    pub(super) ok: bool,
    pub(super) calls: Calls,
    pub(super) failures: Vec<FailureGroup>,
    pub(super) hangups: Hangups,
    pub(super) frames: Frames,
    pub(super) digits_sent: u64,
    pub(super) latency_us: Option<Latency>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Calls {
    pub(super) placed: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) interrupted: u64,
}

/// Calls that failed for the same reason.
#[derive(Debug, Serialize)]
pub(super) struct FailureGroup {
    pub(super) reason: String,
    pub(super) calls: u64,
    /// One of them.
    pub(super) uuid: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Hangups {
    pub(super) caller: u64,
    pub(super) server: u64,
    pub(super) closed: u64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Frames {
    pub(super) sent: u64,
    pub(super) late: u64,
    pub(super) received: u64,
    pub(super) silence: u64,
    pub(super) echoed: u64,
    pub(super) missing: u64,
    pub(super) wrong: u64,
    pub(super) extra: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) min: u64,
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}

/// Gathers outcomes, until [`finish`](Self::finish).
#[derive(Debug, Default)]
pub(super) struct Gathering {
    calls: Calls,
    failures: BTreeMap<String, FailureGroup>,
    hangups: Hangups,
    frames: Frames,
    digits_sent: u64,
}

impl Gathering {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        self.calls.placed += 1;
        match &outcome.verdict {
            Verdict::Completed => self.calls.completed += 1,
            Verdict::Interrupted => self.calls.interrupted += 1,
            Verdict::Failed(failure) => {
                self.calls.failed += 1;
                let reason = failure.to_string();
                let group = self
                    .failures
                    .entry(reason)
                    .or_insert_with_key(|reason| FailureGroup {
                        reason: reason.clone(),
                        calls: 0,
                        uuid: outcome.uuid.to_string(),
                    });
                group.calls += 1;
            }
        }
        match outcome.hangup {
            Some(Hangup::Caller) => self.hangups.caller += 1,
            Some(Hangup::Server) => self.hangups.server += 1,
            Some(Hangup::Closed) => self.hangups.closed += 1,
            None => {}
        }
        self.frames.sent += outcome.tally.sent;
        self.frames.late += outcome.tally.late;
        self.frames.received += outcome.tally.received;
        self.frames.silence += outcome.tally.silence;
        self.frames.echoed += outcome.echo.echoed;
        self.frames.missing += outcome.echo.missing;
        self.frames.wrong += outcome.echo.wrong;
        self.frames.extra += outcome.echo.extra;
        self.digits_sent += outcome.tally.digits_sent;
    }

    pub(super) fn finish(self, plan: &Plan, took: Duration, latencies: &Histogram<u64>) -> Summary {
        let frames = &self.frames;
        let bad_frames = frames.missing + frames.wrong + frames.extra;
        let mut failures: Vec<_> = self.failures.into_values().collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.calls));
        Summary {
            server: plan.server.clone(),
            expect: plan.expect,
            format: plan.format.format_name(),
            ptime_ms: plan.ptime.as_secs_f64() * 1e3,
            duration_s: plan.duration.as_secs_f64(),
            seed: plan.seed,
            seconds: (took.as_secs_f64() * 1e3).round() / 1e3,
            ok: self.calls.failed + self.calls.interrupted + bad_frames == 0,
            calls: self.calls,
            failures,
            hangups: self.hangups,
            frames: self.frames,
            digits_sent: self.digits_sent,
            latency_us: Latency::of(latencies),
        }
    }
}

impl Latency {
    fn of(latencies: &Histogram<u64>) -> Option<Self> {
        (!latencies.is_empty()).then(|| Self {
            min: latencies.min(),
            p50: latencies.value_at_quantile(0.5),
            p99: latencies.value_at_quantile(0.99),
            p999: latencies.value_at_quantile(0.999),
            max: latencies.max(),
        })
    }
}
