//! The audio of a call as samples: decoded, held back, kept apart, and at its real rate.

#[path = "common/audio.rs"]
mod audio;
#[path = "common/frames.rs"]
mod frames;

use std::time::{Duration, Instant};

use audio::{noise, speech};
use audiosocket_media::{AudioDecoder, AudioWarning, Codec, Decoded, Law, SampleRate, pcm};
use audiosocket_proto::Audio;
use frames::{MS, encoded, sample};
use proptest::prelude::*;

/// All samples that `frames` give, which arrive `ptime` apart, and their latest rate.
fn decode(
    decoder: &mut AudioDecoder,
    frames: &[impl AsRef<[u8]>],
    ptime: Duration,
) -> (Vec<i16>, Option<SampleRate>) {
    let (mut all, mut latest) = (Vec::new(), None);
    let mut at = Instant::now();
    for frame in frames {
        let audio = Audio::new(SampleRate::Hz8000, frame.as_ref());
        if let Decoded::Samples { rate, samples } = decoder.push(audio, at) {
            all.extend_from_slice(samples);
            latest = Some(rate);
        }
        at += ptime;
    }
    (all, latest)
}

fn pieces(bytes: &[u8], len: usize) -> Vec<&[u8]> {
    bytes.chunks(len).collect()
}

#[test]
fn every_sample_of_linear_audio_and_g711_is_decoded() {
    let samples = speech(SampleRate::Hz8000);
    for codec in [Codec::Slin, Codec::G711(Law::A), Codec::G711(Law::Mu)] {
        let bytes = encoded(codec, &samples);
        let mut wanted = Vec::new();
        match codec {
            Codec::G711(law) => law.decode(&bytes, &mut wanted),
            _ => wanted.clone_from(&samples),
        }
        for ms in [10, 20, 30, 40, 60] {
            let frames = pieces(&bytes, bytes.len() / samples.len() * 8 * ms);
            let mut decoder = AudioDecoder::new();
            let (found, rate) = decode(&mut decoder, &frames, MS * ms as u32);
            assert!(found == wanted, "{codec} in frames of {ms} ms");
            assert_eq!(rate, Some(SampleRate::Hz8000));
            assert_eq!(decoder.codec(), Some(codec));
            assert!(decoder.is_rate_known());
            assert_eq!(decoder.take_warning(), None);
            // The same without detection.
            let mut decoder = AudioDecoder::new().with_codec(codec);
            assert!(decode(&mut decoder, &frames, MS * ms as u32).0 == wanted);
        }
    }
}

/// `slin16` is the audio that the encoder had.
#[test]
fn g722_is_decoded_at_16_khz() {
    let mut original = Vec::new();
    pcm::from_slin(&sample("slin16.voices.-20.20").concat(), &mut original);
    let mut decoder = AudioDecoder::new();
    let (found, rate) = decode(&mut decoder, &sample("g722.voices.-20.20"), 20 * MS);
    assert_eq!(rate, Some(SampleRate::Hz16000));
    assert_eq!(found.len(), original.len());
    // The filters of the encoder and the decoder delay the audio by 22 samples.
    let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|at| at * at).sum::<f64>();
    let pairs = || original.iter().zip(&found[22..]);
    let signal = power(&mut original.iter().map(|at| f64::from(*at)));
    let error = power(&mut pairs().map(|(one, other)| f64::from(*one) - f64::from(*other)));
    let decibels = 10.0 * (signal / error).log10();
    assert!(decibels > 15.0, "{decibels:.1} dB above the error");
}

#[test]
fn compressed_audio_gives_no_sample_and_one_warning_with_the_remedy() {
    for (name, codec) in [
        ("gsm.voices.-20.20", Codec::Gsm),
        ("opus24.voices.-20.20", Codec::Opus),
        ("opus64cbr.voices.-20.20", Codec::Opus),
        ("g729.voices.-20.20", Codec::G729),
        ("g726.voices.-20.20", Codec::G726),
        ("speex8.voices.-20.20", Codec::Speex),
    ] {
        let mut decoder = AudioDecoder::new();
        let (mut found, mut passed, mut at) = (None, 0, Instant::now());
        for frame in sample(name) {
            match decoder.push(Audio::new(SampleRate::Hz8000, &frame), at) {
                Decoded::NotLinear(codec) => found = Some(codec),
                Decoded::Samples { samples, .. } => {
                    passed += samples.iter().filter(|sample| **sample != 0).count();
                }
                _ => {}
            }
            at += 20 * MS;
        }
        assert_eq!(found, Some(codec), "{name}");
        // The first frame of Opus with a constant bit rate is silence, padded with zeros as slin is.
        assert!(passed <= 80, "{name}: {passed} samples");
        let warning = decoder.take_warning().expect("a warning");
        assert_eq!(warning, AudioWarning::NotLinear(codec));
        let text = warning.to_string();
        assert!(
            text.contains(codec.format_name()) && text.contains("c(slin)"),
            "{text}"
        );
        assert_eq!(decoder.take_warning(), None);
    }
}

