//! The codec detector: speech, tones, noise and silence in all three encodings, and audio from a real Asterisk.

#[path = "common/audio.rs"]
mod audio;
#[path = "common/sine.rs"]
mod sine;

use std::path::Path;

use audio::{mixed, noise, scaled, speech};
use audiosocket_media::{CodecDetector, Encoding, Guess, Law, SampleRate, pcm};
use audiosocket_proto::{Frame, Message};
use sine::sine;

const ENCODINGS: [Encoding; 3] = [
    Encoding::Slin,
    Encoding::G711(Law::Mu),
    Encoding::G711(Law::A),
];

/// The number of samples in 300 ms.
const SOME: usize = 2_400;

fn encoded(encoding: Encoding, samples: &[i16]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match encoding {
        Encoding::G711(law) => law.encode(samples, &mut bytes),
        _ => pcm::to_slin(samples, &mut bytes),
    }
    bytes
}

fn guess(bytes: &[u8]) -> Guess {
    let mut detector = CodecDetector::default();
    detector.push(bytes);
    detector.guess()
}

/// Asserts that the detector finds every encoding of `samples`.
fn assert_detected(samples: &[i16], what: &str) {
    for encoding in ENCODINGS {
        let guess = guess(&encoded(encoding, samples));
        assert_eq!(guess.encoding, encoding, "{what}");
        assert!(guess.confidence > 0.99, "{what} in {encoding}: {guess:?}");
    }
}

/// Returns noise that is nearly Gaussian: each sample is the sum of twelve uniform values.
fn gaussian(level: f64, len: usize) -> Vec<i16> {
    let uniform = noise(level - 6.0, 12 * len);
    let sums = uniform.as_chunks::<12>().0.iter();
    let sums = sums.map(|chunk| chunk.iter().map(|sample| f64::from(*sample)).sum::<f64>());
    sums.map(|sum| (sum * 2.0 / 12_f64.sqrt()).round() as i16)
        .collect()
}

/// The pieces start every 50 ms, in silence and inside words, at two levels.
#[test]
fn speech_is_detected_within_300_ms_and_never_as_another_encoding() {
    for gain in [0.0, -20.0] {
        let samples = scaled(&speech(SampleRate::Hz8000), gain);
        for start in (0..samples.len() - SOME).step_by(400) {
            for encoding in ENCODINGS {
                let mut detector = CodecDetector::default();
                for frame in samples[start..start + SOME].chunks(160) {
                    detector.push(&encoded(encoding, frame));
                    let guess = detector.guess();
                    let wrong = guess.encoding != encoding;
                    assert!(
                        !wrong || guess.confidence < 0.8,
                        "{start} in {encoding}: {guess:?}"
                    );
                }
                let guess = detector.guess();
                assert_eq!(guess.encoding, encoding, "{start}");
                assert!(guess.confidence > 0.99, "{start} in {encoding}: {guess:?}");
            }
        }
    }
}

#[test]
fn tones_are_detected() {
    for hz in [25.0, 350.0, 440.0, 1_000.0, 1_477.0, 2_100.0, 3_000.0] {
        for level in [0.9, 0.3, 0.01] {
            let tone = sine(hz, 8_000, level, SOME);
            assert_detected(&tone, &format!("{hz} Hz at {level}"));
            // The two tones of a DTMF key, with the noise of a line.
            let two = mixed(
                &sine(1_336.0, 8_000, level / 2.0, SOME),
                &scaled(&tone, -6.0),
            );
            assert_detected(
                &mixed(&two, &gaussian(-60.0, SOME)),
                &format!("{hz} Hz at {level}, two"),
            );
        }
    }
}

#[test]
fn noise_is_detected() {
    for level in [-80.0, -70.0, -60.0, -50.0, -40.0, -30.0, -20.0, -12.0] {
        assert_detected(&gaussian(level, 2 * SOME), &format!("{level} dB"));
    }
}

/// The byte 0xff is silence in slin and in µ-law, so even a long silence is no evidence.
#[test]
fn silence_gives_no_confidence() {
    for byte in 0..=255 {
        assert_eq!(guess(&[byte; 80_000]).confidence, 0.0, "{byte:#x}");
    }
    assert_eq!(guess(&[]).confidence, 0.0);
}

#[test]
fn bytes_of_another_codec_give_low_confidence() {
    // In compressed audio, all bytes have the same probability.
    let random: Vec<u8> = noise(-4.77, 20_000)
        .iter()
        .map(|sample| (sample >> 5) as u8)
        .collect();
    let guess = guess(&random);
    assert!(guess.confidence < 0.5, "{guess:?}");
}

#[test]
fn the_guess_does_not_depend_on_how_the_bytes_are_cut() {
    let bytes = encoded(Encoding::Slin, &speech(SampleRate::Hz8000)[..SOME]);
    let mut detector = CodecDetector::default();
    bytes.chunks(77).for_each(|piece| detector.push(piece));
    assert_eq!(detector.guess(), guess(&bytes));
}

#[test]
fn an_encoding_decodes_with_its_own_decoder() {
    let samples = speech(SampleRate::Hz8000);
    let (mut decoded, mut expected) = (Vec::new(), Vec::new());
    let codes = encoded(Encoding::G711(Law::A), &samples);
    Encoding::G711(Law::A).decode(&codes, &mut decoded);
    Law::A.decode(&codes, &mut expected);
    assert_eq!(decoded, expected);
    decoded.clear();
    Encoding::Slin.decode(&encoded(Encoding::Slin, &samples), &mut decoded);
    assert_eq!(decoded, samples);
}

/// A real Asterisk sent the captures of `audiosocket-proto`, all with kind `0x10`.
#[test]
fn audio_from_asterisk_is_detected() {
    for (name, encoding) in [
        ("dial-slin", Encoding::Slin),
        ("app-slin8", Encoding::Slin),
        ("dial-ulaw", Encoding::G711(Law::Mu)),
        ("dial-alaw", Encoding::G711(Law::A)),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audiosocket-proto/captures");
        let capture = std::fs::read(folder.join(name).with_extension("bin"))
            .expect("the capture is readable");
        let (mut rest, mut detector) = (&capture[..], CodecDetector::default());
        while let Some(frame) = Frame::split_first(&mut rest) {
            if let Ok(Message::Audio(audio)) = Message::parse(frame) {
                detector.push(audio.payload());
            }
        }
        let guess = detector.guess();
        assert_eq!(guess.encoding, encoding, "{name}");
        assert!(guess.confidence > 0.99, "{name}: {guess:?}");
    }
}
