//! What frames of kind `0x10` carry: speech, tones, noise and silence in slin and G.711, compressed
//! audio, and what a real Asterisk sent.

#[path = "common/audio.rs"]
mod audio;
#[path = "common/frames.rs"]
mod frames;
#[path = "common/gain.rs"]
mod gain;
#[path = "common/sine.rs"]
mod sine;

use std::time::{Duration, Instant};

use audio::{noise, speech};
use audiosocket_media::{Codec, CodecDetector, Law, SampleRate};
use frames::{MS, encoded, payloads, sample};
use gain::{mixed, scaled};
use proptest::prelude::*;
use sine::sine;

const LINEAR: [Codec; 3] = [Codec::Slin, Codec::G711(Law::Mu), Codec::G711(Law::A)];

/// 300 ms.
const SOME: usize = 2_400;

/// The codec that is found in frames that arrive `ptime` apart.
fn detected<'a>(frames: impl IntoIterator<Item = &'a [u8]>, ptime: Duration) -> Option<Codec> {
    let mut detector = CodecDetector::default();
    let mut at = Instant::now();
    for frame in frames {
        detector.push(frame, at);
        at += ptime;
    }
    detector.codec()
}

/// Asserts that 300 ms of `samples` are known for what they are, in each codec.
fn is_known(samples: &[i16], what: &str) {
    for codec in LINEAR {
        let bytes = encoded(codec, samples);
        // All at once: the bytes decide, not the clock.
        let found = detected([&bytes[..]], MS);
        assert_eq!(found, Some(codec), "{what} in {codec}");
    }
}

/// Twelve values of uniform noise add up to a good approximation of Gaussian noise.
fn gaussian(level: f64, len: usize) -> Vec<i16> {
    let uniform = noise(level - 6.0, 12 * len);
    let sums = uniform.as_chunks::<12>().0.iter();
    let sums = sums.map(|chunk| chunk.iter().map(|sample| f64::from(*sample)).sum::<f64>());
    sums.map(|sum| (sum * 2.0 / 12_f64.sqrt()).round() as i16)
        .collect()
}

/// Every 100 ms, from silence of the recording to the middle of a word, loud and quiet.
#[test]
fn speech_is_known_within_300_ms_and_never_taken_for_another_codec() {
    for gain in [0.0, -20.0] {
        let samples = scaled(&speech(SampleRate::Hz8000), gain);
        for start in (0..samples.len() - SOME).step_by(800) {
            for codec in LINEAR {
                let bytes = encoded(codec, &samples[start..start + SOME]);
                let found = detected(bytes.chunks(bytes.len() / 15), 20 * MS);
                assert_eq!(found, Some(codec), "from {start}, {gain} dB");
            }
        }
    }
}

#[test]
fn tones_are_known() {
    for hz in [25.0, 350.0, 440.0, 1_000.0, 1_477.0, 2_100.0, 3_000.0] {
        for level in [0.9, 0.3, 0.01] {
            let tone = sine(hz, 8_000, level, SOME);
            is_known(&tone, &format!("{hz} Hz at {level}"));
            // The two of a key, with the noise of a line.
            let two = mixed(
                &sine(1_336.0, 8_000, level / 2.0, SOME),
                &scaled(&tone, -6.0),
            );
            is_known(
                &mixed(&two, &gaussian(-60.0, SOME)),
                &format!("{hz} Hz at {level}, two"),
            );
        }
    }
}

#[test]
fn noise_is_known() {
    for level in [-80.0, -70.0, -60.0, -50.0, -40.0, -30.0, -20.0, -12.0] {
        is_known(&gaussian(level, 2 * SOME), &format!("{level} dB"));
    }
}

/// As slin, 0xff is as good a silence as in µ-law.
#[test]
fn a_repeated_byte_decides_nothing_by_itself() {
    for byte in 0..=255 {
        assert_eq!(detected([&[byte; 80_000][..]], MS), None, "{byte:#x}");
    }
    assert_eq!(detected([], MS), None);
}

#[test]
fn the_clock_decides_what_silence_is() {
    let silence = |byte: u8, len: usize| detected([&vec![byte; len][..]; 50], 20 * MS);
    assert_eq!(silence(0x00, 320), Some(Codec::Slin));
    assert_eq!(silence(0xff, 320), Some(Codec::Slin));
    assert_eq!(silence(0xff, 160), Some(Codec::G711(Law::Mu)));
    assert_eq!(silence(0x7f, 160), Some(Codec::G711(Law::Mu)));
    assert_eq!(silence(0xd5, 160), Some(Codec::G711(Law::A)));
    assert_eq!(silence(0x00, 160), None);
}

