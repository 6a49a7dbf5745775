//! Tones of the telephone network.

use std::collections::HashSet;
use std::f64::consts::TAU;

use audiosocket_media::SampleRate;
use audiosocket_media::tones::{Country, Tone, ToneName};

const NAMES: [ToneName; 4] = [
    ToneName::Dial,
    ToneName::Ringback,
    ToneName::Busy,
    ToneName::Congestion,
];

fn tone(country: &str, name: ToneName) -> Tone {
    Country::find(country).expect("a known code").tone(name)
}

fn all() -> impl Iterator<Item = Tone> {
    let countries = Country::all().iter();
    countries.flat_map(|country| NAMES.map(|name| country.tone(name)))
}

/// The peak of a frequency in samples, by the algorithm of Goertzel.
fn peak(samples: &[i16], rate: SampleRate, hz: f64) -> f64 {
    let (mut one, mut two) = (0.0, 0.0);
    let factor = 2.0 * (TAU * hz / f64::from(rate.hz())).cos();
    for sample in samples {
        (one, two) = (f64::from(*sample) + factor * one - two, one);
    }
    let power = one * one + two * two - factor * one * two;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64
}

/// The durations of tone and silence in milliseconds, from 5 ms parts.
fn cadence(tone: Tone, rate: SampleRate) -> Vec<(bool, usize)> {
    let samples: Vec<i16> = tone.audio(rate).samples().collect();
    let part = rate.hz() as usize / 200;
    let mut cadence: Vec<(bool, usize)> = Vec::new();
    for part in samples.chunks(part) {
        let is_tone = part.iter().any(|sample| *sample != 0);
        match cadence.last_mut() {
            Some((last, millis)) if *last == is_tone => *millis += 5,
            _ => cadence.push((is_tone, 5)),
        }
    }
    cadence
}

#[test]
fn tones_have_the_cadences_of_their_country() {
    let rate = SampleRate::Hz8000;
    for (country, name, expected) in [
        ("us", ToneName::Ringback, &[(true, 2000), (false, 4000)][..]),
        ("us", ToneName::Busy, &[(true, 500), (false, 500)]),
        ("de", ToneName::Busy, &[(true, 480), (false, 480)]),
        ("fr", ToneName::Ringback, &[(true, 1500), (false, 3500)]),
        ("jp", ToneName::Congestion, &[(true, 500), (false, 500)]),
        (
            "uk",
            ToneName::Ringback,
            &[(true, 400), (false, 200), (true, 400), (false, 2000)],
        ),
        ("uk", ToneName::Dial, &[(true, 1000)]),
    ] {
        assert_eq!(
            cadence(tone(country, name), rate),
            expected,
            "{country} {name:?}"
        );
    }
}

/// Only the frequencies of the tone are in it, with a peak of 8,000 together.
#[test]
fn tones_have_the_frequencies_of_their_country() {
    for rate in [SampleRate::Hz8000, SampleRate::Hz12000, SampleRate::Hz44100] {
        for (country, name, expected) in [
            ("us", ToneName::Dial, &[350, 440][..]),
            ("us", ToneName::Ringback, &[440, 480]),
            ("us", ToneName::Congestion, &[480, 620]),
            ("uk", ToneName::Ringback, &[400, 450]),
            ("de", ToneName::Ringback, &[425]),
            ("fr", ToneName::Dial, &[440]),
            ("jp", ToneName::Busy, &[400]),
        ] {
            let samples = tone(country, name).samples(rate);
            // 200 ms hold whole waves of these frequencies.
            let skipped = rate.hz() as usize / 100;
            let samples: Vec<i16> = samples.skip(skipped).take(rate.hz() as usize / 5).collect();
            for hz in [350, 400, 425, 440, 450, 480, 620, 1000] {
                let due = if expected.contains(&hz) {
                    8000.0 / expected.len() as f64
                } else {
                    0.0
                };
                let found = peak(&samples, rate, f64::from(hz));
                assert!(
                    (found - due).abs() < 20.0,
                    "{country} {name:?} {rate} {hz} Hz: {found}"
                );
            }
        }
    }
}

/// No step is larger than the steepest part of the waves. This includes the step from the last sample to the first one.
#[test]
fn tones_have_no_clicks_also_where_they_repeat() {
    for tone in all() {
        let samples: Vec<i16> = tone.audio(SampleRate::Hz8000).samples().collect();
        let pairs = samples.iter().zip(samples.iter().cycle().skip(1));
        let steepest = pairs.map(|(one, two)| one.abs_diff(*two)).max().unwrap();
        let bound = TAU * 620.0 / 8000.0 * 8000.0 + 40.0;
        assert!(f64::from(steepest) < bound, "{tone:?}: {steepest}");
    }
}

#[test]
fn the_samples_of_a_tone_repeat_its_audio_without_an_end() {
    let (rate, tone) = (SampleRate::Hz12000, tone("at", ToneName::Congestion));
    let audio: Vec<i16> = tone.audio(rate).samples().collect();
    assert_eq!(audio.len(), 12_000 * 4 / 10);
    let samples: Vec<i16> = tone.samples(rate).take(audio.len() * 3).collect();
    assert_eq!(samples, audio.repeat(3));
}

/// 167 ms are no whole number of samples at 44.1 kHz. The rounding errors do not add up.
#[test]
fn a_cadence_has_its_duration_at_each_rate() {
    for rate in SampleRate::ALL {
        let samples = tone("be", ToneName::Congestion).audio(rate).samples().len();
        assert_eq!(samples as u64, u64::from(rate.hz()) * 334 / 1000);
    }
}

#[test]
fn countries_are_found_by_their_code() {
    let codes: HashSet<_> = Country::all().iter().map(Country::code).collect();
    assert_eq!(codes.len(), Country::all().len());
    assert!(Country::all().is_sorted_by_key(Country::code));
    for country in Country::all() {
        assert_eq!(Country::find(country.code()), Some(country));
    }
    assert_eq!(Country::find("uk").unwrap().name(), "United Kingdom");
    assert_eq!(Country::find("UK"), None);
    assert_eq!(Country::find(""), None);
}
