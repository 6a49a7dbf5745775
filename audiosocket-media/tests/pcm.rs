//! Conversions of samples to bytes, floats and channels, and back.

use audiosocket_media::pcm;
use proptest::prelude::*;

/// Returns the output of a function that appends to a buffer.
fn output_of<T>(append: impl FnOnce(&mut Vec<T>)) -> Vec<T> {
    let mut output = Vec::new();
    append(&mut output);
    output
}

fn every_sample() -> Vec<i16> {
    (i16::MIN..=i16::MAX).collect()
}

#[test]
fn floats_convert_back_to_the_same_samples() {
    let samples = every_sample();
    let floats = output_of(|floats| pcm::to_f32(&samples, floats));
    assert_eq!((floats[0], floats[65_535]), (-1.0, 32_767.0 / 32_768.0));
    assert_eq!(output_of(|again| pcm::from_f32(&floats, again)), samples);
}

#[test]
fn slin_converts_back_to_the_same_samples() {
    let samples = every_sample();
    let slin = output_of(|slin| pcm::to_slin(&samples, slin));
    assert_eq!(slin[..2], [0x00, 0x80], "the low byte is first");
    assert_eq!(output_of(|again| pcm::from_slin(&slin, again)), samples);
}

#[test]
fn an_odd_last_byte_is_ignored() {
    assert_eq!(
        output_of(|samples| pcm::from_slin(&[1, 0, 2], samples)),
        [1]
    );
    assert_eq!(output_of(|samples| pcm::from_slin(&[2], samples)), []);
}

#[test]
fn floats_are_clipped_and_rounded_to_the_nearest_sample() {
    let one = 1.0 / 32_768.0;
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let floats = [0.4, 0.6, 0.5, 1.5, -0.5, -0.6, -1.5].map(|float| float * one);
    assert_eq!(
        output_of(|out| pcm::from_f32(&floats, out)),
        [0, 1, 0, 2, 0, -1, -2]
    );
    let floats = [
        1.0,
        -1.0,
        1.1,
        -1.1,
        infinity,
        -infinity,
        nan,
        32_767.4 * one,
    ];
    assert_eq!(
        output_of(|out| pcm::from_f32(&floats, out)),
        [32_767, -32_768, 32_767, -32_768, 32_767, -32_768, 0, 32_767]
    );
}

#[test]
fn the_mean_of_channels_does_not_clip() {
    let stereo = [32_767, 32_767, -32_768, -32_768, 1, 2, -1, -2, 100, -100, 9];
    assert_eq!(
        output_of(|out| pcm::downmix(&stereo, 2, out)),
        [32_767, -32_768, 2, -1, 0]
    );
    let three = [-32_768, -32_768, -32_768, 1, 1, 2, -1, -1, -2, 1, 1, 1];
    assert_eq!(
        output_of(|out| pcm::downmix(&three, 3, out)),
        [-32_768, 1, -1, 1]
    );
}

#[test]
#[should_panic = "channels must be at least 1"]
fn zero_channels_panic() {
    pcm::downmix(&[1], 0, &mut Vec::new());
}

proptest! {
    #[test]
    fn upmix_then_downmix_returns_the_same_samples(mono: Vec<i16>, channels in 1_usize..9, before: Vec<i16>) {
        let mut interleaved = before.clone();
        pcm::upmix(&mono, channels, &mut interleaved);
        prop_assert_eq!(&interleaved[..before.len()], &before[..]);
        prop_assert_eq!(interleaved.len(), before.len() + mono.len() * channels);
        let again = output_of(|out| pcm::downmix(&interleaved[before.len()..], channels, out));
        prop_assert_eq!(again, mono);
    }

    #[test]
    fn two_channels_become_their_rounded_mean(stereo: Vec<i16>) {
        let mean = |frame: &[i16]| {
            (f64::midpoint(f64::from(frame[0]), f64::from(frame[1])) + 0.5).floor() as i16
        };
        let expected: Vec<_> = stereo.chunks_exact(2).map(mean).collect();
        prop_assert_eq!(output_of(|out| pcm::downmix(&stereo, 2, out)), expected);
    }

    #[test]
    fn every_float_becomes_the_nearest_sample(float: f32) {
        let exact = (f64::from(float) * 32_768.0).clamp(-32_768.0, 32_767.0);
        let nearest = exact.round_ties_even() as i16;
        prop_assert_eq!(output_of(|out| pcm::from_f32(&[float], out)), [nearest]);
    }
}
