//! Audio for tests: noise and real speech.

use std::path::Path;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;

/// Returns white noise with a level in dB of full scale. It is the same in every run.
pub(crate) fn noise(level: f64, len: usize) -> Vec<i16> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    // The noise is uniform, so its power is a third of the power of a square wave with the same peak.
    let peak = 32_768.0 * 10_f64.powf(level / 20.0) * 3_f64.sqrt();
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0;
        (uniform * peak).round() as i16
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Returns 4.6 s of speech at -18 dB with a pause of 130 ms. See `tests/speech`.
pub(crate) fn speech(rate: SampleRate) -> Vec<i16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/speech/auth-incorrect.wav");
    let file = AudioReader::open(path);
    file.and_then(|mut file| file.read_all(rate, Duration::from_secs(10)))
        .expect("tests/speech/auth-incorrect.wav is readable")
}
