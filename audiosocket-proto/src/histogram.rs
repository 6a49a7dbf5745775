use core::time::Duration;

/// How many durations were short and how many were long, and their sum. The documentation of a field with this type names
/// its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct DurationHistogram {
    /// One number for each of five bounds: the durations that are at most this bound, and longer than the bound before. The
    /// last number counts the durations that are longer than all bounds.
    pub counts: [u64; 6],
    /// The sum of all durations.
    pub sum: Duration,
}

impl DurationHistogram {
    /// Returns the place in [`counts`](Self::counts) of a duration. `bounds` are in ascending order.
    #[must_use]
    #[inline]
    pub fn place(bounds: &[Duration; 5], duration: Duration) -> usize {
        let is_longer = |bound: &&Duration| duration > **bound;
        bounds.iter().take_while(is_longer).count()
    }

    /// Counts a duration. `bounds` are in ascending order, and the same for each call.
    pub fn record(&mut self, bounds: &[Duration; 5], duration: Duration) {
        if let Some(count) = self.counts.get_mut(Self::place(bounds, duration)) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(duration);
    }

    /// Adds the durations of another histogram with the same bounds.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Returns how many durations were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_durations_below_it() {
        let bounds = [1, 5, 10, 20, 100].map(Duration::from_millis);
        let mut histogram = DurationHistogram::default();
        for micros in [0, 1_000, 1_001, 5_000, 10_000, 99_999, 100_000, 100_001] {
            histogram.record(&bounds, Duration::from_micros(micros));
        }
        assert_eq!(histogram.counts, [2, 2, 1, 0, 2, 1]);
        assert_eq!((histogram.total(), histogram.sum.as_micros()), (8, 317_001));
        histogram.add(&histogram.clone());
        assert_eq!(histogram.counts, [4, 4, 2, 0, 4, 2]);
        assert_eq!(histogram.sum.as_micros(), 634_002);
    }
}
