//! Sounds for the training. Their models differ from those of the table: random resonances, cadences and envelopes.

use std::f32::consts::TAU;

use crate::Material;
use crate::cases::repeated;
use crate::sounds::{HZ, Random, add, resonate, samples};

/// Returns a sound that is no speech.
pub(super) fn noise(material: &Material, random: &mut Random, len: usize) -> Vec<f32> {
    match *random.one_of(&[
        0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 4, 4, 5, 5, 6, 6, 6, 6, 7, 8, 9, 9, 9, 9,
    ]) {
        0 => repeated(random, len, (1.0, 5.0), (0.1, 0.8), knock),
        1 => repeated(random, len, (1.0, 5.0), (0.05, 0.6), breath),
        2 => coloured(random, len),
        3 => repeated(random, len, (5.0, 60.0), (0.005, 0.15), knock),
        9 => repeated(random, len, (1.0, 5.0), (0.1, 0.8), |random| {
            let hit: &Vec<f32> = random.one_of(&material.hits);
            varied(hit, random)
        }),
        4 => buzz(random, len),
        5 => cadence(random, len, &[(250.0, 3_400.0); 3]),
        6 => cadence(random, len, &[(600.0, 1_000.0), (1_100.0, 1_800.0)]),
        _ => sweep(random, len),
    }
}

/// Returns a recording with another speed, pitch and timbre.
pub(super) fn varied(recording: &[f32], random: &mut Random) -> Vec<f32> {
    let (speed, zero) = (random.between(0.85, 1.2), random.between(-0.8, 0.4));
    let mut last = 0.0;
    let sample = |at: usize| {
        let position = at as f32 * speed;
        let (index, part) = (position as usize, position.fract());
        let now = recording[index] * (1.0 - part) + recording[index + 1] * part;
        let sample = now + zero * last;
        last = now;
        sample
    };
    let len = ((recording.len() - 2) as f32 / speed) as usize;
    (0..len).map(sample).collect()
}

/// One to four resonances that fade, and noise that fades. Some have a long and quiet rest.
fn knock(random: &mut Random) -> Vec<f32> {
    let mut sound = vec![0.0; samples(0.6)];
    for _ in 0..*random.one_of(&[1, 1, 2, 3, 4]) {
        let octaves = random.between(0.0, 6.0);
        let (hz, fade) = (45.0 * octaves.exp2(), random.between(0.003, 0.08));
        let gain = random.between(0.1, 1.5);
        for (at, sample) in sound.iter_mut().enumerate() {
            let time = at as f32 / HZ;
            *sample += gain * (-time / fade).exp() * (TAU * hz * time).sin();
        }
    }
    let (fade, gain) = (random.between(0.002, 0.06), random.between(0.1, 1.5));
    let (rest, rest_fade) = (random.between(0.0, 0.3), random.between(0.03, 0.25));
    let pole = random.between(-0.3, 0.9);
    let mut state = 0.0;
    for (at, sample) in sound.iter_mut().enumerate() {
        let time = at as f32 / HZ;
        let envelope = (-time / fade).exp() + rest * (-time / rest_fade).exp();
        state = pole * state + (1.0 - pole.abs()) * random.white();
        *sample += gain * envelope * state;
    }
    sound
}

/// Noise of a mouth or nose, with random resonances. A third has a rough voice of up to 120 ms in it.
fn breath(random: &mut Random) -> Vec<f32> {
    let (rise, len) = (random.between(0.002, 0.05), random.between(0.04, 0.4));
    let fade = random.between(0.02, 0.15);
    let (voice_start, voice_end) = match *random.one_of(&[0, 1, 2]) {
        0 => {
            let start = random.between(0.0, len);
            (start, start + random.between(0.03, 0.12))
        }
        _ => (0.0, 0.0),
    };
    let (pitch, mut phase) = (random.between(90.0, 400.0), 0.0);
    let mut sound: Vec<f32> = (0..samples(len + 4.0 * fade))
        .map(|at| {
            let time = at as f32 / HZ;
            let envelope = (time / rise).min(1.0) * (-(time - len).max(0.0) / fade).exp();
            let mut excitation = random.white();
            if (voice_start..voice_end).contains(&time) {
                phase += pitch * random.between(0.8, 1.2) / HZ;
                excitation = 0.3 * excitation + if phase >= 1.0 { 6.0 } else { 0.0 };
                phase %= 1.0;
            }
            envelope * excitation
        })
        .collect();
    let raw = sound.clone();
    sound.iter_mut().for_each(|at| *at *= 0.3);
    for _ in 0..*random.one_of(&[1, 2, 3, 4]) {
        let mut resonance = raw.clone();
        let (hz, width) = (random.between(300.0, 3_400.0), random.between(80.0, 800.0));
        resonate(&mut resonance, hz, width);
        add(
            &mut sound,
            0,
            &resonance.iter().map(|at| 3.0 * at).collect::<Vec<_>>(),
        );
    }
    sound
}

