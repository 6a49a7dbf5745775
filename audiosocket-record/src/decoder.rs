use std::time::{Duration, Instant};

use audiosocket_media::{AudioDecoder, AudioWarning, Codec, SampleRate};
use audiosocket_proto::Audio;

use crate::queue::RecordedFrame;

/// The longest time that audio is held back until its sample rate is known, which takes 700 ms of
/// steady frames. Complete silence is not held longer either.
const LONGEST_HOLD: Duration = Duration::from_millis(1_500);

/// The most bytes that are held back, the cost of each frame included. The codec is known before.
const MAX_HELD: usize = 128 * 1024;
const FRAME_COST: usize = 64;

/// Audio as samples.
#[derive(Debug)]
pub(crate) struct DecodedAudio {
    pub(crate) at: Instant,
    pub(crate) rate: SampleRate,
    /// How many samples are missing just before it.
    pub(crate) lost: u64,
    pub(crate) samples: Vec<i16>,
}

/// A frame whose codec is known.
#[derive(Debug)]
pub(crate) enum DecodedFrame {
    Linear(DecodedAudio),
    /// Audio that cannot be decoded, as it arrived.
    Compressed(Codec, RecordedFrame),
}

/// Decodes the frames of one call. Holds frames back until their codec and their rate are known.
#[derive(Debug)]
pub(crate) struct FrameDecoder {
    decoder: AudioDecoder,
    held: Vec<RecordedFrame>,
    held_bytes: usize,
    /// The codec of the latest frame that is decoded.
    codec: Codec,
}

impl FrameDecoder {
    /// `None` is a codec to detect, or a rate to measure.
    pub(crate) fn new(codec: Option<Codec>, input_rate: Option<SampleRate>) -> Self {
        let mut decoder = AudioDecoder::new();
        if let Some(codec) = codec {
            decoder = decoder.with_codec(codec);
        }
        if let Some(rate) = input_rate {
            decoder = decoder.with_input_rate(rate);
        }
        Self {
            decoder,
            held: Vec::new(),
            held_bytes: 0,
            codec: Codec::Slin,
        }
    }

    /// The codec of the latest frame that is decoded.
    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    pub(crate) fn take_warning(&mut self) -> Option<AudioWarning> {
        self.decoder.take_warning()
    }

    /// Takes a frame, and appends the frames that are known now, in order.
    pub(crate) fn push(&mut self, frame: RecordedFrame, decoded: &mut Vec<DecodedFrame>) {
        self.tick(frame.at, decoded);
        let audio = Audio::new(frame.rate, &frame.payload);
        self.decoder.examine(audio, frame.at);
        let is_known = frame.rate != SampleRate::Hz8000 || self.decoder.is_rate_known();
        self.held_bytes += frame.payload.len() + FRAME_COST;
        self.held.push(frame);
        if is_known || self.held_bytes > MAX_HELD {
            self.flush(decoded);
        }
    }

    /// Appends audio that was held back for [`LONGEST_HOLD`], unless it is possible that it is
    /// compressed.
    pub(crate) fn tick(&mut self, now: Instant, decoded: &mut Vec<DecodedFrame>) {
        let waited = |first: &RecordedFrame| now.saturating_duration_since(first.at);
        let linear = matches!(self.decoder.likely_codec(), Codec::Slin | Codec::G711(_));
        if linear && self.held.first().map(waited) > Some(LONGEST_HOLD) {
            self.flush(decoded);
        }
    }

    /// Appends all audio that is held back at the end of a call.
    pub(crate) fn finish(&mut self, decoded: &mut Vec<DecodedFrame>) {
        self.decoder.finish();
        self.flush(decoded);
    }

    /// Appends all audio that is held back, decoded with the likeliest codec.
    fn flush(&mut self, decoded: &mut Vec<DecodedFrame>) {
        self.held_bytes = 0;
        let mut held = std::mem::take(&mut self.held);
        decoded.extend(held.drain(..).map(|frame| self.decode(frame)));
        self.held = held;
    }

