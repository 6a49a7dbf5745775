//! Detection of speech: in bursts of noise with known starts, and in real speech.

#[path = "common/audio.rs"]
mod audio;
#[path = "common/gain.rs"]
mod gain;
#[path = "common/sine.rs"]
mod sine;

use std::time::Duration;

use audio::{noise, speech};
use audiosocket_media::SampleRate;
use audiosocket_media::vad::{EnergyOptions, EnergyVad, Timing, VadEvent};
use gain::{mixed, scaled};
use proptest::prelude::*;
use sine::sine;

const RATE: SampleRate = SampleRate::Hz8000;
const SECOND: usize = 8_000;

/// An event and its position in milliseconds.
type Report = (&'static str, u64);

fn report(event: &VadEvent, rate: SampleRate) -> Report {
    let (what, at) = match *event {
        VadEvent::SpeechStarted { at, .. } => ("started", at),
        VadEvent::SpeechEnded { at, .. } => ("ended", at),
        _ => panic!("{event:?}"),
    };
    (what, rate.duration_of(at).as_millis() as u64)
}

fn energy_with(options: EnergyOptions, samples: &[i16]) -> Vec<Report> {
    let mut vad = EnergyVad::new(RATE, options);
    let mut events = Vec::new();
    vad.push(samples, &mut events);
    events.iter().map(|event| report(event, RATE)).collect()
}

fn energy(samples: &[i16]) -> Vec<Report> {
    energy_with(EnergyOptions::default(), samples)
}

/// Returns a second of noise for each level, in dB of full scale.
fn seconds(levels: &[f64]) -> Vec<i16> {
    levels
        .iter()
        .flat_map(|level| noise(*level, SECOND))
        .collect()
}

#[test]
fn a_burst_has_a_start_and_an_end() {
    let expected = [("started", 1_000), ("ended", 2_000)];
    assert_eq!(energy(&seconds(&[-200.0, -20.0, -200.0])), expected);
    assert_eq!(energy(&seconds(&[-60.0, -30.0, -60.0])), expected);
    let burst = sine(1_000.0, 8_000, 0.1, SECOND);
    let samples = [noise(-60.0, SECOND), burst, noise(-60.0, SECOND)].concat();
    assert_eq!(energy(&samples), expected);
}

#[test]
fn speech_at_the_start_of_a_call_is_detected() {
    assert_eq!(energy(&seconds(&[-30.0])), [("started", 0)]);
    let samples = speech(RATE);
    assert_eq!(energy(&samples)[0].0, "started");
}

#[test]
fn events_are_reported_after_attack_and_hang_over() {
    let mut vad = EnergyVad::new(RATE, EnergyOptions::default());
    let (mut events, mut reported) = (Vec::new(), Vec::new());
    for (at, sample) in seconds(&[-60.0, -20.0, -60.0]).iter().enumerate() {
        let before = events.len();
        vad.push(&[*sample], &mut events);
        if events.len() > before {
            reported.push((at + 1) / 8);
            assert_eq!(vad.is_speaking(), before == 0);
        }
    }
    assert_eq!(reported, [1_000 + 60, 2_000 + 400]);
}

#[test]
fn clicks_shorter_than_the_attack_are_ignored() {
    let clicks: Vec<i16> = (0..20)
        .flat_map(|_| [noise(-10.0, 400), noise(-70.0, 2_000)].concat())
        .collect();
    assert_eq!(energy(&clicks), []);
    let timing = Timing::default().attack(Duration::from_millis(40));
    assert_ne!(
        energy_with(EnergyOptions::default().timing(timing), &clicks),
        []
    );
}

#[test]
fn a_pause_shorter_than_the_hang_over_does_not_end_speech() {
    let phrase = [noise(-20.0, SECOND / 2), noise(-70.0, 3_100)].concat();
    let samples = [phrase.repeat(4), noise(-70.0, SECOND)].concat();
    let end = 4 * (500 + 387) - 387;
    let events = energy(&samples);
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(
        events[1].1.abs_diff(end) <= 10,
        "{events:?}, expected an end at {end} ms"
    );
}

/// A level between the two margins starts no speech and ends no speech.
#[test]
fn a_level_between_the_margins_changes_nothing() {
    let options = EnergyOptions::default().margins(12.0, 4.0).rise(1.0);
    let wavering = seconds(&[-32.0, -31.0]);
    let learning = noise(-40.0, 25 * SECOND);
    let alone = energy_with(options, &[learning.clone(), wavering.clone()].concat());
    assert_eq!(
        alone.len(),
        2,
        "the noise is speech until it is learned: {alone:?}"
    );
    let samples = [
        learning,
        noise(-20.0, SECOND),
        wavering,
        noise(-40.0, SECOND),
    ]
    .concat();
    let spoken = energy_with(options, &samples);
    assert_eq!(spoken[2..], [("started", 25_000), ("ended", 28_000)]);
}

#[test]
fn audio_below_the_minimum_level_is_never_speech() {
    assert_eq!(energy(&seconds(&[-200.0, -50.0, -200.0, -49.0])), []);
}

#[test]
fn constant_noise_is_learned() {
    // New noise, such as cars, is speech at first. The detector learns it within six seconds.
    let events = energy(&noise(-35.0, 15 * SECOND));
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[1].1 < 6_000, "{events:?}");
    // After that, louder speech is detected.
    let speaking = [
        noise(-35.0, 15 * SECOND),
        noise(-15.0, SECOND),
        noise(-35.0, SECOND),
    ]
    .concat();
    assert_eq!(
        energy(&speaking)[2..],
        [("started", 15_000), ("ended", 16_000)]
    );
}

