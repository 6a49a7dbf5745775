use std::time::{Duration, Instant};

use audiosocket_media::{CodecDetector, Encoding, Law, SampleRate};

use crate::track::RecordedFrame;

/// The highest confidence at which a guess of the detector was observed to be wrong.
const LIKELY: f64 = 0.57;

/// The maximum time that audio is held back for the detector. Silence gives the detector no
/// information.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// The maximum number of bytes that are held back, including the cost of each frame.
const MAX_HELD: usize = 64 * 1024;
const FRAME_COST: usize = 64;

/// The detector stops after this many bytes of frames with different bytes: two seconds of slin. It
/// costs more than all other work on a frame, and half a second of speech was always enough.
const MAX_EXAMINED: usize = 32_000;

/// Audio as samples.
#[derive(Debug)]
pub(crate) struct DecodedAudio {
    pub(crate) at: Instant,
    pub(crate) rate: SampleRate,
    /// The number of samples that are missing before this audio.
    pub(crate) lost: u64,
    pub(crate) samples: Vec<i16>,
}

impl DecodedAudio {
    fn new(encoding: Encoding, frame: &RecordedFrame) -> Self {
        let mut samples = Vec::new();
        encoding.decode(&frame.payload, &mut samples);
        Self {
            at: frame.at,
            rate: frame.rate,
            lost: match encoding {
                Encoding::G711(_) => frame.lost.bytes,
                _ => frame.lost.bytes / 2,
            },
            samples,
        }
    }
}

/// Decodes the audio of one call. Holds audio back until its encoding is known.
#[derive(Debug)]
pub(crate) struct AudioDecoder {
    /// The encoding of frames with the kind of slin at 8 kHz.
    encoding: Encoding,
    /// `None` when the encoding is certain or the detector has stopped.
    detector: Option<Box<CodecDetector>>,
    held: Vec<RecordedFrame>,
    held_bytes: usize,
    examined: usize,
}

impl AudioDecoder {
    /// Returns a decoder for `encoding`, or one that detects the encoding.
    pub(crate) fn new(encoding: Option<Encoding>) -> Self {
        Self {
            encoding: encoding.unwrap_or(Encoding::Slin),
            detector: encoding.is_none().then(Box::default),
            held: Vec::new(),
            held_bytes: 0,
            examined: 0,
        }
    }

    /// Returns the encoding of audio at `rate`, as far as it is known.
    pub(crate) fn encoding(&self, rate: SampleRate) -> Encoding {
        match rate {
            SampleRate::Hz8000 => self.encoding,
            _ => Encoding::Slin,
        }
    }

    /// Takes a frame, and returns all frames whose encoding is known, in order.
    pub(crate) fn push(&mut self, frame: RecordedFrame) -> Vec<DecodedAudio> {
        if frame.rate != SampleRate::Hz8000 {
            let mut decoded = self.flush();
            decoded.push(DecodedAudio::new(Encoding::Slin, &frame));
            return decoded;
        }
        let mut decoded = self.tick(frame.at);
        let Some(detector) = &mut self.detector else {
            decoded.push(DecodedAudio::new(self.encoding, &frame));
            return decoded;
        };
        detector.push(&frame.payload);
        let sure = detector.guess().is_sure();
        if frame.payload.windows(2).any(|pair| pair[0] != pair[1]) {
            self.examined += frame.payload.len();
        }
        self.held_bytes += frame.payload.len() + FRAME_COST;
        self.held.push(frame);
        let known = sure || self.examined > MAX_EXAMINED;
        if known || self.held_bytes > MAX_HELD {
            decoded.extend(self.flush());
        }
        if known {
            self.detector = None;
        }
        decoded
    }

    /// Returns the audio, if it was held back for [`LONGEST_HOLD`].
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<DecodedAudio> {
        let waited = |first: &RecordedFrame| now.saturating_duration_since(first.at);
        if self.held.first().map(waited) > Some(LONGEST_HOLD) {
            return self.flush();
        }
        Vec::new()
    }

    /// Returns all audio that is held back, decoded with the likeliest encoding.
    pub(crate) fn flush(&mut self) -> Vec<DecodedAudio> {
        if self.held.is_empty() {
            return Vec::new();
        }
        if let Some(detector) = &self.detector {
            let guess = detector.guess();
            self.encoding = if guess.confidence > LIKELY {
                guess.encoding
            } else {
                encoding_of_silence(&self.held)
            };
        }
        self.held_bytes = 0;
        let held = self.held.drain(..);
        held.map(|frame| DecodedAudio::new(self.encoding, &frame))
            .collect()
    }
}

