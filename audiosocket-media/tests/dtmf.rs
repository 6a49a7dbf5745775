//! Detection of keys: the usual tests of receivers, and speech without keys. Tones that are made.

#[path = "common/audio.rs"]
mod audio;
#[path = "common/key_signal.rs"]
mod key_signal;
#[path = "common/sine.rs"]
mod sine;

use std::time::Duration;

use audio::{noise, speech};
use audiosocket_media::dtmf::{DtmfDetector, DtmfEvent, DtmfToneOptions, UnknownKey, dtmf_tones};
use audiosocket_media::{Law, SampleRate};
use audiosocket_proto::DtmfDigit;
use key_signal::{KeySignal, found, score};
use proptest::prelude::*;
use sine::sine;

const RATE: SampleRate = SampleRate::Hz8000;

#[track_caller]
fn assert_found(signal: KeySignal) {
    let score = signal.score();
    assert!(score.is_perfect(), "{signal:?}: {score:?}");
}

#[track_caller]
fn assert_not_found(signal: KeySignal) {
    let score = signal.score();
    assert!(score.is_silent(), "{signal:?}: {score:?}");
}

#[test]
fn tones_of_40_ms_with_pauses_of_40_ms_are_keys() {
    assert_found(KeySignal::default());
    for law in [Law::Mu, Law::A] {
        assert_found(KeySignal {
            law: Some(law),
            ..KeySignal::default()
        });
    }
}

#[test]
fn tones_are_keys_at_every_rate() {
    for rate in SampleRate::ALL {
        assert_found(KeySignal {
            rate,
            rounds: 1,
            ..KeySignal::default()
        });
    }
}

#[test]
fn levels_from_minus_36_to_0_dbm0_are_keys_and_minus_55_is_none() {
    for level in [0.0, -3.0, -25.0, -36.0] {
        for law in [Law::Mu, Law::A] {
            let law = Some(law);
            assert_found(KeySignal {
                low: level,
                high: level,
                law,
                rounds: 2,
                ..KeySignal::default()
            });
        }
    }
    assert_not_found(KeySignal {
        low: -55.0,
        high: -55.0,
        ..KeySignal::default()
    });
}

#[test]
fn the_high_tone_can_be_4_db_louder_and_8_db_quieter() {
    for twist in [4.0, -8.0] {
        assert_found(KeySignal {
            high: -20.0 + twist,
            low: -20.0,
            ..KeySignal::default()
        });
    }
    for twist in [9.0, -13.0] {
        assert_not_found(KeySignal {
            high: -20.0 + twist,
            low: -20.0,
            ..KeySignal::default()
        });
    }
}

#[test]
fn frequencies_are_keys_at_a_deviation_of_1_8_percent_and_none_at_3_5() {
    for deviation in [1.8, -1.8] {
        let low = KeySignal {
            low_deviation: deviation,
            ..KeySignal::default()
        };
        for signal in [
            low,
            KeySignal {
                high_deviation: deviation,
                ..low
            },
            KeySignal {
                high_deviation: -deviation,
                ..low
            },
        ] {
            assert_found(KeySignal {
                rounds: 2,
                ..signal
            });
        }
    }
    for deviation in [3.5, -3.5] {
        let long = KeySignal {
            tone_ms: 300.0,
            rounds: 1,
            ..KeySignal::default()
        };
        assert_not_found(KeySignal {
            low_deviation: deviation,
            ..long
        });
        assert_not_found(KeySignal {
            high_deviation: deviation,
            ..long
        });
    }
}

#[test]
fn tones_of_23_ms_are_no_keys() {
    for tone_ms in [10.0, 20.0, 23.0] {
        assert_not_found(KeySignal {
            tone_ms,
            ..KeySignal::default()
        });
    }
}

#[test]
fn an_interruption_of_10_ms_makes_no_second_key() {
    for interruption_ms in [3.0, 10.0] {
        assert_found(KeySignal {
            tone_ms: 100.0,
            interruption_ms,
            ..KeySignal::default()
        });
    }
}

#[test]
fn noise_15_db_below_and_a_dial_tone_hide_no_key() {
    assert_found(KeySignal {
        noise_below: Some(15.0),
        ..KeySignal::default()
    });
    for tones in [&[350.0, 440.0][..], &[425.0], &[400.0], &[450.0]] {
        let dial_tone = Some((tones, -12.0));
        assert_found(KeySignal {
            dial_tone,
            ..KeySignal::default()
        });
    }
}

#[test]
fn starts_and_durations_are_exact_to_5_ms() {
    for rate in [RATE, SampleRate::Hz16000, SampleRate::Hz44100] {
        for tone_ms in [50.0, 63.0, 400.0] {
            let signal = KeySignal {
                rate,
                tone_ms,
                rounds: 1,
                ..KeySignal::default()
            };
            let (samples, presses) = signal.make();
            let found = found(rate, &samples);
            assert!(score(&presses, &found, rate).is_perfect());
            for (press, (_, at, duration)) in presses.iter().zip(&found) {
                let ms = |samples: usize| samples as f64 * 1_000.0 / f64::from(rate.hz());
                let (start, duration) = (ms(*at) - ms(press.at.start), ms(*duration) - tone_ms);
                assert!(
                    start.abs() < 5.0 && duration.abs() < 8.0,
                    "{signal:?}: {start} {duration}"
                );
            }
        }
    }
}

