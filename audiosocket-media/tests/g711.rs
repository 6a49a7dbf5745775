//! G.711, compared with published values.

use audiosocket_media::Law;

const LAWS: [Law; 2] = [Law::Mu, Law::A];

/// The sample of each µ-law code. CPython 3.11 (`audioop.ulaw2lin`) and `sox` 14.4.2 agree on these values.
#[rustfmt::skip]
const MU: [i16; 256] = [
    -32124, -31100, -30076, -29052, -28028, -27004, -25980, -24956, -23932, -22908, -21884, -20860, -19836, -18812, -17788, -16764,
    -15996, -15484, -14972, -14460, -13948, -13436, -12924, -12412, -11900, -11388, -10876, -10364, -9852, -9340, -8828, -8316,
    -7932, -7676, -7420, -7164, -6908, -6652, -6396, -6140, -5884, -5628, -5372, -5116, -4860, -4604, -4348, -4092,
    -3900, -3772, -3644, -3516, -3388, -3260, -3132, -3004, -2876, -2748, -2620, -2492, -2364, -2236, -2108, -1980,
    -1884, -1820, -1756, -1692, -1628, -1564, -1500, -1436, -1372, -1308, -1244, -1180, -1116, -1052, -988, -924,
    -876, -844, -812, -780, -748, -716, -684, -652, -620, -588, -556, -524, -492, -460, -428, -396,
    -372, -356, -340, -324, -308, -292, -276, -260, -244, -228, -212, -196, -180, -164, -148, -132,
    -120, -112, -104, -96, -88, -80, -72, -64, -56, -48, -40, -32, -24, -16, -8, 0,
    32124, 31100, 30076, 29052, 28028, 27004, 25980, 24956, 23932, 22908, 21884, 20860, 19836, 18812, 17788, 16764,
    15996, 15484, 14972, 14460, 13948, 13436, 12924, 12412, 11900, 11388, 10876, 10364, 9852, 9340, 8828, 8316,
    7932, 7676, 7420, 7164, 6908, 6652, 6396, 6140, 5884, 5628, 5372, 5116, 4860, 4604, 4348, 4092,
    3900, 3772, 3644, 3516, 3388, 3260, 3132, 3004, 2876, 2748, 2620, 2492, 2364, 2236, 2108, 1980,
    1884, 1820, 1756, 1692, 1628, 1564, 1500, 1436, 1372, 1308, 1244, 1180, 1116, 1052, 988, 924,
    876, 844, 812, 780, 748, 716, 684, 652, 620, 588, 556, 524, 492, 460, 428, 396,
    372, 356, 340, 324, 308, 292, 276, 260, 244, 228, 212, 196, 180, 164, 148, 132,
    120, 112, 104, 96, 88, 80, 72, 64, 56, 48, 40, 32, 24, 16, 8, 0,
];

/// The sample of each A-law code, from the same sources.
#[rustfmt::skip]
const A: [i16; 256] = [
    -5504, -5248, -6016, -5760, -4480, -4224, -4992, -4736, -7552, -7296, -8064, -7808, -6528, -6272, -7040, -6784,
    -2752, -2624, -3008, -2880, -2240, -2112, -2496, -2368, -3776, -3648, -4032, -3904, -3264, -3136, -3520, -3392,
    -22016, -20992, -24064, -23040, -17920, -16896, -19968, -18944, -30208, -29184, -32256, -31232, -26112, -25088, -28160, -27136,
    -11008, -10496, -12032, -11520, -8960, -8448, -9984, -9472, -15104, -14592, -16128, -15616, -13056, -12544, -14080, -13568,
    -344, -328, -376, -360, -280, -264, -312, -296, -472, -456, -504, -488, -408, -392, -440, -424,
    -88, -72, -120, -104, -24, -8, -56, -40, -216, -200, -248, -232, -152, -136, -184, -168,
    -1376, -1312, -1504, -1440, -1120, -1056, -1248, -1184, -1888, -1824, -2016, -1952, -1632, -1568, -1760, -1696,
    -688, -656, -752, -720, -560, -528, -624, -592, -944, -912, -1008, -976, -816, -784, -880, -848,
    5504, 5248, 6016, 5760, 4480, 4224, 4992, 4736, 7552, 7296, 8064, 7808, 6528, 6272, 7040, 6784,
    2752, 2624, 3008, 2880, 2240, 2112, 2496, 2368, 3776, 3648, 4032, 3904, 3264, 3136, 3520, 3392,
    22016, 20992, 24064, 23040, 17920, 16896, 19968, 18944, 30208, 29184, 32256, 31232, 26112, 25088, 28160, 27136,
    11008, 10496, 12032, 11520, 8960, 8448, 9984, 9472, 15104, 14592, 16128, 15616, 13056, 12544, 14080, 13568,
    344, 328, 376, 360, 280, 264, 312, 296, 472, 456, 504, 488, 408, 392, 440, 424,
    88, 72, 120, 104, 24, 8, 56, 40, 216, 200, 248, 232, 152, 136, 184, 168,
    1376, 1312, 1504, 1440, 1120, 1056, 1248, 1184, 1888, 1824, 2016, 1952, 1632, 1568, 1760, 1696,
    688, 656, 752, 720, 560, 528, 624, 592, 944, 912, 1008, 976, 816, 784, 880, 848,
];