#[test]
fn complete_silence_before_speech_is_silence_at_once() {
    for (byte, len) in [(0x00, 160), (0xff, 320), (0xd5, 320)] {
        let mut decoder = AudioDecoder::new();
        let frame = [byte; 320];
        let decoded = decoder.push(Audio::new(SampleRate::Hz8000, &frame), Instant::now());
        let silence = vec![0; len];
        let wanted = Decoded::Samples {
            rate: SampleRate::Hz8000,
            samples: &silence,
        };
        assert_eq!(decoded, wanted);
    }
}

/// Times of frames of `ptime`: five at once at the start, then in order with jitter, and a pause of
/// 40 s after each 200 frames.
fn times(ptime: Duration, count: u32) -> Vec<Instant> {
    let start = Instant::now();
    let mut pauses = Duration::ZERO;
    let mut jitter = noise(-10.0, count as usize).into_iter();
    let mut time = |frame: u32| {
        if frame < 5 {
            return start;
        }
        if frame.is_multiple_of(200) {
            pauses += Duration::from_secs(40);
        }
        let jitter = jitter.next().unwrap_or(0).unsigned_abs() % 9_000;
        start + pauses + ptime * (frame - 4) + Duration::from_micros(u64::from(jitter))
    };
    (0..count).map(&mut time).collect()
}

#[test]
fn the_rate_of_slin_is_known_from_the_times_of_the_frames() {
    for rate in SampleRate::ALL {
        for ms in [20, 30, 60] {
            let (mut decoder, ptime) = (AudioDecoder::new(), ms * MS);
            let samples = rate.samples_in(ptime) as usize;
            if samples * 2 > 65_535 {
                continue;
            }
            let bytes = encoded(Codec::Slin, &noise(-30.0, samples));
            let times = times(ptime, 400);
            let known = times.iter().position(|at| {
                decoder.push(Audio::new(SampleRate::Hz8000, &bytes), *at);
                decoder.is_rate_known()
            });
            let known = known.unwrap_or_else(|| panic!("{rate}, {ms} ms")) as u32;
            assert!(
                known * ptime < 1_100 * MS,
                "{rate}, {ms} ms: {known} frames"
            );
            let audio = Audio::new(SampleRate::Hz8000, &bytes);
            let Decoded::Samples { rate: found, .. } = decoder.push(audio, times[399]) else {
                panic!("not decoded");
            };
            assert_eq!(found, rate, "{ms} ms");
            let wide = rate != SampleRate::Hz8000;
            let warning = wide.then_some(AudioWarning::WideRate(rate));
            assert_eq!(decoder.take_warning(), warning);
        }
    }
}

/// The rate of each frame of slin at `rate`. The frames arrive at `times`, which are `ptime` apart.
fn rates(rate: SampleRate, ptime: Duration, times: &[Instant]) -> Vec<SampleRate> {
    let samples = rate.samples_in(ptime) as usize;
    let bytes = encoded(Codec::Slin, &noise(-30.0, samples));
    let (mut decoder, mut rates) = (AudioDecoder::new(), Vec::new());
    for at in times {
        let audio = Audio::new(SampleRate::Hz8000, &bytes);
        let Decoded::Samples { rate, samples } = decoder.push(audio, *at) else {
            panic!("{rate}: held");
        };
        assert_eq!(samples.len(), bytes.len() / 2);
        rates.push(rate);
    }
    rates
}

#[test]
fn wide_slin_has_its_rate_from_the_fourth_frame_on() {
    let start = Instant::now();
    let steady: Vec<_> = (0..60).map(|frame| start + frame * 20 * MS).collect();
    // Five frames at once, and the next one at a time of its own.
    let burst: Vec<_> = (0..60_u32)
        .map(|frame| start + frame.saturating_sub(4) * 20 * MS)
        .map(|at| if at > start { at - 7 * MS } else { at })
        .collect();
    for rate in [
        SampleRate::Hz12000,
        SampleRate::Hz16000,
        SampleRate::Hz24000,
        SampleRate::Hz32000,
        SampleRate::Hz44100,
        SampleRate::Hz48000,
    ] {
        for (times, narrow) in [(&steady, 3), (&burst, 8)] {
            let mut wanted = vec![SampleRate::Hz8000; narrow];
            wanted.resize(60, rate);
            assert_eq!(rates(rate, 20 * MS, times), wanted, "{rate}");
        }
    }
}