    fn decode(&mut self, frame: RecordedFrame) -> DecodedFrame {
        let mut samples = Vec::new();
        let audio = Audio::new(frame.rate, &frame.payload);
        self.codec = match frame.rate {
            SampleRate::Hz8000 => self.decoder.likely_codec(),
            _ => Codec::Slin,
        };
        let Some(rate) = self.decoder.decode(audio, &mut samples) else {
            return DecodedFrame::Compressed(self.codec, frame);
        };
        let lost = match self.codec {
            Codec::G711(_) => frame.lost.bytes,
            Codec::G722 => 2 * frame.lost.bytes,
            _ => frame.lost.bytes / 2,
        };
        DecodedFrame::Linear(DecodedAudio {
            at: frame.at,
            rate,
            lost,
            samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_media::Law;

    use crate::queue::LostAudio;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn decoder(codec: Option<Codec>) -> FrameDecoder {
        FrameDecoder::new(codec, None)
    }

    /// Decodes payloads that arrive 20 ms apart. Returns all samples and the codec.
    fn decode(codec: Option<Codec>, payloads: &[Vec<u8>]) -> (Vec<i16>, Codec) {
        let (mut decoder, mut decoded) = (decoder(codec), Vec::new());
        let mut at = Instant::now();
        for payload in payloads {
            at += 20 * MS;
            decoder.push(frame(at, payload), &mut decoded);
            assert!(decoder.held.len() <= 76, "{}", decoder.held.len());
        }
        decoder.finish(&mut decoded);
        (samples(decoded), decoder.codec())
    }

    fn samples(decoded: Vec<DecodedFrame>) -> Vec<i16> {
        let samples = decoded.into_iter().flat_map(|frame| match frame {
            DecodedFrame::Linear(audio) => audio.samples,
            DecodedFrame::Compressed(codec, _) => panic!("{codec}"),
        });
        samples.collect()
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
    fn silence_before_speech_is_decoded_with_the_right_codec() {
        let samples = silence_and_tone();
        let mut slin = Vec::new();
        audiosocket_media::pcm::to_slin(&samples, &mut slin);
        let payloads: Vec<_> = slin.chunks(320).map(<[u8]>::to_vec).collect();
        assert_eq!(decode(None, &payloads), (samples.clone(), Codec::Slin));
        for law in [Law::Mu, Law::A] {
            let (mut codes, mut wanted) = (Vec::new(), Vec::new());
            law.encode(&samples, &mut codes);
            law.decode(&codes, &mut wanted);
            let payloads: Vec<_> = codes.chunks(160).map(<[u8]>::to_vec).collect();
            let codec = Codec::G711(law);
            let wanted = (wanted, codec);
            assert_eq!(decode(None, &payloads), wanted);
            // The same without detection.
            assert_eq!(decode(Some(codec), &payloads), wanted);
        }
        let odd = [vec![0xd5; 161]];
        assert_eq!(decode(Some(Codec::Slin), &odd).0.len(), 80);
    }

    #[test]
    fn compressed_audio_is_kept_as_it_came() {
        let (mut decoder, mut decoded) = (decoder(None), Vec::new());
        let start = Instant::now();
        for at in 0..50 {
            let payload = [&[0xd8, 0x20, 0xa2][..], &[at as u8; 30]].concat();
            decoder.push(frame(start + 20 * MS * at, &payload), &mut decoded);
        }
        assert!(decoder.held.is_empty());
        assert_eq!(decoded.len(), 50);
        for (decoded, at) in decoded.iter().zip(0..) {
            let DecodedFrame::Compressed(Codec::Gsm, frame) = decoded else {
                panic!("{decoded:?}");
            };
            assert_eq!(frame.payload[3..], [at; 30]);
        }
        let warning = decoder.take_warning();
        assert_eq!(warning, Some(AudioWarning::NotLinear(Codec::Gsm)));
    }

    #[test]
    fn wide_slin_under_kind_0x10_has_its_real_rate_from_the_first_sample() {
        let payload: Vec<u8> = silence_and_tone()[16_000..16_320]
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        let (mut decoder, mut decoded) = (decoder(None), Vec::new());
        let start = Instant::now();
        for at in 0..100 {
            decoder.push(frame(start + 20 * MS * at, &payload), &mut decoded);
        }
        assert_eq!(decoded.len(), 100);
        for frame in decoded {
            let DecodedFrame::Linear(audio) = frame else {
                panic!("{frame:?}");
            };
            assert_eq!(audio.rate, SampleRate::Hz16000);
        }
    }

    #[test]
    fn held_audio_is_bounded() {
        let (mut decoder, mut decoded) = (decoder(None), Vec::new());
        let start = Instant::now();
        for (payload, frames) in [(vec![0; 1], 5_000), (vec![0; 65_535], 10)] {
            for _ in 0..frames {
                decoder.push(frame(start, &payload), &mut decoded);
                decoded.clear();
                assert!(decoder.held_bytes <= MAX_HELD);
            }
        }
        decoder.flush(&mut decoded);
        decoder.push(frame(start, &[0; 2]), &mut decoded);
        decoded.clear();
        decoder.tick(start + LONGEST_HOLD + MS, &mut decoded);
        assert!(decoder.held.is_empty() && !decoded.is_empty());
    }

    #[test]
    fn audio_above_8_khz_is_always_slin() {
        let (mut decoder, mut decoded) = (decoder(Some(Codec::G711(Law::A))), Vec::new());
        let mut wide = frame(Instant::now(), &[0xd5; 640]);
        wide.rate = SampleRate::Hz16000;
        wide.lost.bytes = 640;
        decoder.push(wide, &mut decoded);
        let [DecodedFrame::Linear(audio)] = &decoded[..] else {
            panic!("{decoded:?}");
        };
        assert_eq!(audio.samples, [-10_795; 320]);
        assert_eq!(audio.lost, 320);
    }
}