#[test]
fn every_code_decodes_to_the_published_value() {
    let codes: Vec<u8> = (0..=255).collect();
    for (law, table) in [(Law::Mu, MU), (Law::A, A)] {
        let mut samples = vec![1];
        law.decode(&codes, &mut samples);
        assert_eq!(samples[0], 1, "the samples are appended");
        assert_eq!(samples[1..], table, "{law}");
    }
}

/// Returns the decision values of tables 1a and 2a of the standard, as 16-bit samples. Code `n` starts at the magnitude
/// `decision_values(law)[n]`.
///
/// The function follows the text of the standard. A segment has 16 steps. The steps of a segment are twice as wide as the
/// steps of the segment before it. In A-law, this starts with the third segment. The first step of µ-law has half the
/// width.
fn decision_values(law: Law) -> [i32; 128] {
    let mut values = [0; 128];
    for magnitude in 1..128_i32 {
        let before = magnitude - 1;
        let width = match law {
            Law::Mu => 8 << (before / 16),
            Law::A => 16 << (before / 16 - 1).max(0),
        };
        let width = if law == Law::Mu && before == 0 {
            width / 2
        } else {
            width
        };
        values[magnitude as usize] = values[before as usize] + width;
    }
    values
}

/// Finds the code of `sample` by a search in the decision values. Like G.191, it uses one's complement.
fn search(law: Law, decision_values: &[i32; 128], sample: i16) -> u8 {
    let magnitude = i32::from(if sample < 0 { !sample } else { sample });
    let index = decision_values.partition_point(|&value| value <= magnitude) - 1;
    let signed = index as u8 | if sample < 0 { 0 } else { 0x80 };
    match law {
        Law::Mu => signed ^ 0x7f,
        Law::A => signed ^ 0x55,
    }
}

#[test]
fn every_sample_encodes_to_the_code_of_its_decision_values() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    for law in LAWS {
        let decision_values = decision_values(law);
        let mut codes = Vec::new();
        law.encode(&samples, &mut codes);
        for (sample, code) in samples.iter().zip(codes) {
            assert_eq!(
                code,
                search(law, &decision_values, *sample),
                "{law} of {sample}"
            );
        }
    }
}

/// The starts of the segments as the standard prints them. µ-law has 13 bits of magnitude, A-law 12 bits.
#[test]
fn the_decision_values_have_the_segments_of_the_standard() {
    let mu = decision_values(Law::Mu);
    let segments: Vec<_> = (1..8).map(|segment| mu[16 * segment] / 4).collect();
    assert_eq!(segments, [31, 95, 223, 479, 991, 2015, 4063]);
    let a = decision_values(Law::A);
    let segments: Vec<_> = (2..8).map(|segment| a[16 * segment] / 8).collect();
    assert_eq!(segments, [64, 128, 256, 512, 1024, 2048]);
}

#[test]
fn a_decoded_code_encodes_to_the_same_code() {
    for law in LAWS {
        for code in 0..=255 {
            let again = law.encode_sample(law.decode_sample(code));
            // µ-law has two codes for zero. Linear audio has only one zero.
            let expected = if (law, code) == (Law::Mu, 0x7f) {
                0xff
            } else {
                code
            };
            assert_eq!(again, expected, "{law}");
        }
    }
}

#[test]
fn an_encoded_sample_differs_by_at_most_half_a_step() {
    for law in LAWS {
        let decision_values = decision_values(law);
        for sample in i16::MIN..=i16::MAX {
            let decoded = law.decode_sample(law.encode_sample(sample));
            let magnitude = i32::from(if sample < 0 { !sample } else { sample });
            let step = decision_values
                .windows(2)
                .find(|pair| magnitude < pair[1])
                .map_or(i32::MAX, |pair| pair[1] - pair[0]);
            let off = (i32::from(sample) - i32::from(decoded)).abs();
            // The first step of µ-law has half the width. In the last step, the loudest samples are clipped.
            let clipped = magnitude > i32::from(law.decode_sample(law.encode_sample(i16::MAX)));
            assert!(
                clipped || off <= step.max(8) / 2,
                "{law}: {sample} became {decoded}"
            );
        }
    }
}

#[test]
fn silence_is_the_code_of_zero() {
    for law in LAWS {
        assert_eq!(law.encode_sample(0), law.silence());
    }
}

#[test]
#[should_panic = "codes and samples must have the same length"]
fn buffers_of_different_lengths_panic() {
    Law::Mu.decode_into(&[0xff], &mut [0, 0]);
}