#[test]
fn a_dc_offset_is_silence() {
    assert_eq!(energy(&[8_000; 3 * SECOND]), []);
}

/// The speech of the recording starts at 70 ms and fades out from 4.3 s on.
#[test]
fn the_start_and_end_of_real_speech_are_found() {
    let silence = |level| noise(level, SECOND);
    for (noise_level, gain) in [(-200.0, 0.0), (-65.0, 0.0), (-60.0, -12.0), (-50.0, -6.0)] {
        let spoken = scaled(&speech(RATE), gain);
        let line = noise(noise_level, spoken.len());
        let samples = [
            silence(noise_level),
            mixed(&spoken, &line),
            silence(noise_level),
        ]
        .concat();
        let events = energy(&samples);
        let [("started", start), ("ended", end)] = events[..] else {
            panic!("{noise_level} dB, {gain} dB: {events:?}");
        };
        assert!((1_040..1_150).contains(&start), "{events:?}");
        assert!((5_150..5_620).contains(&end), "{events:?}");
    }
}

#[test]
fn the_events_are_the_same_at_every_rate() {
    for rate in SampleRate::ALL {
        let second = rate.hz() as usize;
        let samples = [
            noise(-60.0, second),
            noise(-20.0, second),
            noise(-60.0, second),
        ]
        .concat();
        let mut events = Vec::new();
        EnergyVad::new(rate, EnergyOptions::default()).push(&samples, &mut events);
        let events: Vec<_> = events.iter().map(|event| report(event, rate)).collect();
        assert_eq!(events, [("started", 1_000), ("ended", 2_000)], "{rate}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn events_do_not_depend_on_how_the_audio_is_cut(
        levels in prop::collection::vec(-70.0..-10.0, 1..8),
        cuts in prop::collection::vec(1_usize..1_500, 1..50),
    ) {
        let samples: Vec<i16> = levels.iter().flat_map(|level| noise(*level, 3_001)).collect();
        let mut whole = Vec::new();
        let options = EnergyOptions::default();
        let mut vad = EnergyVad::new(RATE, options);
        vad.push(&samples, &mut whole);
        let mut events = Vec::new();
        let mut cut = EnergyVad::new(RATE, options);
        let (mut rest, mut cuts) = (&samples[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(cuts.next().copied().unwrap_or(1)));
            cut.push(now, &mut events);
            rest = later;
        }
        prop_assert_eq!(events, whole);
        prop_assert!(cut.noise() == vad.noise());
    }
}

#[cfg(feature = "earshot")]
mod speech_vad {
    use audiosocket_media::vad::{SpeechOptions, SpeechVad};

    use super::*;

    fn reports(samples: &[i16], rate: SampleRate, cut: usize) -> Vec<Report> {
        let mut vad = SpeechVad::new(rate, SpeechOptions::default());
        let mut events = Vec::new();
        for piece in samples.chunks(cut) {
            vad.push(piece, &mut events);
        }
        events.iter().map(|event| report(event, rate)).collect()
    }

    #[test]
    fn real_speech_is_detected_in_loud_noise() {
        let silence = noise(-35.0, 2 * SECOND);
        let spoken = speech(RATE);
        let line = noise(-35.0, spoken.len());
        let samples = [silence.clone(), mixed(&spoken, &line), silence].concat();
        let events = reports(&samples, RATE, 160);
        let [("started", start), ("ended", end)] = events[..] else {
            panic!("{events:?}");
        };
        assert!((2_000..2_300).contains(&start), "{events:?}");
        assert!((6_000..6_800).contains(&end), "{events:?}");
        assert_eq!(reports(&samples, RATE, 7), events, "with another cut");
    }

    #[test]
    fn loud_noise_and_tones_are_not_speech() {
        for level in [-200.0, -60.0, -40.0, -20.0, -10.0] {
            assert_eq!(reports(&noise(level, 4 * SECOND), RATE, 160), [], "{level}");
        }
        for hz in [350.0, 440.0, 1_000.0] {
            let tone = sine(hz, 8_000, 0.3, 4 * SECOND);
            assert_eq!(reports(&tone, RATE, 160), [], "{hz}");
        }
    }

    #[test]
    fn the_events_are_the_same_at_every_rate() {
        for rate in SampleRate::ALL {
            let spoken = speech(rate);
            let silence = vec![0; rate.hz() as usize];
            let events = reports(&[&silence[..], &spoken, &silence].concat(), rate, 500);
            let [("started", start), ("ended", end)] = events[..] else {
                panic!("{rate}: {events:?}");
            };
            assert!((1_000..1_300).contains(&start), "{rate}: {events:?}");
            assert!((5_000..5_800).contains(&end), "{rate}: {events:?}");
        }
    }
}
