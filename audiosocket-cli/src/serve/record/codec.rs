use std::time::{Duration, Instant};

use audiosocket_media::{CodecDetector, Encoding, Law, SampleRate};
use clap::ValueEnum;

use super::queue::Frame;

/// Up to this confidence the detector has been seen to be wrong.
const LIKELY: f64 = 0.57;

/// The longest that audio is held back for the detector to make up its mind: a caller who is
/// silent gives it nothing to go by.
const LONGEST_HOLD: Duration = Duration::from_secs(1);

/// The most bytes that are held back, with what each frame takes besides.
const MAX_HELD: usize = 64 * 1024;
const FRAME_COST: usize = 64;

/// How many bytes that are not all the same the detector looks at before it is given up: two
/// seconds of slin. It costs more than all else that is done with a frame, and half a second of
/// speech has always been enough.
const MAX_EXAMINED: usize = 32_000;

/// What frames carry that say 8 kHz slin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Codec {
    /// What it sounds like
    Auto,
    /// What they say: signed 16-bit samples
    Slin,
    /// G.711 µ-law, from a Dial without c(slin)
    Ulaw,
    /// G.711 A-law, from a Dial without c(slin)
    Alaw,
}

/// Audio as samples.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) at: Instant,
    pub(super) rate: SampleRate,
    /// Samples that were lost just ahead of it.
    pub(super) lost: u64,
    pub(super) samples: Vec<i16>,
}

/// From what came on one call to samples.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Of frames that say 8 kHz slin.
    encoding: Encoding,
    /// Until it is sure, or given up.
    detector: Option<Box<CodecDetector>>,
    held: Vec<Frame>,
    /// What `held` takes.
    held_bytes: usize,
    examined: usize,
}

impl Decoder {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            encoding: match codec {
                Codec::Auto | Codec::Slin => Encoding::Slin,
                Codec::Ulaw => Encoding::G711(Law::Mu),
                Codec::Alaw => Encoding::G711(Law::A),
            },
            detector: (codec == Codec::Auto).then(Box::default),
            held: Vec::new(),
            held_bytes: 0,
            examined: 0,
        }
    }

    /// Of frames that say 8 kHz slin, as far as is known.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Takes a frame, and gives those whose encoding is known now, in order.
    pub(super) fn take(&mut self, frame: Frame, heard: &mut Vec<Heard>) {
        if frame.rate != SampleRate::Hz8000 {
            self.flush(heard);
            return heard.push(decode(Encoding::Slin, &frame));
        }
        self.tick(frame.at, heard);
        let Some(detector) = &mut self.detector else {
            return heard.push(decode(self.encoding, &frame));
        };
        detector.push(&frame.payload);
        let sure = detector.guess().is_sure();
        if frame.payload.windows(2).any(|pair| pair[0] != pair[1]) {
            self.examined += frame.payload.len();
        }
        self.held_bytes += frame.payload.len() + FRAME_COST;
        self.held.push(frame);
        if sure || self.examined > MAX_EXAMINED {
            self.flush(heard);
            self.detector = None;
        } else if self.held_bytes > MAX_HELD {
            self.flush(heard);
        }
    }

    /// Gives what was held back for long enough.
    pub(super) fn tick(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        let waited = |first: &Frame| now.saturating_duration_since(first.at);
        if self.held.first().map(waited) > Some(LONGEST_HOLD) {
            self.flush(heard);
        }
    }

    /// Gives what was held back, as what it seems to be.
    pub(super) fn flush(&mut self, heard: &mut Vec<Heard>) {
        if self.held.is_empty() {
            return;
        }
        if let Some(detector) = &self.detector {
            let guess = detector.guess();
            self.encoding = if guess.confidence > LIKELY {
                guess.encoding
            } else {
                silent_encoding(&self.held)
            };
        }
        self.held_bytes = 0;
        let held = self.held.drain(..);
        heard.extend(held.map(|frame| decode(self.encoding, &frame)));
    }
}

/// What bytes are that the detector learns nothing from: if they are mostly the silence of one of
/// the laws, they are that.
fn silent_encoding(frames: &[Frame]) -> Encoding {
    let bytes = || frames.iter().flat_map(|frame| &frame.payload);
    let half = bytes().count() / 2;
    let silent = |law: &Law| bytes().filter(|byte| **byte == law.silence()).count() > half;
    let law = [Law::Mu, Law::A].into_iter().find(silent);
    law.map_or(Encoding::Slin, Encoding::G711)
}

