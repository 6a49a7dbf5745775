//! Analyzes the audio that one caller receives.

mod activity;
mod barge_in;
mod echo_check;
pub(super) mod jitter;

use std::time::{Duration, Instant};

use audiosocket_proto::{Audio, FrameKind, SampleRate};

use super::config::{CallConfig, Expect, RunConfig};
use super::signal::is_silence;
use super::stats::RunStats;
pub(super) use activity::{AudioActivity, ExpectationState, StepFault};
use barge_in::BargeInMeter;
pub(super) use barge_in::BargeInOutcome;
use echo_check::EchoCheck;
pub(super) use echo_check::{EchoCounts, SentFrame};
pub(super) use jitter::JitterTotals;
use jitter::{JitterMeter, PhonePlayout};

/// The receiving side of one call.
#[derive(Debug)]
pub(super) struct RxAnalyzer<'r> {
    stats: &'r RunStats,
    rate: SampleRate,
    connected_at: Instant,
    received_at: Instant,
    /// The longest time without a frame of audio so far.
    quiet: Duration,
    frames: RxFrames,
    /// `None` in a closed loop, in which no frame is due at a certain time.
    clock: Option<Clock>,
    /// `None` if the server does not have to echo.
    echo: Option<EchoCheck>,
    /// `None` if the caller does not barge in.
    barge_in: Option<BargeInMeter>,
    /// `None` without a scenario.
    activity: Option<AudioActivity>,
}

/// The playout times of a telephone, and the jitter of the received audio.
#[derive(Debug, Default)]
struct Clock {
    playout: PhonePlayout,
    jitter: JitterMeter,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RxFrames {
    pub(super) received: u64,
    /// The part of `received` that was silence.
    pub(super) silence: u64,
    /// Frames that the release of Asterisk discards. They are no part of `received`.
    pub(super) discarded: u64,
}

/// The results of the analysis, for one call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RxReport {
    pub(super) frames: RxFrames,
    /// The kind of the last discarded frame.
    pub(super) discarded_kind: Option<FrameKind>,
    /// The longest time without a frame of audio.
    pub(super) quiet: Duration,
    pub(super) echo: EchoCounts,
    pub(super) jitter: JitterTotals,
    /// `None` if the caller does not barge in.
    pub(super) barge_in: Option<BargeInOutcome>,
}

impl<'r> RxAnalyzer<'r> {
    pub(super) fn new(
        config: &RunConfig,
        call: &CallConfig,
        stats: &'r RunStats,
        connected_at: Instant,
    ) -> Self {
        let echo = || EchoCheck::new(call.signal.clone());
        Self {
            stats,
            rate: config.options.wire_rate(),
            connected_at,
            received_at: connected_at,
            quiet: Duration::ZERO,
            frames: RxFrames::default(),
            clock: (!config.is_closed_loop()).then(Clock::default),
            echo: (config.expect == Expect::Echo).then(echo),
            barge_in: config.barge_in.map(|_| BargeInMeter::default()),
            activity: (config.expect == Expect::Scenario).then(|| AudioActivity::new(connected_at)),
        }
    }

    /// Returns what the expectations of a scenario need.
    pub(super) fn activity(&mut self) -> Option<&mut AudioActivity> {
        self.activity.as_mut()
    }

    /// Analyzes a frame that was read at `now`.
    pub(super) fn receive(&mut self, audio: Audio<'_>, now: Instant) {
        let silence = is_silence(&audio);
        if !silence && self.frames.received == self.frames.silence {
            self.stats.first_audio(now - self.connected_at);
        }
        self.quiet = self.quiet.max(now - self.received_at);
        self.received_at = now;
        self.frames.received += 1;
        self.frames.silence += u64::from(silence);
        self.stats.received();
        if let Some(Clock { playout, jitter }) = &mut self.clock {
            let duration = audio.rate().duration_of(audio.samples().len() as u64);
            let played = playout.play(now, duration);
            if let Some(deviation) = jitter.frame(now, duration, played.pause) {
                self.stats.deviation(deviation);
            }
            if let Some(barge_in) = &mut self.barge_in
                && !silence
            {
                barge_in.speech(played);
            }
            if let Some(activity) = &mut self.activity {
                activity.receive(audio, played);
            }
        }
        let Some(echo) = &mut self.echo else {
            return;
        };
        if audio.rate() == self.rate {
            let (stats, in_real_time) = (self.stats, self.clock.is_some());
            echo.receive(&audio, |sent| {
                stats.echoed(now - sent.at, in_real_time.then(|| now - sent.due));
            });
        } else {
            echo.receive_foreign(&audio);
        }
    }

    /// Takes the times of a sent frame that the server has to echo.
    pub(super) fn sent(&mut self, sent: SentFrame) {
        if let Some(echo) = &mut self.echo {
            echo.sent(sent);
        }
    }

    /// Returns whether the server has echoed all frames. It returns false if the server does not have to echo.
    pub(super) fn has_all_echoes(&self) -> bool {
        let all = |echo: &EchoCheck| echo.outstanding() == 0;
        self.echo.as_ref().is_some_and(all)
    }

    /// Begins the barge-in of the caller at `now`.
    pub(super) fn barge_in(&mut self, now: Instant) {
        if let Some(meter) = &mut self.barge_in {
            meter.barge_in(now);
        }
    }

    pub(super) fn finish(self, now: Instant, by_server: bool) -> RxReport {
        RxReport {
            frames: self.frames,
            discarded_kind: None,
            quiet: self.quiet.max(now - self.received_at),
            echo: self
                .echo
                .map_or_else(EchoCounts::default, EchoCheck::finish),
            jitter: self
                .clock
                .map_or_else(JitterTotals::default, |clock| clock.jitter.totals()),
            barge_in: self.barge_in.map(|meter| meter.finish(now, by_server)),
        }
    }
}
