//! The durations of calls.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng as _;

/// The distribution of call durations.
#[derive(Clone, Debug)]
pub(in crate::load) struct CallDurations {
    durations: RangeInclusive<Duration>,
    /// The same in frames. It is at least one.
    frames: RangeInclusive<u64>,
}

impl CallDurations {
    /// Returns `None` if the shortest duration is shorter than one frame.
    pub(in crate::load) fn new(
        durations: RangeInclusive<Duration>,
        ptime: Duration,
    ) -> Option<Self> {
        let frames = |duration: &Duration| {
            let frames = duration.as_nanos() / ptime.as_nanos();
            u64::try_from(frames).unwrap_or(u64::MAX)
        };
        let frames = frames(durations.start())..=frames(durations.end());
        (*frames.start() > 0).then_some(Self { durations, frames })
    }

    pub(in crate::load) fn range(&self) -> &RangeInclusive<Duration> {
        &self.durations
    }

    /// The shortest duration in frames.
    pub(in crate::load) fn shortest(&self) -> u64 {
        *self.frames.start()
    }

    /// Draws the duration of one call in frames. The square of the uniform random number makes
    /// short calls more frequent than long ones, as in real traffic.
    pub(in crate::load) fn draw(&self, rng: &mut Pcg64) -> u64 {
        let drawn = f64::from(rng.next_u32()) / 2_f64.powi(32);
        let count = self.frames.end() - self.frames.start() + 1;
        // The result is less than `count`, since `drawn` is less than 1 and no duration has more than 53 bits.
        self.frames.start() + (count as f64 * drawn * drawn) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    fn durations(from: u64, to: u64) -> CallDurations {
        let range = Duration::from_millis(from)..=Duration::from_millis(to);
        CallDurations::new(range, PTIME).unwrap()
    }

    fn draw(durations: &CallDurations, calls: u64) -> Vec<u64> {
        let mut rng = Pcg64::new(7, 7);
        (0..calls).map(|_| durations.draw(&mut rng)).collect()
    }

    #[test]
    fn all_calls_have_a_single_duration() {
        assert_eq!(draw(&durations(1_000, 1_019), 10_000), vec![50; 10_000][..]);
    }

    #[test]
    fn all_durations_occur_and_short_ones_more_often() {
        let few = draw(&durations(20, 60), 10_000);
        assert_eq!((few.iter().min(), few.iter().max()), (Some(&1), Some(&3)));
        let many = draw(&durations(1_000, 61_000), 10_000);
        let mean = many.iter().sum::<u64>() as f64 / 10_000.0 * PTIME.as_secs_f64();
        assert!((mean - 21.0).abs() < 1.0, "{mean}");
        let short = many.iter().filter(|frames| **frames < 50 * 16).count();
        assert!((4_800..5_200).contains(&short), "{short}");
    }

    #[test]
    fn a_duration_shorter_than_a_frame_is_refused() {
        let durations = Duration::from_millis(19)..=Duration::from_secs(1);
        assert!(CallDurations::new(durations, PTIME).is_none());
    }
}
