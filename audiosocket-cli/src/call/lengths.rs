//! How long the calls of a run are.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng as _;

/// All of one length, or each of its own.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    durations: RangeInclusive<Duration>,
    /// At least one.
    frames: RangeInclusive<u64>,
}

impl Lengths {
    /// `None` if the shortest is shorter than a frame.
    pub(super) fn new(durations: RangeInclusive<Duration>, ptime: Duration) -> Option<Self> {
        let frames = |duration: &Duration| {
            let frames = duration.as_nanos() / ptime.as_nanos();
            u64::try_from(frames).unwrap_or(u64::MAX)
        };
        let frames = frames(durations.start())..=frames(durations.end());
        (*frames.start() > 0).then_some(Self { durations, frames })
    }

    pub(super) fn durations(&self) -> &RangeInclusive<Duration> {
        &self.durations
    }

    /// In frames.
    pub(super) fn shortest(&self) -> u64 {
        *self.frames.start()
    }

    /// The length of one call, in frames. The square of what is drawn makes short calls more
    /// frequent than long ones, as they are.
    pub(super) fn draw(&self, rng: &mut Pcg64) -> u64 {
        let drawn = f64::from(rng.next_u32()) / 2_f64.powi(32);
        let lengths = self.frames.end() - self.frames.start() + 1;
        // Less than `lengths`, since `drawn` is less than 1 and no length has more than 53 bits.
        self.frames.start() + (lengths as f64 * drawn * drawn) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    fn lengths(from: u64, to: u64) -> Lengths {
        let durations = Duration::from_millis(from)..=Duration::from_millis(to);
        Lengths::new(durations, PTIME).unwrap()
    }

    fn draw(lengths: &Lengths, calls: u64) -> Vec<u64> {
        let mut rng = Pcg64::new(7, 7);
        (0..calls).map(|_| lengths.draw(&mut rng)).collect()
    }

    #[test]
    fn one_length_is_that_of_all_calls() {
        assert_eq!(draw(&lengths(1_000, 1_019), 10_000), vec![50; 10_000][..]);
    }

    #[test]
    fn all_lengths_come_and_short_ones_more_often() {
        let few = draw(&lengths(20, 60), 10_000);
        assert_eq!((few.iter().min(), few.iter().max()), (Some(&1), Some(&3)));
        let many = draw(&lengths(1_000, 61_000), 10_000);
        let mean = many.iter().sum::<u64>() as f64 / 10_000.0 * PTIME.as_secs_f64();
        assert!((mean - 21.0).abs() < 1.0, "{mean}");
        let short = many.iter().filter(|frames| **frames < 50 * 16).count();
        assert!((4_800..5_200).contains(&short), "{short}");
    }

    #[test]
    fn what_is_shorter_than_a_frame_is_no_length() {
        let durations = Duration::from_millis(19)..=Duration::from_secs(1);
        assert!(Lengths::new(durations, PTIME).is_none());
    }
}