fn decode(encoding: Encoding, frame: &Frame) -> Heard {
    let mut samples = Vec::new();
    encoding.decode(&frame.payload, &mut samples);
    Heard {
        at: frame.at,
        rate: frame.rate,
        lost: match encoding {
            Encoding::G711(_) => frame.lost.bytes,
            _ => frame.lost.bytes / 2,
        },
        samples,
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Lost;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Each payload 20 ms after the one before; gives all samples.
    fn decoded(codec: Codec, payloads: &[Vec<u8>]) -> (Vec<i16>, Encoding) {
        let (mut decoder, mut heard) = (Decoder::new(codec), Vec::new());
        let mut at = Instant::now();
        for payload in payloads {
            at += 20 * MS;
            decoder.take(frame(at, payload), &mut heard);
            assert!(decoder.held.len() <= 51, "{}", decoder.held.len());
        }
        decoder.flush(&mut heard);
        let samples = heard.into_iter().flat_map(|heard| heard.samples);
        (samples.collect(), decoder.encoding())
    }

    fn frame(at: Instant, payload: &[u8]) -> Frame {
        Frame {
            at,
            rate: SampleRate::Hz8000,
            payload: payload.to_vec(),
            lost: Lost::default(),
        }
    }

    /// Two seconds of silence in which nothing is heard at all, and then one of a tone.
    fn silence_and_tone() -> Vec<i16> {
        let tone = (0..8_000).map(|at| (8_000.0 * (at as f32 / 5.0).sin()) as i16);
        std::iter::repeat_n(0, 16_000).chain(tone).collect()
    }

    #[test]
    fn silence_ahead_of_speech_is_held_in_no_wrong_encoding() {
        let samples = silence_and_tone();
        let mut slin = Vec::new();
        audiosocket_media::pcm::to_slin(&samples, &mut slin);
        let payloads: Vec<_> = slin.chunks(320).map(<[u8]>::to_vec).collect();
        assert_eq!(
            decoded(Codec::Auto, &payloads),
            (samples.clone(), Encoding::Slin)
        );
        for law in [Law::Mu, Law::A] {
            let (mut codes, mut wanted) = (Vec::new(), Vec::new());
            law.encode(&samples, &mut codes);
            law.decode(&codes, &mut wanted);
            let payloads: Vec<_> = codes.chunks(160).map(<[u8]>::to_vec).collect();
            let wanted = (wanted, Encoding::G711(law));
            assert_eq!(decoded(Codec::Auto, &payloads), wanted);
            // Told so, nothing has to be found out.
            let codec = if law == Law::Mu {
                Codec::Ulaw
            } else {
                Codec::Alaw
            };
            assert_eq!(decoded(codec, &payloads), wanted);
        }
        let odd = [vec![0xd5; 161]];
        assert_eq!(decoded(Codec::Slin, &odd).0.len(), 80);
    }

    #[test]
    fn what_is_no_audio_is_given_up() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let (mut decoder, mut heard) = (Decoder::new(Codec::Auto), Vec::new());
        let start = Instant::now();
        for at in 0..150 {
            let payload: Vec<u8> = std::iter::repeat_with(&mut noise).take(320).collect();
            decoder.take(frame(start + 20 * MS * at, &payload), &mut heard);
        }
        assert!(decoder.detector.is_none());
        assert_eq!(heard.len(), 150);
    }

    #[test]
    fn what_is_held_back_is_bounded() {
        let (mut decoder, mut heard) = (Decoder::new(Codec::Auto), Vec::new());
        let start = Instant::now();
        for (payload, frames) in [(vec![0; 1], 5_000), (vec![0; 65_535], 10)] {
            for _ in 0..frames {
                decoder.take(frame(start, &payload), &mut heard);
                heard.clear();
                assert!(decoder.held_bytes <= MAX_HELD);
            }
        }
        decoder.take(frame(start, &[0; 2]), &mut heard);
        decoder.tick(start + LONGEST_HOLD + MS, &mut heard);
        assert!(decoder.held.is_empty() && !heard.is_empty());
    }

    #[test]
    fn a_wider_kind_is_slin_whatever_it_sounds_like() {
        let (mut decoder, mut heard) = (Decoder::new(Codec::Alaw), Vec::new());
        let mut wide = frame(Instant::now(), &[0xd5; 640]);
        wide.rate = SampleRate::Hz16000;
        wide.lost.bytes = 640;
        decoder.take(wide, &mut heard);
        assert_eq!(heard[0].samples, [-10_795; 320]);
        assert_eq!(heard[0].lost, 320);
    }
}
