//! Things that a caller does at a certain time of the call.

use std::time::Duration;

use audiosocket_media::{SampleRate, tone};
use audiosocket_proto::{DtmfDigit, ErrorFlags, FrameKind};

/// The duration of the tone of a key, and of the silence after it.
pub(super) const KEY_TONE: Duration = Duration::from_millis(100);

/// Something that a caller does at a certain time, in [`LoadTest::cue`](super::LoadTest::cue).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cue {
    /// Presses a key. The caller sends a frame of kind 0x03.
    Key(DtmfDigit),
    /// Presses a key whose tones are in the audio, for 100 ms, as on trunks with in-band keys.
    KeyTone(DtmfDigit),
    /// Says these samples, instead of the audio of the caller. They follow the samples of the cue before.
    Say(Vec<i16>),
    /// Sends no audio for this time, as a call on hold. The audio then continues.
    Hold(Duration),
    /// Sends an error frame (0xff).
    Error(ErrorFlags),
    /// Sends a second UUID, which differs from that of the call. Asterisk never does that.
    SecondUuid,
    /// Sends this frame as it is, such as one of a captured stream.
    Frame {
        /// The kind of the frame.
        kind: FrameKind,
        /// The payload, at most 65,535 bytes.
        payload: Vec<u8>,
    },
}

impl Cue {
    /// Returns whether the cue changes the audio, so that it has no echo to check.
    pub(super) fn is_audio(&self) -> bool {
        matches!(self, Self::KeyTone(_) | Self::Say(_) | Self::Frame { .. })
    }
}

/// Makes the tones of a key (ITU-T Q.23), and silence after them.
pub(super) fn key_tone(rate: SampleRate, digit: DtmfDigit) -> Vec<i16> {
    const ROWS: [u32; 4] = [697, 770, 852, 941];
    const COLUMNS: [u32; 4] = [1209, 1336, 1477, 1633];
    let keys = b"123A456B789C*0#D";
    let at = keys.iter().position(|key| *key == digit.as_byte());
    let at = at.expect("all keys are in the table");
    let low = tone(rate, ROWS[at / 4], KEY_TONE);
    let high = tone(rate, COLUMNS[at % 4], KEY_TONE);
    let sum = low.iter().zip(&high).map(|(low, high)| low + high);
    sum.chain(std::iter::repeat_n(0, low.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the power of `samples` at `hz`, by Goertzel's algorithm.
    fn power(samples: &[i16], hz: u32) -> f64 {
        let step = std::f64::consts::TAU * f64::from(hz) / 8_000.0;
        let (mut last, mut before) = (0.0, 0.0);
        for sample in samples {
            let next = f64::from(*sample) + 2.0 * step.cos() * last - before;
            (before, last) = (last, next);
        }
        last * last + before * before - 2.0 * step.cos() * last * before
    }

    #[test]
    fn a_key_has_two_tones_and_a_pause() {
        for (key, tones) in [
            (b'5', [770, 1336]),
            (b'D', [941, 1633]),
            (b'*', [941, 1209]),
        ] {
            let samples = key_tone(SampleRate::Hz8000, DtmfDigit::new(key).unwrap());
            assert_eq!(samples.len(), 1_600);
            assert!(samples[800..].iter().all(|sample| *sample == 0));
            let mut loudest = [697, 770, 852, 941, 1209, 1336, 1477, 1633];
            loudest.sort_by(|a, b| power(&samples, *b).total_cmp(&power(&samples, *a)));
            loudest[..2].sort_unstable();
            assert_eq!(loudest[..2], tones);
        }
    }
}
