//! What all calls of a run come to: the JSON form of the report.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::args::Expect;
use super::barge_in::Reaction;
use super::ear::Heard;
use super::hearing::Steadiness;
use super::live::{Quantiles, TimeHistogram, Times};
use super::outcome::{Hangup, Outcome, Verdict};
use super::plan::Plan;
use super::recordings::Recordings;
use super::schedule::Manner;
use super::server_cost::ServerCost;

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(super) server: String,
    pub(super) expect: Expect,
    /// Frames at once.
    pub(super) closed_loop: Option<u32>,
    pub(super) quiet: bool,
    pub(super) format: &'static str,
    pub(super) ptime_ms: f64,
    pub(super) duration_s: f64,
    pub(super) longest_s: f64,
    pub(super) seed: u64,
    pub(super) seconds: f64,
    pub(super) ok: bool,
    pub(super) calls: Calls,
    pub(super) failures: Vec<FailureGroup>,
    pub(super) hangups: Hangups,
    pub(super) frames: Frames,
    pub(super) digits_sent: u64,
    pub(super) latency_us: Option<Quantiles>,
    pub(super) since_due_us: Option<Quantiles>,
    pub(super) jitter: Option<Jitter>,
    pub(super) barge_in: Option<BargeIns>,
    pub(super) recordings: Option<Recordings>,
    pub(super) server_process: Option<ServerCost>,
    pub(super) own_delay_us: Option<Quantiles>,
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

/// How steadily audio came; all times in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Jitter {
    pub(super) spacing_us: Option<Quantiles>,
    pub(super) late_us: Option<Quantiles>,
    pub(super) grid_us: Option<Quantiles>,
    pub(super) drift_us: Option<Drift>,
    pub(super) bursts: u64,
    pub(super) gaps: u64,
    pub(super) longest_gap_us: u64,
}

/// Of the call whose last frame was the earliest, and of the one where it was the latest.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Drift {
    pub(super) min: i64,
    pub(super) max: i64,
}

/// What came of barging in.
#[derive(Debug, Serialize)]
pub(super) struct BargeIns {
    pub(super) fell_silent: u64,
    pub(super) never_silent: u64,
    pub(super) not_speaking: u64,
    /// Of those that fell silent.
    pub(super) went_on_us: Option<Quantiles>,
}

/// Gathers outcomes, until [`finish`](Self::finish).
#[derive(Debug)]
pub(super) struct Gathering {
    calls: Calls,
    failures: BTreeMap<String, FailureGroup>,
    hangups: Hangups,
    frames: Frames,
    digits_sent: u64,
    steadiness: Steadiness,
    drift: Option<Drift>,
    fell_silent: u64,
    never_silent: u64,
    not_speaking: u64,
    went_on: TimeHistogram,
}

impl Gathering {
    pub(super) fn new() -> Self {
        Self {
            calls: Calls::default(),
            failures: BTreeMap::new(),
            hangups: Hangups::default(),
            frames: Frames::default(),
            digits_sent: 0,
            steadiness: Steadiness::default(),
            drift: None,
            fell_silent: 0,
            never_silent: 0,
            not_speaking: 0,
            went_on: TimeHistogram::new(),
        }
    }

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
        self.digits_sent += outcome.tally.digits_sent;
        self.add_heard(&outcome.heard);
    }

    fn add_heard(&mut self, heard: &Heard) {
        self.frames.received += heard.frames.received;
        self.frames.silence += heard.frames.silence;
        self.frames.echoed += heard.echo.echoed;
        self.frames.missing += heard.echo.missing;
        self.frames.wrong += heard.echo.wrong;
        self.frames.extra += heard.echo.extra;
        let (all, this) = (&mut self.steadiness, &heard.steadiness);
        all.gaps += this.gaps;
        all.bursts += this.bursts;
        all.longest_gap = all.longest_gap.max(this.longest_gap);
        if let Some(drift) = this.drift {
            let all = self.drift.get_or_insert(Drift {
                min: drift,
                max: drift,
            });
            all.min = all.min.min(drift);
            all.max = all.max.max(drift);
        }
        match heard.reaction {
            Some(Reaction::FellSilent(after)) => {
                self.fell_silent += 1;
                self.went_on.record(after);
            }
            Some(Reaction::SpokeOn) => self.never_silent += 1,
            Some(Reaction::WasSilent | Reaction::NotReached) => self.not_speaking += 1,
            None => {}
        }
    }

    pub(super) fn finish(
        self,
        plan: &Plan,
        took: Duration,
        times: &Times,
        recordings: Option<Recordings>,
        server_process: Option<ServerCost>,
    ) -> Summary {
        let frames = &self.frames;
        let bad_frames = frames.missing + frames.wrong + frames.extra;
        let bad_files = recordings.as_ref().map_or(0, |all| all.failed);
        let bad_calls = self.calls.failed + self.calls.interrupted;
        let mut failures: Vec<_> = self.failures.into_values().collect();
        failures.sort_by_key(|failure| std::cmp::Reverse(failure.calls));
        let steadiness = self.steadiness;
        Summary {
            server: plan.server.clone(),
            expect: plan.expect,
            closed_loop: match plan.manner {
                Manner::ClosedLoop(frames) => Some(frames),
                Manner::Paced | Manner::Quiet => None,
            },
            quiet: plan.manner == Manner::Quiet,
            format: plan.format.format_name(),
            ptime_ms: plan.ptime.as_secs_f64() * 1e3,
            duration_s: plan.lengths.durations().start().as_secs_f64(),
            longest_s: plan.lengths.durations().end().as_secs_f64(),
            seed: plan.seed,
            seconds: (took.as_secs_f64() * 1e3).round() / 1e3,
            ok: bad_calls + bad_frames + bad_files == 0,
            calls: self.calls,
            failures,
            hangups: self.hangups,
            jitter: (frames.received > 0 && !plan.is_closed_loop()).then(|| Jitter {
                spacing_us: times.spacing.quantiles(),
                late_us: times.late.quantiles(),
                grid_us: times.grid.quantiles(),
                drift_us: self.drift,
                bursts: steadiness.bursts,
                gaps: steadiness.gaps,
                longest_gap_us: steadiness.longest_gap.as_micros() as u64,
            }),
            frames: self.frames,
            digits_sent: self.digits_sent,
            latency_us: times.latency.quantiles(),
            since_due_us: times.since_due.quantiles(),
            barge_in: plan.barge_in.map(|_| BargeIns {
                fell_silent: self.fell_silent,
                never_silent: self.never_silent,
                not_speaking: self.not_speaking,
                went_on_us: self.went_on.quantiles(),
            }),
            recordings,
            server_process,
            own_delay_us: times.own_delay.quantiles(),
        }
    }
}
