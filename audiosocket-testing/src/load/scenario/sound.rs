//! Sounds for callers.

use std::time::Duration;

use audiosocket_media::SampleRate;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;

/// Makes white noise at 25 dB below full scale. It is the same in each call.
#[must_use]
pub fn synthesize_noise(rate: SampleRate, duration: Duration) -> Vec<i16> {
    let samples = usize::try_from(rate.samples_in(duration)).unwrap_or(usize::MAX);
    let mut random = Pcg64Mcg::new(7);
    // Evenly distributed between -3,200 and 3,199: the mean power is a third of that of the peak.
    let sample = || (random.next_u32() % 6_400) as i16 - 3_200;
    std::iter::repeat_with(sample).take(samples).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_its_level_and_duration() {
        let noise = synthesize_noise(SampleRate::Hz16000, Duration::from_secs(1));
        assert_eq!(noise.len(), 16_000);
        let squares: f64 = noise.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let level = 10.0 * (squares / 16_000.0 / 32_768_f64.powi(2)).log10();
        assert!((-25.5..-24.5).contains(&level), "{level}");
    }
}
