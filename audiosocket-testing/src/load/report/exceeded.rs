//! The limits that the figures of a run exceed.

use super::{ExceededLimit, JitterReport};
use crate::load::limits::AudioLimits;
use crate::load::stats::Quantiles;

impl AudioLimits {
    /// Returns the limits that these figures exceed, causes first: a burst also drifts. `own_us` is the delay of this
    /// machine, in microseconds.
    pub(in crate::load) fn exceeded(
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
