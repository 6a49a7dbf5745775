use std::error::Error;
use std::f64::consts::PI;
use std::fmt;
use std::time::Duration;

use audiosocket_proto::{AudioBuf, DtmfDigit};

use super::{ZERO_DBM0, frequencies};
use crate::SampleRate;
use crate::tone::sine;

/// How long a tone takes to reach its level. Tones that start at once click.
const RAMP: Duration = Duration::from_millis(2);

/// Makes the tones of `keys` (ITU-T Q.23), one key after the other, each with a pause after it. The characters are `0` to
/// `9`, `*`, `#` and `A` to `D`.
///
/// ```
/// use std::time::Duration;
///
/// use audiosocket_media::SampleRate;
/// use audiosocket_media::dtmf::{DtmfToneOptions, dtmf_tones};
///
/// let audio = dtmf_tones("123#", SampleRate::Hz8000, DtmfToneOptions::default())?;
/// // `call.play(audio).await?` sends the keys to the machine at the other end.
/// assert_eq!(audio.duration(), Duration::from_millis(800));
/// # Ok::<(), audiosocket_media::dtmf::UnknownKey>(())
/// ```
///
/// # Errors
///
/// [`UnknownKey`] with the first character that is no key.
pub fn dtmf_tones(
    keys: &str,
    rate: SampleRate,
    options: DtmfToneOptions,
) -> Result<AudioBuf, UnknownKey> {
    let mut samples = Vec::new();
    for key in keys.chars() {
        let digit = u8::try_from(key).ok().and_then(DtmfDigit::new);
        add_tone(
            digit.ok_or(UnknownKey { key })?,
            rate,
            options,
            &mut samples,
        );
    }
    Ok(AudioBuf::from_samples(rate, &samples))
}

fn add_tone(digit: DtmfDigit, rate: SampleRate, options: DtmfToneOptions, samples: &mut Vec<i16>) {
    let (low, high) = frequencies(digit);
    let wave = |hz: u32, level: f32| {
        let wave = sine(rate, hz);
        let peak = f64::from(ZERO_DBM0) * 10_f64.powf(f64::from(level) / 20.0);
        move |at| wave(at) * peak
    };
    let (low, high) = (wave(low, options.low_level), wave(high, options.high_level));
    let len = rate.samples_in(options.tone);
    let ramp = rate.samples_in(RAMP) as f64;
    for at in 0..len {
        let to_edge = (at + 1).min(len - at) as f64;
        let gain = (1.0 - (PI * (to_edge / ramp).min(1.0)).cos()) / 2.0;
        samples.push((gain * (low(at) + high(at))).round() as i16);
    }
    let pause = rate.samples_in(options.pause) as usize;
    samples.extend(std::iter::repeat_n(0, pause));
}

/// Options of [`dtmf_tones`]: durations and levels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct DtmfToneOptions {
    /// How long the tones of a key last. The default is 100 ms. ITU-T Q.24: a receiver can require 40 ms.
    pub tone: Duration,
    /// The pause after each key. The default is 100 ms. ITU-T Q.24: a receiver can require 40 ms.
    pub pause: Duration,
    /// The level of the low tone, in dBm0. The default is -10.
    pub low_level: f32,
    /// The level of the high tone, in dBm0. The default is -8: telephones send the high tone 2 dB louder, since lines damp it
    /// more (ETSI ES 201 235-2).
    pub high_level: f32,
}

impl Default for DtmfToneOptions {
    fn default() -> Self {
        Self {
            tone: Duration::from_millis(100),
            pause: Duration::from_millis(100),
            low_level: -10.0,
            high_level: -8.0,
        }
    }
}

impl DtmfToneOptions {
    /// Sets [`tone`](Self::tone) and [`pause`](Self::pause).
    #[must_use]
    pub const fn durations(mut self, tone: Duration, pause: Duration) -> Self {
        self.tone = tone;
        self.pause = pause;
        self
    }

    /// Sets [`low_level`](Self::low_level) and [`high_level`](Self::high_level). Tones whose sum is above full scale are
    /// clipped.
    #[must_use]
    pub const fn levels(mut self, low: f32, high: f32) -> Self {
        self.low_level = low;
        self.high_level = high;
        self
    }
}

/// A character that is no key of a telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownKey {
    /// The character.
    pub key: char,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not one of the keys 0 to 9, *, # and A to D",
            self.key
        )
    }
}

impl Error for UnknownKey {}
