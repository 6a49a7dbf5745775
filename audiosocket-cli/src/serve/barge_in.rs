use std::time::Duration;

use audiosocket_media::vad::{EnergyOptions, EnergyVad, Timing, VadEvent};
use audiosocket_media::{CodecDetector, Encoding};
use audiosocket_tokio::{Audio, SampleRate};

/// The duration of speech that interrupts: one loud frame of 20 ms.
const ATTACK: Duration = Duration::from_millis(20);

/// The level from which audio interrupts, in dB of full scale. A line with louder noise interrupts until the detector knows
/// its noise level.
const QUIETEST: f32 = -40.0;

/// The number of bytes of sound after which the most likely encoding is used, even if it is not sure.
const UNSURE: usize = 4_800;

/// Detects that the caller starts to speak. The audio can have the codec that `Dial` without `c(slin)` passes on.
#[derive(Debug)]
pub(super) struct BargeIn {
    rate: SampleRate,
    vad: EnergyVad,
    codec: CallerCodec,
    samples: Vec<i16>,
    events: Vec<VadEvent>,
}

/// The codec of frames of kind `0x10`.
#[derive(Debug)]
enum CallerCodec {
    Unknown {
        detector: Box<CodecDetector>,
        /// The audio before the codec is known.
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

    /// Takes the caller's next audio. Returns whether the caller starts to speak in it.
    pub(super) fn starts_in(&mut self, audio: Audio<'_>) -> bool {
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
    /// Decodes `payload` and appends it to `samples`. Appends nothing while the codec is not known.
    fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) {
        match self {
            Self::Known(encoding) => encoding.decode(payload, samples),
            Self::Unknown {
                detector,
                undecoded,
            } => {
                detector.push(payload);
                // A frame of equal bytes is silence in each codec.
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

    /// Returns the number of the first frame of 20 ms that interrupts.
    fn interrupting_frame(
        detector: &mut BargeIn,
        codec: Encoding,
        samples: &[i16],
    ) -> Option<usize> {
        samples.chunks(160).position(|frame| {
            let payload: Vec<u8> = match codec {
                Encoding::G711(law) => frame.iter().map(|at| law.encode_sample(*at)).collect(),
                _ => frame
                    .iter()
                    .flat_map(|sample| sample.to_le_bytes())
                    .collect(),
            };
            detector.starts_in(Audio::new(SampleRate::Hz8000, &payload))
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

    /// Silence and then speech. Frame 50 is the first that is louder than -40 dB.
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
    fn speech_interrupts_in_its_first_frames_with_each_codec() {
        for codec in CODECS {
            let frame = interrupting_frame(&mut BargeIn::new(), codec, &speech());
            assert!(matches!(frame, Some(50..=51)), "{codec}: {frame:?}");
        }
    }

    #[test]
    fn the_noise_of_a_line_does_not_interrupt() {
        for codec in CODECS {
            // Noise of -45 dB, and then speech.
            let mut detector = BargeIn::new();
            let hiss = noise(320.0, 40_000);
            assert_eq!(
                interrupting_frame(&mut detector, codec, &hiss),
                None,
                "{codec}"
            );
            assert!(
                interrupting_frame(&mut detector, codec, &speech()).is_some(),
                "{codec}"
            );
        }
    }

    #[test]
    fn loud_noise_interrupts_before_the_codec_is_known() {
        let mut detector = BargeIn::new();
        let frame = interrupting_frame(&mut detector, Encoding::Slin, &noise(32_767.0, 8_000));
        assert!(frame.is_some_and(|frame| frame < 16), "{frame:?}");
    }

    #[test]
    fn speech_interrupts_after_a_change_of_the_rate() {
        let mut detector = BargeIn::new();
        let tone = [4_000, -4_000].map(i16::to_le_bytes).concat().repeat(160);
        for rate in [SampleRate::Hz16000, SampleRate::Hz8000, SampleRate::Hz16000] {
            assert!(!detector.starts_in(Audio::new(rate, &[0; 640])));
            assert!(detector.starts_in(Audio::new(rate, &tone)), "{rate}");
        }
    }
}