/// Noise of a random colour, which can slowly swell.
fn coloured(random: &mut Random, len: usize) -> Vec<f32> {
    let (pole, zero) = (random.between(-0.6, 0.97), random.between(-0.9, 0.9));
    let (depth, hz) = (random.between(0.0, 0.6), random.between(0.1, 4.0));
    let (mut state, mut last) = (0.0, 0.0);
    (0..len)
        .map(|at| {
            state = pole * state + (1.0 - pole.abs()) * random.white();
            let sample = state + zero * last;
            last = state;
            sample * (1.0 + depth * (TAU * hz * at as f32 / HZ).sin())
        })
        .collect()
}

/// Harmonics of a constant pitch.
fn buzz(random: &mut Random, len: usize) -> Vec<f32> {
    let hz = *random.one_of(&[
        50.0,
        60.0,
        100.0,
        120.0,
        random.clone().between(45.0, 250.0),
    ]);
    let fall = random.between(0.3, 1.5);
    let count = random.between(1.0, 20.0) as u16;
    let mut sound = vec![0.0; len];
    for harmonic in 1..=count {
        let gain = random.between(0.1, 1.0) / f32::from(harmonic).powf(fall);
        let phase = random.between(0.0, TAU);
        for (at, sample) in sound.iter_mut().enumerate() {
            *sample += gain * (TAU * hz * f32::from(harmonic) * at as f32 / HZ + phase).sin();
        }
    }
    sound
}

/// Tones at random frequencies of these ranges, which are on and off. Each time can have others.
fn cadence(random: &mut Random, len: usize, ranges: &[(f32, f32)]) -> Vec<f32> {
    let (on, off) = (random.between(0.03, 1.0), random.between(0.03, 1.0));
    let count = if ranges.len() == 2 {
        2
    } else {
        *random.one_of(&[1, 1, 2, 3])
    };
    let changes = random.between(0.0, 1.0) < 0.5;
    let edge = random.between(0.0005, 0.01);
    let choose = |random: &mut Random| -> Vec<(f32, f32)> {
        let of = |(low, high): &(f32, f32)| (random.between(*low, *high), random.between(0.5, 1.0));
        ranges.iter().take(count).map(of).collect()
    };
    let mut tones = choose(random);
    let mut sound = Vec::new();
    while sound.len() < len {
        if changes {
            tones = choose(random);
        }
        sound.extend((0..samples(on + off)).map(|at| {
            let time = at as f32 / HZ;
            let envelope = (time / edge).min((on - time) / edge).clamp(0.0, 1.0);
            let tone = |(hz, gain): &(f32, f32)| gain * (TAU * hz * time).sin();
            envelope * tones.iter().map(tone).sum::<f32>()
        }));
    }
    sound.truncate(len);
    sound
}

/// A tone whose frequency rises and falls.
fn sweep(random: &mut Random, len: usize) -> Vec<f32> {
    let (low, high) = (
        random.between(300.0, 1_200.0),
        random.between(800.0, 3_000.0),
    );
    let (rate, mut phase) = (random.between(0.2, 6.0), 0.0);
    (0..len)
        .map(|at| {
            let part = 0.5 + 0.5 * (TAU * rate * at as f32 / HZ).sin();
            phase += (low + (high - low) * part) / HZ;
            (TAU * phase).sin()
        })
        .collect()
}
