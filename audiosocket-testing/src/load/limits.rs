//! Limits that received audio must keep.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::report::JitterReport;
use super::stats::Quantiles;

/// Limits of the received audio, in [`LoadTest::limits`](super::LoadTest::limits). `None` is no limit.
///
/// This machine can be late to read audio, and to send the audio whose echo is expected. Each limit is raised by its own
/// delay: the maximum of [`self_latency_us`](super::Report::self_latency_us), and for echoes the lateness of the latest sent
/// frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a caller sets the fields, and a new limit is a breaking change"
)]
pub struct AudioLimits {
    /// The longest delay of a frame after the one before it.
    pub lateness: Option<Duration>,
    /// The longest time between the arrival of a frame and its due time after the first one.
    pub drift: Option<Duration>,
    /// The most audio in frames that come less than 5 ms after each other.
    pub burst: Option<Duration>,
    /// The longest pause without audio to play. A pause of 60 ms or less counts as none.
    pub gap: Option<Duration>,
    /// The longest time from a frame to its echo.
    pub latency: Option<Duration>,
}

/// A limit that the audio of a run did not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExceededLimit {
    /// The name of the limit, as in [`AudioLimits`].
    pub limit: String,
    /// The measured maximum over all calls, in microseconds.
    pub measured_us: u64,
    /// The limit in microseconds.
    pub limit_us: u64,
}

impl AudioLimits {
    /// Returns the limits that a telephone with a jitter buffer of 60 ms needs.
    pub const TELEPHONE: Self = Self {
        lateness: Some(Duration::from_millis(60)),
        drift: Some(Duration::from_millis(60)),
        burst: Some(Duration::from_millis(80)),
        gap: Some(Duration::from_millis(60)),
        latency: Some(Duration::from_millis(150)),
    };

    /// Returns the limits that these figures exceed, causes first: a burst also drifts. `own_us` is the delay of this
    /// machine, in microseconds.
    pub(super) fn exceeded(
        &self,
        jitter: Option<&JitterReport>,
        latency: Option<Quantiles>,
        own_us: u64,
    ) -> Vec<ExceededLimit> {
        let max = |times: Option<Quantiles>| times.map(|times| times.max);
        let of_jitter = |figure: fn(&JitterReport) -> Option<u64>| jitter.and_then(figure);
        [
            (
                "burst",
                self.burst,
                of_jitter(|it| Some(it.longest_burst_us)),
            ),
            ("gap", self.gap, of_jitter(|it| Some(it.longest_gap_us))),
            (
                "lateness",
                self.lateness,
                of_jitter(|it| it.lateness_us.map(|times| times.max)),
            ),
            (
                "drift",
                self.drift,
                of_jitter(|it| it.drift_us.map(|times| times.max)),
            ),
            ("latency", self.latency, max(latency)),
        ]
        .into_iter()
        .filter_map(|(name, limit, measured)| {
            let limit_us = u64::try_from(limit?.as_micros()).unwrap_or(u64::MAX);
            let measured_us = measured?;
            (measured_us > limit_us.saturating_add(own_us)).then(|| ExceededLimit {
                limit: name.to_owned(),
                measured_us,
                limit_us,
            })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(max: u64) -> Option<Quantiles> {
        Some(Quantiles {
            min: 0,
            p50: 0,
            p99: 0,
            p999: 0,
            max,
        })
    }

    fn exceeded(jitter: &JitterReport, latency: u64, own: u64) -> Vec<(String, u64, u64)> {
        AudioLimits::TELEPHONE
            .exceeded(Some(jitter), times(latency), own)
            .into_iter()
            .map(|it| (it.limit, it.measured_us, it.limit_us))
            .collect()
    }

    #[test]
    fn a_limit_is_exceeded_by_more_than_this_machine_is_late() {
        let jitter = JitterReport {
            jitter_us: times(0),
            lateness_us: times(60_001),
            drift_us: times(300_000),
            final_drift_us: None,
            bursts: 149,
            longest_burst_us: 3_000_000,
            gaps: 1,
            longest_gap_us: 61_000,
        };
        let all = exceeded(&jitter, 150_001, 0);
        let names: Vec<_> = all.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, ["burst", "gap", "lateness", "drift", "latency"]);
        assert_eq!(all[3], ("drift".to_owned(), 300_000, 60_000));
        let late = exceeded(&jitter, 150_001, 2_000);
        let names: Vec<_> = late.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, ["burst", "drift"]);
        assert!(exceeded(&jitter, 0, 3_000_000).is_empty());
        let none = AudioLimits::default();
        assert!(none.exceeded(Some(&jitter), times(9), 0).is_empty());
        assert!(AudioLimits::TELEPHONE.exceeded(None, None, 0).is_empty());
    }
}
