//! Builds the report from the outcomes of calls.

use std::collections::BTreeMap;
use std::time::Duration;

use super::server_cost::ServerCost;
use super::{
    BargeInReport, CallResult, CallTotals, DriftRange, FailureGroup, FrameTotals, HangupTotals,
    JitterReport, Report,
};
use crate::load::call::{CallOutcome, HangupBy, Verdict};
use crate::load::config::{Expect, LoadMode, RunConfig};
use crate::load::rx::{BargeInOutcome, JitterTotals, RxReport};
use crate::load::stats::{TimeHistogram, Times};

/// Adds up outcomes, until [`finish`](Self::finish).
#[derive(Debug, Default)]
pub(in crate::load) struct SummaryBuilder {
    calls: CallTotals,
    failures: BTreeMap<String, FailureGroup>,
    hangups: HangupTotals,
    frames: FrameTotals,
    /// How late the latest sent frame was.
    latest_sent: Duration,
    digits_sent: u64,
    jitter: JitterTotals,
    drift: Option<DriftRange>,
    fell_silent: u64,
    never_silent: u64,
    not_speaking: u64,
    silent_after: TimeHistogram,
    /// `None` if the report does not list calls.
    each_call: Option<Vec<CallResult>>,
}

impl SummaryBuilder {
    pub(in crate::load) fn new(list_calls: bool) -> Self {
        Self {
            each_call: list_calls.then(Vec::new),
            ..Self::default()
        }
    }

    pub(in crate::load) fn add(&mut self, outcome: CallOutcome) {
        self.calls.placed += 1;
        match &outcome.verdict {
            Verdict::Completed => self.calls.completed += 1,
            Verdict::Interrupted => self.calls.interrupted += 1,
            Verdict::Failed(failure) => {
                self.calls.failed += 1;
                let new = |reason: &String| FailureGroup {
                    reason: reason.clone(),
                    by_asterisk: failure.is_by_asterisk(),
                    calls: 0,
                    uuid: outcome.uuid,
                    at_s: failure.at().map(seconds),
                };
                let group = self.failures.entry(failure.to_string());
                group.or_insert_with_key(new).calls += 1;
            }
        }
        match outcome.hangup {
            Some(HangupBy::Caller) => self.hangups.caller += 1,
            Some(HangupBy::Server) => self.hangups.server += 1,
            Some(HangupBy::Closed) => self.hangups.closed += 1,
            None => {}
        }
        self.frames.sent += outcome.sent.frames;
        self.frames.late += outcome.sent.late;
        self.latest_sent = self.latest_sent.max(outcome.sent.latest);
        self.digits_sent += outcome.sent.digits;
        self.add_received(&outcome.received);
        if let Some(calls) = &mut self.each_call {
            calls.push(CallResult {
                number: outcome.number + 1,
                uuid: outcome.uuid,
                seconds: seconds(outcome.lasted),
                interrupted: matches!(outcome.verdict, Verdict::Interrupted),
                failure: match outcome.verdict {
                    Verdict::Failed(failure) => Some(failure.to_string()),
                    Verdict::Completed | Verdict::Interrupted => None,
                },
                steps: outcome.steps,
            });
        }
    }

    fn add_received(&mut self, received: &RxReport) {
        self.frames.received += received.frames.received;
        self.frames.silence += received.frames.silence;
        self.frames.discarded += received.frames.discarded;
        self.frames.echoed += received.echo.echoed;
        self.frames.missing += received.echo.missing;
        self.frames.wrong += received.echo.wrong;
        self.frames.extra += received.echo.extra;
        let (all, this) = (&mut self.jitter, &received.jitter);
        all.gaps += this.gaps;
        all.bursts += this.bursts;
        all.longest_burst = all.longest_burst.max(this.longest_burst);
        all.longest_gap = all.longest_gap.max(this.longest_gap);
        if let Some(drift) = this.final_drift {
            let all = self.drift.get_or_insert(DriftRange {
                min: drift,
                max: drift,
            });
            all.min = all.min.min(drift);
            all.max = all.max.max(drift);
        }
        match received.barge_in {
            Some(BargeInOutcome::FellSilent(after)) => {
                self.fell_silent += 1;
                self.silent_after.record(after);
            }
            Some(BargeInOutcome::NeverSilent) => self.never_silent += 1,
            Some(BargeInOutcome::WasSilent | BargeInOutcome::NotReached) => self.not_speaking += 1,
            None => {}
        }
    }

    pub(in crate::load) fn finish(
        self,
        config: &RunConfig,
        elapsed: Duration,
        times: &Times,
        server_process: Option<ServerCost>,
    ) -> Report {
        let mut each_call = self.each_call.unwrap_or_default();
        each_call.sort_by_key(|call| call.number);
        let frames = &self.frames;
        let bad_frames = frames.missing + frames.wrong + frames.extra;
        let bad_calls = self.calls.failed + self.calls.interrupted;
        let mut failures: Vec<_> = self.failures.into_values().collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.calls));
        let jitter = self.jitter;
        let jitter = (frames.received > 0 && !config.is_closed_loop()).then(|| JitterReport {
            jitter_us: times.jitter.quantiles(),
            lateness_us: times.lateness.quantiles(),
            drift_us: times.drift.quantiles(),
            final_drift_us: self.drift,
            bursts: jitter.bursts,
            longest_burst_us: jitter.longest_burst.as_micros() as u64,
            gaps: jitter.gaps,
            longest_gap_us: jitter.longest_gap.as_micros() as u64,
        });
        let (latency_us, self_latency_us) =
            (times.latency.quantiles(), times.self_latency.quantiles());
        let late_to_read = self_latency_us.map_or(0, |times| times.max);
        let late_to_send = match config.expect {
            Expect::Echo => self.latest_sent.as_micros() as u64,
            _ => 0,
        };
        let limits = &config.options.limits;
        let own_us = late_to_read.saturating_add(late_to_send);
        let exceeded = limits.exceeded(jitter.as_ref(), latency_us, own_us);
        Report {
            server: config.options.server.clone(),
            expect: config.expect,
            closed_loop: match config.options.mode {
                LoadMode::ClosedLoop(frames) => Some(frames.get()),
                LoadMode::Paced | LoadMode::Quiet => None,
            },
            asterisk: config.options.asterisk.map(|it| it.to_string()),
            quiet: config.options.mode == LoadMode::Quiet,
            scenario: (config.expect == Expect::Scenario)
                .then(|| config.scenario.name().to_owned()),
            rate: config.options.rate,
            ptime_ms: config.options.ptime.as_secs_f64() * 1e3,
            duration_s: config.durations.range().start().as_secs_f64(),
            longest_s: config.durations.range().end().as_secs_f64(),
            seed: config.seed,
            seconds: seconds(elapsed),
            ok: bad_calls + bad_frames == 0 && exceeded.is_empty(),
            calls: self.calls,
            failures,
            exceeded,
            hangups: self.hangups,
            jitter,
            frames: self.frames,
            digits_sent: self.digits_sent,
            first_audio_us: times.first_audio.quantiles(),
            latency_us,
            since_due_us: times.since_due.quantiles(),
            barge_in: config.barge_in.map(|_| BargeInReport {
                fell_silent: self.fell_silent,
                never_silent: self.never_silent,
                not_speaking: self.not_speaking,
                silent_after_us: self.silent_after.quantiles(),
            }),
            server_process,
            each_call,
            self_latency_us,
        }
    }
}

/// Seconds, with the accuracy of a millisecond.
pub(in crate::load) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
