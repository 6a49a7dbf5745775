use std::time::{Duration, Instant};

use crate::SampleRate;

/// A longer time without a frame is a pause, such as a hold. A measurement does not span it.
const PAUSE: Duration = Duration::from_millis(150);

/// After a pause, frames can come in a burst: Asterisk sends five or more at the start of a call.
/// They are not measured.
const BURST: Duration = Duration::from_millis(100);

/// Frames that come this close together arrived in one piece.
const SAME_ARRIVAL: Duration = Duration::from_millis(2);

/// The time of a measurement.
const WINDOW: Duration = Duration::from_millis(280);

/// The most that two measurements of one stream differ, and that a measurement is off.
const TOLERANCE: f64 = 0.12;

/// A rate is likely after this many gaps in a row that fit it. A single gap can be jitter.
const LIKELY_GAPS: u32 = 3;

/// The most that a gap differs from the duration of its frame.
const GAP_TOLERANCE: f64 = 0.25;

/// Frames of this length or shorter, 20 ms of slin at 8 kHz, have no wide rate, however fast they come: a test client can
/// send them faster than in real time. Wide slin in packets of 10 ms is rare.
const USUAL_LEN: usize = 320;

/// The measurement ends after this many frames without a result: 60 s of frames of 20 ms.
const MOST_FRAMES: u32 = 3_000;

/// Measures how many bytes of audio arrive in a second, from the times of the frames.
///
/// The result is known once two measurements in a row agree: after 700 ms of steady frames. A wide rate is likely before:
/// after three gaps that fit it.
#[derive(Clone, Debug, Default)]
pub(super) struct FrameClock {
    /// The first frame after a pause.
    run: Option<Instant>,
    /// The latest arrival.
    arrival: Option<Instant>,
    window: Option<RateWindow>,
    /// Bytes per second of the latest measurement.
    latest: Option<f64>,
    /// Bytes per second, once two measurements agree.
    measured: Option<f64>,
    /// The rate of slin that the latest gaps fit, and the number of these gaps.
    fit: (Option<SampleRate>, u32),
    /// The rate of slin that is likely until it is measured.
    likely: Option<SampleRate>,
    /// The length of the latest frame.
    len: usize,
    frames: u32,
}

#[derive(Clone, Copy, Debug)]
struct RateWindow {
    start: Instant,
    /// The bytes that arrived after the start.
    bytes: usize,
}

impl FrameClock {
    /// Takes the length of a frame and the time of its arrival.
    pub(super) fn push(&mut self, len: usize, at: Instant) {
        let before = self.arrival.unwrap_or(at);
        let gap = at.saturating_duration_since(before);
        self.len = len;
        self.frames = self.frames.saturating_add(1);
        if self.run.is_none() || gap > PAUSE {
            self.run = Some(at);
            self.window = None;
            self.arrival = Some(at);
            return;
        }
        if gap >= SAME_ARRIVAL {
            self.compare(gap);
            self.begin_arrival(before, at);
            self.arrival = Some(at);
            if let Some(window) = &mut self.window
                && window.start < at
            {
                window.bytes += len;
            }
        } else if let Some(window) = &mut self.window
            && window.start < before
        {
            // A piece that arrives during `SAME_ARRIVAL` counts from its first frame.
            window.bytes += len;
        }
    }

    /// Compares the gap before the latest frame with the duration of this frame at each rate.
    fn compare(&mut self, gap: Duration) {
        let hz = self.len as f64 / 2.0 / gap.as_secs_f64();
        let fit = self.nearest_rate(hz, GAP_TOLERANCE);
        let gaps = if fit == self.fit.0 { self.fit.1 + 1 } else { 1 };
        self.fit = (fit, gaps.min(LIKELY_GAPS));
        if gaps >= LIKELY_GAPS {
            self.likely = fit;
        }
    }

    /// Ends the window at `before`, the time of the arrival before this one, if it is long enough.
    fn begin_arrival(&mut self, before: Instant, at: Instant) {
        match self.window {
            None => {
                let run = self.run.unwrap_or(at);
                if at.saturating_duration_since(run) >= BURST {
                    self.window = Some(RateWindow {
                        start: at,
                        bytes: 0,
                    });
                }
            }
            Some(RateWindow { start, bytes }) => {
                let elapsed = before.saturating_duration_since(start);
                if elapsed < WINDOW {
                    return;
                }
                let rate = bytes as f64 / elapsed.as_secs_f64();
                let agrees = |latest: f64| (rate / latest - 1.0).abs() <= TOLERANCE;
                if let Some(latest) = self.latest
                    && agrees(latest)
                {
                    self.measured = Some((latest + rate) / 2.0);
                }
                self.latest = Some(rate);
                self.window = Some(RateWindow {
                    start: before,
                    bytes: 0,
                });
            }
        }
    }

    /// Bytes per second, once they are known.
    pub(super) fn bytes_per_second(&self) -> Option<f64> {
        self.measured
    }

    /// Whether no result is expected any more.
    pub(super) fn gave_up(&self) -> bool {
        self.frames >= MOST_FRAMES
    }

    /// Whether the frames are short, and come faster than in real time: they have no other rate than 8 kHz.
    pub(super) fn is_short_and_fast(&self) -> bool {
        let fast = f64::from(2 * SampleRate::Hz8000.hz()) * (1.0 + TOLERANCE);
        self.len <= USUAL_LEN && self.measured.is_some_and(|rate| rate > fast)
    }

    /// The sample rate of slin, if the bytes per second fit one.
    pub(super) fn slin_rate(&self) -> Option<SampleRate> {
        self.nearest_rate(self.measured? / 2.0, TOLERANCE)
    }

    /// The sample rate of slin that is likely by the latest gaps. Without evidence it is 8 kHz.
    pub(super) fn likely_rate(&self) -> SampleRate {
        self.likely.unwrap_or(SampleRate::Hz8000)
    }

    /// The rate that is nearest to `hz` and has frames of the latest length.
    fn nearest_rate(&self, hz: f64, tolerance: f64) -> Option<SampleRate> {
        let off = |rate: &SampleRate| (hz / f64::from(rate.hz()) - 1.0).abs();
        // 48 kHz differs from 44.1 kHz by less than the tolerance, but a frame is a multiple of
        // 5 ms at its own rate only.
        let whole = |rate: &SampleRate| (200 * self.len).is_multiple_of(2 * rate.hz() as usize);
        let usual = |rate: &SampleRate| *rate == SampleRate::Hz8000 || self.len > USUAL_LEN;
        SampleRate::ALL
            .into_iter()
            .filter(|rate| off(rate) <= tolerance && whole(rate) && usual(rate))
            .min_by(|one, other| off(one).total_cmp(&off(other)))
    }
}
