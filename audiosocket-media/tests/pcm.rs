//! Samples in other shapes, and back.

use audiosocket_media::pcm;
use proptest::prelude::*;

/// What `append` makes of nothing; that it appends is tested once for all.
fn made<T>(append: impl FnOnce(&mut Vec<T>)) -> Vec<T> {
    let mut made = Vec::new();
    append(&mut made);
    made
}

fn every_sample() -> Vec<i16> {
    (i16::MIN..=i16::MAX).collect()
}

#[test]
fn every_sample_comes_back_from_floating_point() {
    let samples = every_sample();
    let floats = made(|floats| pcm::to_f32(&samples, floats));
    assert_eq!((floats[0], floats[65_535]), (-1.0, 32_767.0 / 32_768.0));
    assert_eq!(made(|again| pcm::from_f32(&floats, again)), samples);
}

#[test]
fn every_sample_comes_back_from_bytes() {
    let samples = every_sample();
    let slin = made(|slin| pcm::to_slin(&samples, slin));
    assert_eq!(slin[..2], [0x00, 0x80], "the low byte first");
    assert_eq!(made(|again| pcm::from_slin(&slin, again)), samples);
}

#[test]
fn an_odd_byte_is_left_out() {
    assert_eq!(made(|samples| pcm::from_slin(&[1, 0, 2], samples)), [1]);
    assert_eq!(made(|samples| pcm::from_slin(&[2], samples)), []);
}

#[test]
fn floats_are_clipped_and_rounded_to_the_nearest() {
    let one = 1.0 / 32_768.0;
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let floats = [0.4, 0.6, 0.5, 1.5, -0.5, -0.6, -1.5].map(|float| float * one);
    assert_eq!(
        made(|out| pcm::from_f32(&floats, out)),
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
        made(|out| pcm::from_f32(&floats, out)),
        [32_767, -32_768, 32_767, -32_768, 32_767, -32_768, 0, 32_767]
    );
}

#[test]
fn the_mean_neither_clips_nor_drifts() {
    let stereo = [32_767, 32_767, -32_768, -32_768, 1, 2, -1, -2, 100, -100, 9];
    assert_eq!(
        made(|out| pcm::downmix(&stereo, 2, out)),
        [32_767, -32_768, 2, -1, 0]
    );
    let three = [-32_768, -32_768, -32_768, 1, 1, 2, -1, -1, -2, 1, 1, 1];
    assert_eq!(
        made(|out| pcm::downmix(&three, 3, out)),
        [-32_768, 1, -1, 1]
    );
}

#[test]
#[should_panic = "at least one channel"]
fn no_channels_are_a_bug_of_the_caller() {
    pcm::downmix(&[1], 0, &mut Vec::new());
}

proptest! {
    #[test]
    fn what_was_mono_is_mono_again(mono: Vec<i16>, channels in 1_usize..9, before: Vec<i16>) {
        let mut interleaved = before.clone();
        pcm::upmix(&mono, channels, &mut interleaved);
        prop_assert_eq!(&interleaved[..before.len()], &before[..]);
        prop_assert_eq!(interleaved.len(), before.len() + mono.len() * channels);
        let again = made(|out| pcm::downmix(&interleaved[before.len()..], channels, out));
        prop_assert_eq!(again, mono);
    }

    #[test]
    fn two_channels_are_mixed_as_any_number_is(stereo: Vec<i16>) {
        let mean = |frame: &[i16]| {
            (f64::midpoint(f64::from(frame[0]), f64::from(frame[1])) + 0.5).floor() as i16
        };
        let expected: Vec<_> = stereo.chunks_exact(2).map(mean).collect();
        prop_assert_eq!(made(|out| pcm::downmix(&stereo, 2, out)), expected);
    }

    #[test]
    fn any_float_becomes_the_nearest_sample(float: f32) {
        let exact = (f64::from(float) * 32_768.0).clamp(-32_768.0, 32_767.0);
        let nearest = exact.round_ties_even() as i16;
        prop_assert_eq!(made(|out| pcm::from_f32(&[float], out)), [nearest]);
    }
}