#[test]
fn compressed_audio_is_named_from_every_start_within_600_ms() {
    for (name, ptime, codec) in [
        ("g722.voices.-20.20", 20, Codec::G722),
        ("g726.voices.-20.20", 20, Codec::G726),
        ("gsm.voices.-20.20", 20, Codec::Gsm),
        ("gsm.voices.-20.60", 60, Codec::Gsm),
        ("g729.voices.-20.20", 20, Codec::G729),
        ("opus24.voices.-20.20", 20, Codec::Opus),
        ("opus40.voices.-20.60", 60, Codec::Opus),
        ("opus64cbr.voices.-20.20", 20, Codec::Opus),
        ("speex8.voices.-20.20", 20, Codec::Speex),
        ("speex16.voices.-20.20", 20, Codec::Speex),
    ] {
        let frames = sample(name);
        let some = 600 / ptime as usize;
        let mut right = 0;
        let starts = frames.len() - some;
        for start in 0..starts {
            let window = frames[start..start + some].iter().map(Vec::as_slice);
            let found = detected(window, ptime * MS);
            let found = found.unwrap_or_else(|| panic!("{name} from {start}: undecided"));
            assert!(!LINEAR.contains(&found), "{name} from {start}: {found}");
            right += usize::from(found == codec);
        }
        assert!(10 * right >= 7 * starts, "{name}: {right} of {starts}");
    }
}

#[test]
fn several_frames_at_once_are_known() {
    for (name, codec) in [
        ("gsm.voices.-20.20", Codec::Gsm),
        ("g722.voices.-20.20", Codec::G722),
        ("g726.voices.-20.20", Codec::G726),
    ] {
        for count in 1..=5 {
            let frames = sample(name);
            let joined: Vec<Vec<u8>> = frames.chunks(count).map(<[_]>::concat).collect();
            let found = detected(joined.iter().map(Vec::as_slice), 20 * MS * count as u32);
            assert_eq!(found, Some(codec), "{name}, {count} at once");
        }
    }
}

#[test]
fn random_bytes_are_compressed_audio() {
    let random: Vec<u8> = noise(-4.77, 20_000)
        .iter()
        .map(|sample| (sample >> 5) as u8)
        .collect();
    for len in [33, 40, 61, 160, 240] {
        // 40 bytes in 20 ms.
        let found = detected(random.chunks(len), MS * len as u32 / 2);
        let found = found.expect("a decision");
        assert!(!LINEAR.contains(&found), "{found}");
    }
}

#[test]
fn loud_white_noise_is_slin_by_the_clock() {
    let bytes = encoded(Codec::Slin, &noise(-4.77, 40_000));
    let mut detector = CodecDetector::default();
    let start = Instant::now();
    for (frame, at) in bytes.chunks(320).zip(0..) {
        let found = detector.push(frame, start + at * 20 * MS);
        assert!(found.is_none_or(|found| !matches!(found, Codec::G711(_))));
    }
    assert!(detector.codec().is_some());
}

/// A load generator that does not send in real time.
#[test]
fn loud_white_noise_of_any_rate_above_64_kbits_is_slin() {
    let bytes = encoded(Codec::Slin, &noise(-4.77, 40_000));
    for step in [MS, 7 * MS, 13 * MS, 27 * MS] {
        let found = detected(bytes.chunks(320), step);
        assert!(
            found.is_none_or(|found| found == Codec::Slin),
            "{step:?}: {found:?}"
        );
    }
}

#[test]
fn the_decision_does_not_change() {
    let mut detector = CodecDetector::default();
    let at = Instant::now();
    let alaw = encoded(
        Codec::G711(Law::A),
        &speech(SampleRate::Hz8000)[4_000..6_400],
    );
    assert_eq!(detector.push(&alaw, at), Some(Codec::G711(Law::A)));
    for frame in sample("gsm.voices.-20.20") {
        assert_eq!(detector.push(&frame, at), Some(Codec::G711(Law::A)));
    }
}

/// The captures of `audiosocket-proto`, which a real Asterisk sent, all under kind `0x10`.
#[test]
fn captures_of_a_real_asterisk_are_known() {
    for (name, codec) in [
        ("dial-slin", Codec::Slin),
        ("app-slin8", Codec::Slin),
        ("dial-ulaw", Codec::G711(Law::Mu)),
        ("dial-alaw", Codec::G711(Law::A)),
    ] {
        let frames = payloads(&format!("../audiosocket-proto/captures/{name}.bin"));
        let found = detected(frames.iter().map(Vec::as_slice), 20 * MS);
        assert_eq!(found, Some(codec), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Any bytes, in any pieces, at any times, even back in time.
    #[test]
    fn nothing_panics_and_the_decision_stays(
        frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..700), 0_u32..400), 0..40)
    ) {
        let mut detector = CodecDetector::default();
        let start = Instant::now();
        let mut decided = None;
        for (payload, at) in &frames {
            let found = detector.push(payload, start + *at * MS);
            prop_assert!(decided.is_none() || decided == found);
            decided = found;
        }
    }

    /// Slin and G.711 are never taken for another codec, in pieces of any length from 5 ms on.
    #[test]
    fn speech_in_odd_pieces_is_never_taken_for_another_codec(
        start in 0_usize..30_000, len in 80_usize..700, codec in prop::sample::select(&LINEAR[..])
    ) {
        let samples = &speech(SampleRate::Hz8000)[start..start + 1_600];
        let bytes = encoded(codec, samples);
        let found = detected(bytes.chunks(len), MS);
        prop_assert!(found.is_none() || found == Some(codec), "{found:?}");
    }
}