#[test]
fn jitter_never_makes_slin_at_8_khz_wide() {
    for ms in [10, 20, 30, 40, 60] {
        let rates = rates(SampleRate::Hz8000, ms * MS, &times(ms * MS, 400));
        assert_eq!(rates, [SampleRate::Hz8000; 400], "{ms} ms");
    }
}

/// A test client can send the next frame when the frame before has come back.
#[test]
fn frames_of_20_ms_that_come_faster_than_in_real_time_have_8_khz() {
    let bytes = encoded(Codec::Slin, &speech(SampleRate::Hz8000));
    for ms in [1, 4, 5, 7, 10, 13] {
        let mut decoder = AudioDecoder::new();
        let (found, rate) = decode(&mut decoder, &pieces(&bytes.repeat(4), 320), ms * MS);
        assert_eq!(rate, Some(SampleRate::Hz8000), "every {ms} ms");
        assert_eq!(found.len(), bytes.len() * 4 / 2, "every {ms} ms");
        assert_eq!(decoder.take_warning(), None, "every {ms} ms");
        assert!(decoder.is_rate_known() || ms == 1, "every {ms} ms");
    }
}

#[test]
fn the_rate_of_a_call_of_five_frames_is_the_likely_one() {
    let bytes = encoded(Codec::Slin, &noise(-30.0, 320));
    let mut decoder = AudioDecoder::new();
    decode(&mut decoder, &[&bytes; 5], 20 * MS);
    decoder.finish();
    let warning = AudioWarning::WideRate(SampleRate::Hz16000);
    assert_eq!(decoder.take_warning(), Some(warning));
}

#[test]
fn frames_that_arrive_all_at_once_have_8_khz() {
    let bytes = encoded(Codec::Slin, &speech(SampleRate::Hz8000));
    let (found, rate) = decode(
        &mut AudioDecoder::new(),
        &pieces(&bytes, 640),
        Duration::ZERO,
    );
    assert_eq!(rate, Some(SampleRate::Hz8000));
    assert_eq!(found.len(), bytes.len() / 2);
}

#[test]
fn an_input_rate_that_is_set_is_used_from_the_first_sample() {
    let mut decoder = AudioDecoder::new().with_input_rate(SampleRate::Hz16000);
    let (found, rate) = decode(&mut decoder, &[[1; 640]], 20 * MS);
    assert_eq!((found, rate), (vec![257; 320], Some(SampleRate::Hz16000)));
    assert!(decoder.is_rate_known());
}

#[test]
fn frames_of_wide_kinds_are_slin_at_the_rate_of_their_kind() {
    let mut decoder = AudioDecoder::new().with_codec(Codec::G711(Law::A));
    let wide = Audio::new(SampleRate::Hz16000, &[0xd5; 640]);
    let wanted = Decoded::Samples {
        rate: SampleRate::Hz16000,
        samples: &[-10_795; 320],
    };
    assert_eq!(decoder.push(wide, Instant::now()), wanted);
}

#[test]
fn a_frame_allocates_nothing() {
    let samples = speech(SampleRate::Hz8000);
    for codec in [Codec::Slin, Codec::G711(Law::Mu)] {
        let bytes = encoded(codec, &samples);
        let frames = pieces(&bytes, bytes.len() / samples.len() * 160);
        let mut decoder = AudioDecoder::new();
        let start = Instant::now();
        let (first, rest) = frames.split_at(60);
        for (frame, at) in first.iter().zip(0..) {
            decoder.push(Audio::new(SampleRate::Hz8000, frame), start + 20 * MS * at);
        }
        let allocations = allocation_counter::measure(|| {
            for (frame, at) in rest.iter().zip(60..) {
                decoder.push(Audio::new(SampleRate::Hz8000, frame), start + 20 * MS * at);
            }
        });
        assert_eq!(allocations.count_total, 0, "{codec}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Any bytes of any kind at any times: no panic, and no more samples than bytes allow.
    #[test]
    fn nothing_panics_and_samples_are_bounded(
        frames in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..700), 0_usize..9, 0_u32..400), 0..60)
    ) {
        let mut decoder = AudioDecoder::new();
        let start = Instant::now();
        for (payload, rate, at) in &frames {
            let audio = Audio::new(SampleRate::ALL[*rate], payload);
            if let Decoded::Samples { samples, .. } = decoder.push(audio, start + *at * MS) {
                prop_assert!(samples.len() <= 2 * (8_000 + payload.len()));
            }
        }
    }
}