#[test]
fn a_key_is_reported_while_it_is_held_and_its_end_later() {
    let (samples, presses) = KeySignal {
        tone_ms: 1_000.0,
        rounds: 1,
        ..KeySignal::default()
    }
    .make();
    let press = &presses[0];
    let (mut detector, mut events) = (DtmfDetector::new(RATE), Vec::new());
    detector.push(&samples[..press.at.start + 400], &mut events);
    let digit = DtmfDigit::new(press.key);
    assert!(
        matches!(events[..], [DtmfEvent::ToneStarted { .. }]),
        "{events:?}"
    );
    assert_eq!(detector.pressed(), digit);
    detector.push(
        &samples[press.at.start + 400..press.at.end + 320],
        &mut events,
    );
    assert!(
        matches!(events[1..], [DtmfEvent::ToneEnded { .. }]),
        "{events:?}"
    );
    assert_eq!(detector.pressed(), None);
}

#[test]
fn speech_noise_and_the_tones_of_a_line_are_no_keys() {
    assert_eq!(found(RATE, &speech(RATE)), []);
    assert_eq!(found(RATE, &noise(-20.0, 80_000)), []);
    for tones in [
        [350.0, 440.0],     // dial tone
        [440.0, 480.0],     // ringback
        [480.0, 620.0],     // busy
        [425.0, 425.0],     // the same in Europe
        [950.0, 1_400.0],   // special information
        [1_100.0, 2_100.0], // fax
        [697.0, 697.0],     // a row alone
        [1_209.0, 1_209.0], // a column alone
        [697.0, 770.0],     // two rows
        [733.0, 1_272.0],   // between the keys
        [0.0, 0.0],         // silence
    ] {
        let [one, other] = tones.map(|hz| sine(hz, 8_000, 0.2, 16_000));
        let sum: Vec<i16> = one
            .iter()
            .zip(&other)
            .map(|(one, other)| one + other)
            .collect();
        assert_eq!(found(RATE, &sum), [], "{tones:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn events_do_not_depend_on_how_the_audio_is_cut(
        cuts in prop::collection::vec(1_usize..1_500, 1..50),
        wide in any::<bool>(),
    ) {
        let rate = if wide { SampleRate::Hz16000 } else { RATE };
        let (samples, _) = KeySignal { rate, rounds: 1, ..KeySignal::default() }.make();
        let mut whole = Vec::new();
        DtmfDetector::new(rate).push(&samples, &mut whole);
        let (mut detector, mut events) = (DtmfDetector::new(rate), Vec::new());
        let (mut rest, mut cuts) = (&samples[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(cuts.next().copied().unwrap_or(1)));
            detector.push(now, &mut events);
            rest = later;
        }
        prop_assert_eq!(events, whole);
    }

    #[test]
    fn random_samples_cause_no_panic(samples in prop::collection::vec(any::<i16>(), 0..4_000)) {
        let mut events = Vec::new();
        for rate in [RATE, SampleRate::Hz48000] {
            DtmfDetector::new(rate).push(&samples, &mut events);
        }
    }
}

#[test]
fn a_push_allocates_nothing() {
    for rate in [RATE, SampleRate::Hz16000] {
        let (samples, _) = KeySignal {
            rate,
            rounds: 1,
            ..KeySignal::default()
        }
        .make();
        let (mut detector, mut events) = (DtmfDetector::new(rate), Vec::with_capacity(200));
        let mut frames = samples.chunks(rate.hz() as usize / 50);
        (&mut frames)
            .take(4)
            .for_each(|frame| detector.push(frame, &mut events));
        let count = allocation_counter::measure(|| {
            frames.for_each(|frame| detector.push(frame, &mut events));
        });
        assert_eq!(count.count_total, 0, "{rate}");
        assert_eq!(events.len(), 32);
    }
}

#[test]
fn the_tones_that_are_made_are_keys() {
    let keys = "123A456B789C*0#D";
    let shortest =
        DtmfToneOptions::default().durations(Duration::from_millis(40), Duration::from_millis(40));
    for rate in SampleRate::ALL {
        for options in [
            DtmfToneOptions::default(),
            shortest.levels(-3.0, -3.0),
            shortest.levels(-36.0, -34.0),
        ] {
            let audio = dtmf_tones(keys, rate, options).unwrap();
            assert_eq!(
                audio.duration(),
                16 * (options.tone + options.pause),
                "{rate}"
            );
            let mut samples: Vec<i16> = audio.samples().collect();
            samples.resize(samples.len() + rate.hz() as usize / 10, 0);
            let found: Vec<u8> = found(rate, &samples).iter().map(|(key, ..)| *key).collect();
            assert_eq!(found, keys.as_bytes(), "{rate} {options:?}");
        }
    }
}

#[test]
fn tones_have_their_levels_and_do_not_click() {
    let options = DtmfToneOptions::default().levels(-10.0, -100.0);
    let audio = dtmf_tones("1", RATE, options).unwrap();
    let samples: Vec<i16> = audio.samples().collect();
    let middle = &samples[100..700];
    let squares: f64 = middle.iter().map(|at| f64::from(*at).powi(2)).sum();
    // A sine at 0 dBm0 is at -3.14 dB of full scale, and its power is half that of its peak.
    let level = 10.0 * (2.0 * squares / middle.len() as f64 / 32_768_f64.powi(2)).log10();
    assert!((level + 13.14).abs() < 0.1, "{level}");
    assert!(samples[0].abs() < 100 && samples[799].abs() < 100);
}

#[test]
fn a_character_that_is_no_key_is_an_error_with_the_keys() {
    let error = dtmf_tones("12e", RATE, DtmfToneOptions::default()).unwrap_err();
    assert!(matches!(error, UnknownKey { key: 'e', .. }));
    assert_eq!(
        error.to_string(),
        "'e' is not one of the keys 0 to 9, *, # and A to D"
    );
    assert!(dtmf_tones("✱", RATE, DtmfToneOptions::default()).is_err());
}
