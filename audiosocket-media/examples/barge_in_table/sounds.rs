//! Sounds at 8 kHz, as floats with full scale 1: noise, tones, slams, coughs. They are the same in every run.

use std::f32::consts::TAU;

pub(crate) const HZ: f32 = 8_000.0;

/// The number of samples in a time of seconds.
pub(crate) fn samples(seconds: f32) -> usize {
    (seconds * HZ) as usize
}

pub(crate) fn gain(decibels: f32) -> f32 {
    10_f32.powf(decibels / 20.0)
}

/// A generator of numbers (xorshift).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from `low` to `high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1_u64 << 24) as f32)
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[(self.next() >> 16) as usize % all.len()]
    }

    /// A sample of white noise with a power of 1.
    pub(crate) fn white(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.between(-1.0, 1.0)).sum();
        sum * (3.0_f32 / 4.0).sqrt()
    }
}

/// The level of the loud parts: the power of the windows of 10 ms that are at most 25 dB below the loudest one.
pub(crate) fn level(sound: &[f32]) -> f32 {
    let powers = sound.chunks(80).map(power);
    let most = powers.clone().fold(0.0, f32::max);
    let loud: Vec<f32> = powers.filter(|power| *power >= most / 316.0).collect();
    10.0 * (loud.iter().sum::<f32>() / loud.len().max(1) as f32 + 1e-12).log10()
}

pub(crate) fn power(sound: &[f32]) -> f32 {
    sound.iter().map(|at| at * at).sum::<f32>() / sound.len().max(1) as f32
}

/// Returns the sound with this level.
pub(crate) fn at_level(mut sound: Vec<f32>, wanted: f32) -> Vec<f32> {
    let gain = gain(wanted - level(&sound));
    sound.iter_mut().for_each(|at| *at *= gain);
    sound
}

/// Adds a sound at a position.
pub(crate) fn add(target: &mut [f32], at: usize, sound: &[f32]) {
    for (target, sound) in target.iter_mut().skip(at).zip(sound) {
        *target += sound;
    }
}

pub(crate) fn white(random: &mut Random, len: usize) -> Vec<f32> {
    (0..len).map(|_| random.white()).collect()
}

/// Noise that falls by 3 dB per octave.
pub(crate) fn pink(random: &mut Random, len: usize) -> Vec<f32> {
    let mut states = [0.0_f32; 3];
    let poles = [(0.997, 0.03), (0.985, 0.05), (0.8, 0.15)];
    (0..len)
        .map(|_| {
            let white = random.white();
            let parts = states.iter_mut().zip(poles).map(|(state, (pole, gain))| {
                *state = *state * pole + white * gain;
                *state
            });
            parts.sum::<f32>() + white * 0.05
        })
        .collect()
}

/// The hum of the mains, with harmonics.
pub(crate) fn hum(random: &mut Random, hz: f32, len: usize) -> Vec<f32> {
    let harmonics: Vec<_> = (1..=10)
        .map(|n| {
            (
                n as f32 * hz,
                random.between(0.2, 1.0) / n as f32,
                random.between(0.0, TAU),
            )
        })
        .collect();
    let tone = |at: usize| {
        let harmonic =
            |(hz, gain, phase): &(f32, f32, f32)| gain * (at as f32 / HZ * hz * TAU + phase).sin();
        harmonics.iter().map(harmonic).sum()
    };
    (0..len).map(tone).collect()
}

/// Tones of a telephone network: their frequencies, and how long they are on and off.
pub(crate) const TONES: [(&str, &[f32], f32, f32); 12] = [
    ("dial, USA", &[350.0, 440.0], 60.0, 0.0),
    ("dial, Europe", &[425.0], 60.0, 0.0),
    ("ringback, USA", &[440.0, 480.0], 2.0, 4.0),
    ("ringback, Europe", &[425.0], 1.0, 4.0),
    ("ringback, Britain", &[400.0, 450.0], 0.4, 0.2),
    ("busy, USA", &[480.0, 620.0], 0.5, 0.5),
    ("busy, Europe", &[425.0], 0.5, 0.5),
    ("congestion", &[425.0], 0.25, 0.25),
    ("fax, calling", &[1_100.0], 0.5, 3.0),
    ("fax, answering", &[2_100.0], 3.0, 2.0),
    ("call waiting", &[440.0], 0.3, 3.0),
    ("beep", &[1_000.0], 0.2, 2.0),
];

