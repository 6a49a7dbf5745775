//! Sounds that are no speech, for tests of a bot that callers can interrupt: it must not stop for them.
//!
//! ```
//! use std::time::Duration;
//!
//! use audiosocket_media::SampleRate;
//! use audiosocket_testing::sounds::{LineEcho, door_slam};
//!
//! let rate = SampleRate::Hz8000;
//! // What the caller sends while the bot plays silence: 100 ms of the slam.
//! let slam = door_slam(rate);
//! assert!(slam[..800].iter().any(|sample| sample.unsigned_abs() > 10_000));
//!
//! // What the caller sends while the bot plays: its audio, 150 ms late and 25 dB quieter.
//! let mut echo = LineEcho::new(rate, Duration::from_millis(150), -25.0);
//! let played = [10_000; 160];
//! let sent: Vec<i16> = (0..10).flat_map(|_| echo.push(&played)).collect();
//! assert_eq!((sent[1_199], sent[1_200]), (0, 562));
//! ```
//!
//! [`tones`](audiosocket_media::tones) has the tones of the network, and
//! [`synthesize_speech`](crate::load::synthesize_speech) makes speech.

use std::collections::VecDeque;
use std::f32::consts::TAU;
use std::time::Duration;

use audiosocket_media::{Resampler, SampleRate, pcm};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;

/// The rate at which sounds are made.
const RATE: SampleRate = SampleRate::Hz8000;

/// Makes a door that falls shut: loud for 20 ms, and then half a second of the room. Its peak is 3 dB below full scale.
#[must_use]
pub fn door_slam(rate: SampleRate) -> Vec<i16> {
    let (mut low, mut noise) = (0.0, white_noise());
    let sound = (0..4_000).map(|at| {
        let time = seconds(at);
        let envelope = (-time / 0.008).exp() + 0.1 * (-time / 0.1).exp();
        // A door has less of the high frequencies, and a body that sounds.
        low += 0.5 * (noise() * envelope - low);
        low + 0.5 * (-time / 0.016).exp() * (TAU * 120.0 * time).sin()
    });
    finish(sound.collect(), 0.7, rate)
}

/// Makes a cough without a voice: a burst of 60 ms, and breath for 140 ms. Its peak is 12 dB below full scale.
#[must_use]
pub fn cough(rate: SampleRate) -> Vec<i16> {
    let mut noise = white_noise();
    let sound = (0..1_600).map(|at| match seconds(at) {
        time if time < 0.06 => noise() * (time / 0.004).min(1.0),
        time => noise() * 0.45 * (-(time - 0.06) / 0.06).exp(),
    });
    finish(sound.collect(), 0.25, rate)
}

fn seconds(at: u16) -> f32 {
    f32::from(at) / RATE.hz() as f32
}

/// The same samples in each run, from -1 to 1.
fn white_noise() -> impl FnMut() -> f32 {
    let mut random = Pcg64Mcg::new(0x853c_49e6_748f_ea9b);
    move || random.next_u32() as f32 / (u32::MAX / 2) as f32 - 1.0
}

/// Gives `sound` this peak, of 1, and converts it.
fn finish(mut sound: Vec<f32>, peak: f32, rate: SampleRate) -> Vec<i16> {
    let loudest = sound.iter().fold(0.0_f32, |most, at| most.max(at.abs()));
    sound.iter_mut().for_each(|at| *at *= peak / loudest);
    let (mut samples, mut converted) = (Vec::new(), Vec::new());
    pcm::from_f32(&sound, &mut samples);
    let mut resampler = Resampler::new(RATE, rate);
    resampler.push(&samples, &mut converted);
    resampler.finish(&mut converted);
    converted
}

/// The echo of a telephone or a gateway: it returns what a server plays, later and quieter.
#[derive(Clone, Debug)]
pub struct LineEcho {
    /// What was played and has not come back.
    late: VecDeque<i16>,
    gain: f32,
}

impl LineEcho {
    /// Makes an echo of audio at `rate` that comes after `delay`. `level` is its level in relation to the played audio, in
    /// dB, such as -25.
    #[must_use]
    pub fn new(rate: SampleRate, delay: Duration, level: f32) -> Self {
        Self {
            late: vec![0; rate.samples_in(delay) as usize].into(),
            gain: 10_f32.powf(level / 20.0),
        }
    }

    /// Takes the next played audio. Returns as much audio of the caller.
    pub fn push(&mut self, played: &[i16]) -> Vec<i16> {
        self.late.extend(played);
        let returned = self.late.drain(..played.len());
        returned
            .map(|at| (f32::from(at) * self.gain) as i16)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_media::vad::{EnergyOptions, EnergyVad, Timing};

    use super::*;

    #[test]
    fn a_detector_that_trusts_energy_takes_both_for_speech_at_each_rate() {
        for rate in [SampleRate::Hz8000, SampleRate::Hz16000] {
            for sound in [door_slam(rate), cough(rate)] {
                let timing = Timing::default().attack(Duration::from_millis(20));
                let mut vad = EnergyVad::new(rate, EnergyOptions::default().timing(timing));
                let mut events = Vec::new();
                vad.push(&sound, &mut events);
                assert!(!events.is_empty(), "{rate}");
            }
        }
    }
}
