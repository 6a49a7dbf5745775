//! Resampling: cuts of the input, length, latency and allocations. `resample_quality.rs` tests the quality.

use std::time::Duration;

use allocation_counter::measure;
use audiosocket_media::{Resampler, SampleRate, UnsupportedRate};
use proptest::prelude::*;

/// Returns noise. It is the same in every run.
fn noise(len: usize) -> Vec<i16> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn every_pair() -> impl Iterator<Item = (SampleRate, SampleRate)> {
    let rates = SampleRate::ALL.into_iter();
    rates.flat_map(|from| SampleRate::ALL.map(|to| (from, to)))
}

fn at_once(resampler: &mut Resampler, input: &[i16]) -> Vec<i16> {
    let mut output = Vec::new();
    resampler.push(input, &mut output);
    resampler.finish(&mut output);
    output
}

/// Returns `input * to / from`, rounded to the nearest sample.
fn expected_len(input: usize, from: u32, to: u32) -> usize {
    (input as f64 * f64::from(to) / f64::from(from)).round() as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_output_does_not_depend_on_how_the_input_is_cut(
        from in prop::sample::select(&SampleRate::ALL[..]),
        to in prop::sample::select(&SampleRate::ALL[..]),
        pieces in prop::collection::vec(0_usize..2_000, 0..30),
    ) {
        let input = noise(pieces.iter().sum());
        let mut resampler = Resampler::new(from, to);
        let whole = at_once(&mut resampler, &input);
        // The second stream uses the same resampler, to test that `finish` resets it.
        let (mut rest, mut output) = (&input[..], Vec::new());
        for piece in pieces {
            let (now, later) = rest.split_at(piece);
            resampler.push(now, &mut output);
            rest = later;
        }
        resampler.finish(&mut output);
        prop_assert_eq!(&output, &whole);
        prop_assert_eq!(output.len(), expected_len(input.len(), from.hz(), to.hz()));
    }
}

#[test]
fn the_output_has_the_duration_of_the_input() {
    for (from, to) in every_pair() {
        let mut resampler = Resampler::new(from, to);
        for len in [0, 1, 2, 3, 79, 80, 81, 441, 882, 1_000, 4_321] {
            let output = at_once(&mut resampler, &noise(len));
            let expected = expected_len(len, from.hz(), to.hz());
            assert_eq!(output.len(), expected, "{len} from {from} to {to}");
        }
    }
}

#[test]
fn rates_that_audiosocket_does_not_have_work() {
    for (from, to) in [
        (11_025, 8_000),
        (22_050, 16_000),
        (7_350, 8_000),
        (8_000, 7_919),
    ] {
        let mut resampler = Resampler::between(from, to).unwrap();
        assert_eq!((resampler.from_hz(), resampler.to_hz()), (from, to));
        let len = 30_000;
        let output = at_once(&mut resampler, &noise(len));
        assert_eq!(
            output.len(),
            expected_len(len, from, to),
            "from {from} to {to}"
        );
    }
}

#[test]
fn the_output_is_never_later_than_the_latency() {
    for (from, to) in every_pair() {
        let mut resampler = Resampler::new(from, to);
        let latency = resampler.latency();
        let ratio = f64::from(to.hz()) / f64::from(from.hz());
        let (mut output, mut most) = (Vec::new(), 0.0_f64);
        for (before, sample) in noise(from.hz() as usize / 10).iter().enumerate() {
            // The most audio is missing just before a push.
            let behind = before as f64 - output.len() as f64 / ratio;
            most = most.max((behind + 1.0) / f64::from(from.hz()));
            resampler.push(&[*sample], &mut output);
        }
        let (most, latency) = (Duration::from_secs_f64(most), latency);
        if from == to {
            assert_eq!(latency, Duration::ZERO);
            continue;
        }
        let off = most.abs_diff(latency);
        assert!(
            off < Duration::from_micros(1),
            "{from} to {to}: {most:?}, but latency() returned {latency:?}"
        );
    }
}

#[test]
fn the_latency_for_frames_of_20_ms_is_5_ms() {
    let mut resampler = Resampler::new(SampleRate::Hz8000, SampleRate::Hz16000);
    assert_eq!(resampler.latency(), Duration::from_millis(15));
    let mut lens = Vec::new();
    for _ in 0..5 {
        let mut output = Vec::new();
        resampler.push(&[0; 160], &mut output);
        lens.push(output.len());
    }
    assert_eq!(lens, [320 - 80, 320, 320, 320, 320]);
}

#[test]
fn equal_rates_do_not_change_the_audio() {
    for rate in SampleRate::ALL {
        let input = noise(1_000);
        let mut output = vec![7];
        Resampler::new(rate, rate).push(&input, &mut output);
        assert_eq!(output[0], 7, "the samples are appended");
        assert_eq!(output[1..], input);
    }
}

#[test]
fn a_push_allocates_nothing() {
    for (from, to) in every_pair() {
        let frame = noise(from.samples_in(Duration::from_millis(20)) as usize);
        let mut resampler = Resampler::new(from, to);
        let mut output = Vec::with_capacity(2 * to.hz() as usize);
        let allocated = measure(|| {
            for _ in 0..50 {
                resampler.push(&frame, &mut output);
            }
            resampler.finish(&mut output);
        });
        assert_eq!(allocated.count_total, 0, "{from} to {to}");
    }
}

#[test]
fn a_rate_out_of_bounds_is_an_error() {
    for hz in [0, Resampler::MIN_HZ - 1, Resampler::MAX_HZ + 1, u32::MAX] {
        for (from, to) in [(hz, 8_000), (8_000, hz)] {
            let UnsupportedRate { hz: reported, .. } = Resampler::between(from, to).unwrap_err();
            assert_eq!(reported, hz);
        }
    }
    let error = Resampler::between(1, 8_000).unwrap_err().to_string();
    assert_eq!(
        error,
        "a sample rate of 1 Hz is not supported; use 4000 to 192000 Hz"
    );
}
