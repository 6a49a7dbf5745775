use std::time::Duration;

use audiosocket_media::vad::{EnergyOptions, EnergyVad, Timing, VadEvent};
use audiosocket_media::{CodecDetector, Encoding};
use audiosocket_tokio::{Audio, SampleRate};

/// How much of speech it takes to interrupt: the first loud frame of 20 ms does.
const ATTACK: Duration = Duration::from_millis(20);

/// What is quieter does not interrupt, in dB of full scale. A line whose noise was louder than that
/// would interrupt before the noise is known.
const QUIETEST: f32 = -40.0;

/// After so many bytes that were not silence the likeliest encoding is taken, however unlikely.
const UNSURE: usize = 4_800;

/// Hears the caller begin to speak, as soon as can be, whatever codec `Dial` passed on.
#[derive(Debug)]
pub(super) struct BargeIn {
    rate: SampleRate,
    vad: EnergyVad,
    codec: CallerCodec,
    samples: Vec<i16>,
    events: Vec<VadEvent>,
}

/// What is in frames of kind `0x10`.
#[derive(Debug)]
enum CallerCodec {
    Unknown {
        detector: Box<CodecDetector>,
        /// What came and could not be decoded yet.
        undecoded: Vec<u8>,
    },
    Known(Encoding),
}

impl BargeIn {
    pub(super) fn new() -> Self {
        let rate = SampleRate::Hz8000;
        Self {
            rate,
            vad: vad(rate),
            codec: CallerCodec::Unknown {
                detector: Box::default(),
                undecoded: Vec::new(),
            },
            samples: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Takes the caller's next audio; tells whether the caller began to speak in it.
    pub(super) fn hears(&mut self, audio: Audio<'_>) -> bool {
        if audio.rate() != self.rate {
            self.rate = audio.rate();
            self.vad = vad(self.rate);
        }
        self.samples.clear();
        if self.rate == SampleRate::Hz8000 {
            self.codec.decode(&audio, &mut self.samples);
        } else {
            Encoding::Slin.decode(&audio, &mut self.samples);
        }
        self.events.clear();
        self.vad.push(&self.samples, &mut self.events);
        let started = |event: &VadEvent| matches!(event, VadEvent::SpeechStarted { .. });
        self.events.iter().any(started)
    }
}

impl CallerCodec {
    /// Appends to `samples` what could be decoded by now.
    fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) {
        match self {
            Self::Known(encoding) => encoding.decode(payload, samples),
            Self::Unknown {
                detector,
                undecoded,
            } => {
                detector.push(payload);
                // Of one byte again and again is silence, in any of them.
                if payload.iter().any(|byte| *byte != payload[0]) {
                    undecoded.extend_from_slice(payload);
                }
                let guess = detector.guess();
                if guess.is_sure() || undecoded.len() >= UNSURE {
                    guess.encoding.decode(undecoded, samples);
                    *self = Self::Known(guess.encoding);
                }
            }
        }
    }
}

fn vad(rate: SampleRate) -> EnergyVad {
    let timing = Timing::default().attack(ATTACK);
    EnergyVad::new(
        rate,
        EnergyOptions::default().quietest(QUIETEST).timing(timing),
    )
}

#[cfg(test)]
mod tests {
    use audiosocket_media::Law;
    use audiosocket_media::file::AudioReader;

    use super::*;

    const CODECS: [Encoding; 3] = [
        Encoding::Slin,
        Encoding::G711(Law::Mu),
        Encoding::G711(Law::A),
    ];

    /// The number of the first frame of 20 ms in which an interruption is heard.
    fn heard_in(ear: &mut BargeIn, codec: Encoding, samples: &[i16]) -> Option<usize> {
        samples.chunks(160).position(|frame| {
            let payload: Vec<u8> = match codec {
                Encoding::G711(law) => frame.iter().map(|at| law.encode_sample(*at)).collect(),
                _ => frame
                    .iter()
                    .flat_map(|sample| sample.to_le_bytes())
                    .collect(),
            };
            ear.hears(Audio::new(SampleRate::Hz8000, &payload))
        })
    }

    fn noise(peak: f64, len: usize) -> Vec<i16> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0) * peak
        };
        std::iter::repeat_with(next)
            .map(|at| at as i16)
            .take(len)
            .collect()
    }

    /// A speaker, after silence: speech that is louder than -40 dB begins in frame 50.
    fn speech() -> Vec<i16> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../audiosocket-media/tests/speech/auth-incorrect.wav"
        );
        let speech = AudioReader::open(path);
        let speech =
            speech.and_then(|mut file| file.read_all(SampleRate::Hz8000, Duration::from_secs(10)));
        let speech = speech.expect("the speech");
        let loud = |frame: &[i16]| {
            let squares: f64 = frame.iter().map(|at| f64::from(*at).powi(2)).sum();
            squares / 160.0 > (32_768.0_f64 * 0.01).powi(2)
        };
        let first = speech.chunks(160).position(loud).expect("loud speech");
        [&[0; 8_000][..], &speech[first * 160..]].concat()
    }

    #[test]
    fn speech_is_heard_in_its_first_frames_whatever_the_codec() {
        for codec in CODECS {
            let frame = heard_in(&mut BargeIn::new(), codec, &speech());
            assert!(matches!(frame, Some(50..=51)), "{codec}: {frame:?}");
        }
    }

    #[test]
    fn a_line_that_only_hisses_is_not_heard() {
        for codec in CODECS {
            // -45 dB, from the first sample on, and speech in the end.
            let mut ear = BargeIn::new();
            let hiss = noise(320.0, 40_000);
            assert_eq!(heard_in(&mut ear, codec, &hiss), None, "{codec}");
            assert!(heard_in(&mut ear, codec, &speech()).is_some(), "{codec}");
        }
    }

    #[test]
    fn what_is_no_codec_is_heard_all_the_same() {
        let mut ear = BargeIn::new();
        let frame = heard_in(&mut ear, Encoding::Slin, &noise(32_767.0, 8_000));
        assert!(frame.is_some_and(|frame| frame < 16), "{frame:?}");
    }

    #[test]
    fn wide_speech_is_heard_and_a_change_of_the_rate_survived() {
        let mut ear = BargeIn::new();
        let tone = [4_000, -4_000].map(i16::to_le_bytes).concat().repeat(160);
        for rate in [SampleRate::Hz16000, SampleRate::Hz8000, SampleRate::Hz16000] {
            assert!(!ear.hears(Audio::new(rate, &[0; 640])));
            assert!(ear.hears(Audio::new(rate, &tone)), "{rate}");
        }
    }
}