/// Returns the encoding of bytes without information for the detector: a G.711 law if more than half of them are
/// silence of that law.
fn encoding_of_silence(frames: &[RecordedFrame]) -> Encoding {
    let bytes = || frames.iter().flat_map(|frame| &frame.payload);
    let half = bytes().count() / 2;
    let silent = |law: &Law| bytes().filter(|byte| **byte == law.silence()).count() > half;
    let law = [Law::Mu, Law::A].into_iter().find(silent);
    law.map_or(Encoding::Slin, Encoding::G711)
}

#[cfg(test)]
mod tests {
    use crate::track::LostAudio;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Decodes payloads that arrive 20 ms apart. Returns all samples and the encoding.
    fn decode(encoding: Option<Encoding>, payloads: &[Vec<u8>]) -> (Vec<i16>, Encoding) {
        let (mut decoder, mut decoded) = (AudioDecoder::new(encoding), Vec::new());
        let mut at = Instant::now();
        for payload in payloads {
            at += 20 * MS;
            decoded.extend(decoder.push(frame(at, payload)));
            assert!(decoder.held.len() <= 51, "{}", decoder.held.len());
        }
        decoded.extend(decoder.flush());
        let samples = decoded.into_iter().flat_map(|audio| audio.samples);
        (samples.collect(), decoder.encoding(SampleRate::Hz8000))
    }

    fn frame(at: Instant, payload: &[u8]) -> RecordedFrame {
        RecordedFrame {
            at,
            rate: SampleRate::Hz8000,
            payload: payload.to_vec(),
            lost: LostAudio::default(),
        }
    }

    /// Returns two seconds of complete silence, and then one second of a tone.
    fn silence_and_tone() -> Vec<i16> {
        let tone = (0..8_000).map(|at| (8_000.0 * (at as f32 / 5.0).sin()) as i16);
        std::iter::repeat_n(0, 16_000).chain(tone).collect()
    }

    #[test]
    fn silence_before_speech_is_decoded_with_the_right_encoding() {
        let samples = silence_and_tone();
        let mut slin = Vec::new();
        audiosocket_media::pcm::to_slin(&samples, &mut slin);
        let payloads: Vec<_> = slin.chunks(320).map(<[u8]>::to_vec).collect();
        assert_eq!(decode(None, &payloads), (samples.clone(), Encoding::Slin));
        for law in [Law::Mu, Law::A] {
            let (mut codes, mut wanted) = (Vec::new(), Vec::new());
            law.encode(&samples, &mut codes);
            law.decode(&codes, &mut wanted);
            let payloads: Vec<_> = codes.chunks(160).map(<[u8]>::to_vec).collect();
            let encoding = Encoding::G711(law);
            let wanted = (wanted, encoding);
            assert_eq!(decode(None, &payloads), wanted);
            // The same without detection.
            assert_eq!(decode(Some(encoding), &payloads), wanted);
        }
        let odd = [vec![0xd5; 161]];
        assert_eq!(decode(Some(Encoding::Slin), &odd).0.len(), 80);
    }

    #[test]
    fn detection_stops_at_noise() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let (mut decoder, mut decoded) = (AudioDecoder::new(None), Vec::new());
        let start = Instant::now();
        for at in 0..150 {
            let payload: Vec<u8> = std::iter::repeat_with(&mut noise).take(320).collect();
            decoded.extend(decoder.push(frame(start + 20 * MS * at, &payload)));
        }
        assert!(decoder.detector.is_none());
        assert_eq!(decoded.len(), 150);
    }

    #[test]
    fn held_audio_is_bounded() {
        let mut decoder = AudioDecoder::new(None);
        let start = Instant::now();
        for (payload, frames) in [(vec![0; 1], 5_000), (vec![0; 65_535], 10)] {
            for _ in 0..frames {
                decoder.push(frame(start, &payload));
                assert!(decoder.held_bytes <= MAX_HELD);
            }
        }
        decoder.push(frame(start, &[0; 2]));
        let decoded = decoder.tick(start + LONGEST_HOLD + MS);
        assert!(decoder.held.is_empty() && !decoded.is_empty());
    }

    #[test]
    fn audio_above_8_khz_is_always_slin() {
        let alaw = Some(Encoding::G711(Law::A));
        let mut decoder = AudioDecoder::new(alaw);
        let mut wide = frame(Instant::now(), &[0xd5; 640]);
        wide.rate = SampleRate::Hz16000;
        wide.lost.bytes = 640;
        let decoded = decoder.push(wide);
        assert_eq!(decoded[0].samples, [-10_795; 320]);
        assert_eq!(decoded[0].lost, 320);
    }
}