/// A tone with its cadence. Edges of 2 ms have no click.
pub(crate) fn tone(hz: &[f32], on: f32, off: f32, len: usize) -> Vec<f32> {
    (0..len)
        .map(|at| {
            let time = at as f32 / HZ;
            let phase = time % (on + off);
            let edge = (phase / 0.002).min((on - phase) / 0.002).clamp(0.0, 1.0);
            let tones = hz.iter().map(|hz| (time * hz * TAU).sin());
            edge * tones.sum::<f32>()
        })
        .collect()
}

/// Keys: pairs of tones that are on and off for 50 to 150 ms.
pub(crate) fn keys(random: &mut Random, len: usize) -> Vec<f32> {
    let mut sound = Vec::new();
    let (on, off) = (random.between(0.05, 0.15), random.between(0.05, 0.15));
    while sound.len() < len {
        let low = *random.one_of(&[697.0, 770.0, 852.0, 941.0]);
        let high = *random.one_of(&[1_209.0, 1_336.0, 1_477.0, 1_633.0]);
        sound.extend(tone(&[low, high], on, off, samples(on + off)));
    }
    sound.truncate(len);
    sound
}

/// A resonance of a filter: two poles.
pub(crate) fn resonate(sound: &mut [f32], hz: f32, width: f32) {
    let radius = (-std::f32::consts::PI * width / HZ).exp();
    let (one, two) = (2.0 * radius * (TAU * hz / HZ).cos(), -radius * radius);
    let (mut last, mut before) = (0.0, 0.0);
    for sample in sound {
        let now = *sample * (1.0 - radius) + one * last + two * before;
        (before, last) = (last, now);
        *sample = now;
    }
}

/// A door or a hand on a table: 20 to 60 ms, and the room after it.
pub(crate) fn slam(random: &mut Random) -> Vec<f32> {
    let (fall, room) = (random.between(0.004, 0.02), random.between(0.05, 0.15));
    let (body, body_hz) = (random.between(0.2, 1.5), random.between(70.0, 250.0));
    let mut noise: Vec<f32> = (0..samples(0.6))
        .map(|at| {
            let time = at as f32 / HZ;
            let envelope = (-time / fall).exp() + 0.15 * (-time / room).exp();
            random.white() * envelope
        })
        .collect();
    // Noise of a door has less of the high frequencies.
    let pole = random.between(0.1, 0.8);
    let mut state = 0.0;
    for (at, sample) in noise.iter_mut().enumerate() {
        state = pole * state + (1.0 - pole) * *sample;
        let time = at as f32 / HZ;
        *sample = state + body * (-time / (2.0 * fall)).exp() * (time * body_hz * TAU).sin();
    }
    noise
}

/// A cough: a burst of 40 to 70 ms, breath for 80 to 180 ms, and in half of them a voice of 50 to 110 ms at the end.
pub(crate) fn cough(random: &mut Random) -> Vec<f32> {
    let (burst, breath) = (random.between(0.04, 0.07), random.between(0.08, 0.18));
    let voice = random.between(0.05, 0.11) * *random.one_of(&[0.0, 1.0]);
    let pitch = random.between(130.0, 320.0);
    let mut phase = 0.0;
    let mut sound: Vec<f32> = (0..samples(burst + breath + voice + 0.05))
        .map(|at| {
            let time = at as f32 / HZ;
            let in_breath = time - burst;
            let in_voice = in_breath - breath;
            if in_breath < 0.0 {
                random.white() * (time / 0.004).min(1.0)
            } else if in_voice < 0.0 {
                random.white() * 0.45 * (-1.5 * in_breath / breath).exp()
            } else if in_voice < voice {
                phase += pitch * (1.0 - 0.3 * in_voice / voice) * random.between(0.93, 1.07) / HZ;
                let pulse = if phase >= 1.0 { 8.0 } else { 0.0 };
                phase %= 1.0;
                0.25 * (pulse + 0.5 * random.white())
            } else {
                random.white() * 0.1 * (-(in_voice - voice) / 0.02).exp()
            }
        })
        .collect();
    let raw = sound.clone();
    for (hz, width) in [(650.0, 200.0), (1_500.0, 300.0), (2_600.0, 400.0)] {
        let mut formant = raw.clone();
        resonate(&mut formant, hz * random.between(0.85, 1.15), width);
        add(
            &mut sound,
            0,
            &formant.iter().map(|at| 3.0 * at).collect::<Vec<_>>(),
        );
    }
    sound
}
