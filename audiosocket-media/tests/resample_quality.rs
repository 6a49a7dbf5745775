//! The quality of resampling, measured with sines and compared with `sox`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/fit.rs"]
mod fit;
#[path = "common/sine.rs"]
mod sine;

use std::path::Path;

use audiosocket_media::{Resampler, SampleRate, pcm};
use fit::{decibels, fit};
use sine::sine;

/// The noise of rounding to 16 bits, in dB below a sine of full scale: 10 log10(1 / 12 / (2^30 / 2)).
const ROUNDING: f64 = -98.1;

/// An offset in Hz. The filter has nulls near multiples of 100 Hz, where results are too good.
const OFF_THE_NULLS: f64 = 47.3;

fn resampled(input: &[i16], from: u32, to: u32) -> Vec<i16> {
    let mut resampler = Resampler::between(from, to).unwrap();
    let mut output = Vec::new();
    resampler.push(input, &mut output);
    resampler.finish(&mut output);
    output
}

/// Resamples 0.25 s of a sine and returns the middle half of the output.
fn middle(hz: f64, from: SampleRate, to: SampleRate) -> Vec<i16> {
    let input = sine(hz, from.hz(), 0.9, from.hz() as usize / 4);
    let output = resampled(&input, from.hz(), to.hz());
    let quarter = output.len() / 4;
    output[quarter..3 * quarter].to_vec()
}

/// The rounding of the input and of the output to 16 bits adds noise at -98.1 dB each. Near fractions of the rate it is up
/// to 2 dB more. A rest below that sum shows that the resampling adds nothing audible.
#[test]
fn resampling_a_sine_adds_only_rounding_noise() {
    for from in SampleRate::ALL {
        for to in SampleRate::ALL {
            let band = f64::from(from.hz().min(to.hz())) / 2.0;
            for part in [0.03, 0.3, 0.6, 0.85] {
                let hz = band * part - OFF_THE_NULLS;
                let fit = fit(&middle(hz, from, to), hz, to.hz());
                let off = (fit.level - decibels(0.81)).abs();
                assert!(off < 0.3, "{from} to {to}, {hz} Hz: {fit:?}");
                let allowed = ROUNDING + 3.0 + 2.0;
                assert!(fit.rest < allowed, "{from} to {to}, {hz} Hz: {fit:?}");
            }
        }
    }
}

/// Near the end of the band a sine becomes quieter, but gets no aliasing.
#[test]
fn the_end_of_the_band_has_no_aliasing() {
    for (from, to) in [
        (SampleRate::Hz8000, SampleRate::Hz16000),
        (SampleRate::Hz16000, SampleRate::Hz8000),
        (SampleRate::Hz8000, SampleRate::Hz44100),
        (SampleRate::Hz48000, SampleRate::Hz44100),
    ] {
        let band = f64::from(from.hz().min(to.hz())) / 2.0;
        for step in 0..30 {
            let hz = band * (0.85 + 0.005 * f64::from(step));
            let fit = fit(&middle(hz, from, to), hz, to.hz());
            assert!(
                fit.rest < ROUNDING + 5.0,
                "{from} to {to}, {hz} Hz: {fit:?}"
            );
        }
    }
}

/// A sine above the band of the lower rate leaves no aliasing. Rounding can leave a sample of 1.
#[test]
fn audio_above_the_band_of_the_lower_rate_is_removed() {
    for (from, to) in [
        (SampleRate::Hz16000, SampleRate::Hz8000),
        (SampleRate::Hz48000, SampleRate::Hz8000),
        (SampleRate::Hz44100, SampleRate::Hz16000),
        (SampleRate::Hz48000, SampleRate::Hz44100),
    ] {
        let (half, top) = (f64::from(to.hz()) / 2.0, f64::from(from.hz()) / 2.0);
        for step in 0..40 {
            let hz = half + 3.3 + (top - half - 10.0) * f64::from(step) / 40.0;
            let output = middle(hz, from, to);
            let peak = output
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max()
                .unwrap();
            assert!(peak <= 1, "{from} to {to}, {hz} Hz: {peak}");
        }
    }
}

/// An impulse keeps its position, and the response is symmetric.
#[test]
fn the_output_is_aligned_with_the_input() {
    for (from, to) in [
        (8_000, 16_000),
        (16_000, 8_000),
        (8_000, 44_100),
        (44_100, 48_000),
    ] {
        let mut input = vec![0; from as usize];
        let at = input.len() / 2;
        input[at] = 30_000;
        let output = resampled(&input, from, to);
        let peak = output.len() / 2;
        for offset in 1..50 {
            let (before, after) = (output[peak - offset], output[peak + offset]);
            assert!(before.abs_diff(after) <= 1, "{from} to {to}, {offset}");
            assert!(output[peak] > before, "{from} to {to}, {offset}");
        }
    }
}

#[test]
fn peaks_above_full_scale_between_samples_are_clipped() {
    // The samples are at full scale. The crests are between two samples and 3 dB higher.
    let input: Vec<i16> = [32_767, 32_767, -32_768, -32_768].repeat(500);
    let output = resampled(&input, 8_000, 16_000);
    assert!(output.contains(&32_767) && output.contains(&-32_768));
    assert!(
        output
            .windows(2)
            .all(|pair| pair[0].abs_diff(pair[1]) < 60_000),
        "no sample wraps around"
    );
}

/// Returns 0.5 s of speech below 3.3 kHz that `sox -D ... rate -v` resampled. The script `tests/sox/make` made the files.
fn sox(rate: u32) -> Vec<i16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sox/{rate}.raw"));
    let mut samples = Vec::new();
    pcm::from_slin(&std::fs::read(path).unwrap(), &mut samples);
    samples
}

/// Returns the ratio of `expected` to the difference of both signals, in dB.
fn signal_to_difference(got: &[i16], expected: &[i16]) -> f64 {
    let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|s| s * s).sum::<f64>();
    let signal = power(&mut expected.iter().map(|sample| f64::from(*sample)));
    let difference = got.iter().zip(expected);
    let difference = power(&mut difference.map(|(a, b)| f64::from(*a) - f64::from(*b)));
    decibels(signal / difference)
}

/// Two correct resamplers that round to 16 bits differ by half a step in the mean. The limits here follow from that.
#[test]
fn resampled_speech_is_equal_to_that_of_sox() {
    for (from, to, least) in [
        (8_000, 16_000, 88.5),
        (16_000, 8_000, 93.5),
        (8_000, 44_100, 93.5),
        (44_100, 8_000, 96.5),
    ] {
        let (got, expected) = (resampled(&sox(from), from, to), sox(to));
        assert_eq!(got.len(), expected.len());
        let ratio = signal_to_difference(&got, &expected);
        assert!(ratio > least, "{from} to {to}: {ratio}");
    }
}
