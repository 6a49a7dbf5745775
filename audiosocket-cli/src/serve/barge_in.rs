use std::time::{Duration, Instant};

use audiosocket_media::vad::{EnergyOptions, EnergyVad, Timing, VadEvent};
use audiosocket_media::{AudioDecoder, Decoded};
use audiosocket_tokio::{Audio, Call, SampleRate};

use super::input_options::{InputOptions, log_warning};

/// How much of speech it takes to interrupt: the first loud frame of 20 ms does.
const ATTACK: Duration = Duration::from_millis(20);

/// What is quieter does not interrupt, in dB of full scale. A line whose noise was louder than that
/// would interrupt before the noise is known.
const QUIETEST: f32 = -40.0;

/// Detects the start of the caller's speech, whatever codec `Dial` passes on. Compressed audio
/// is never speech, because its level is not known.
#[derive(Debug)]
pub(super) struct InterruptionDetector {
    rate: SampleRate,
    vad: EnergyVad,
    decoder: AudioDecoder,
    events: Vec<VadEvent>,
}

impl InterruptionDetector {
    pub(super) fn new(caller: InputOptions) -> Self {
        let rate = SampleRate::Hz8000;
        Self {
            rate,
            vad: vad(rate),
            decoder: caller.decoder(),
            events: Vec::new(),
        }
    }

    /// Takes the caller's next audio. Returns whether the caller starts to speak in it.
    fn starts_in(&mut self, audio: Audio<'_>, at: Instant) -> bool {
        let Decoded::Samples { rate, samples } = self.decoder.push(audio, at) else {
            return false;
        };
        if rate != self.rate {
            self.rate = rate;
            self.vad = vad(rate);
        }
        self.events.clear();
        self.vad.push(samples, &mut self.events);
        let started = |event: &VadEvent| matches!(event, VadEvent::SpeechStarted { .. });
        self.events.iter().any(started)
    }

    /// Takes audio that has just come on `call`. Returns whether the caller starts to speak in it. Logs the warning of the
    /// decoder, if there is one.
    pub(super) fn takes_audio(&mut self, call: &Call<'_>, audio: Audio<'_>) -> bool {
        let starts = self.starts_in(audio, Instant::now());
        log_warning(&mut self.decoder, call.uuid());
        starts
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
    use audiosocket_media::file::AudioReader;
    use audiosocket_media::{Codec, Law};

    use super::*;

    const CODECS: [Codec; 3] = [Codec::Slin, Codec::G711(Law::Mu), Codec::G711(Law::A)];

    /// The number of the first frame of 20 ms in which an interruption is heard.
    fn interrupting_frame(
        detector: &mut InterruptionDetector,
        codec: Codec,
        samples: &[i16],
    ) -> Option<usize> {
        let mut at = Instant::now();
        samples.chunks(160).position(|frame| {
            at += Duration::from_millis(20);
            let payload: Vec<u8> = match codec {
                Codec::G711(law) => frame.iter().map(|at| law.encode_sample(*at)).collect(),
                _ => frame
                    .iter()
                    .flat_map(|sample| sample.to_le_bytes())
                    .collect(),
            };
            detector.starts_in(Audio::new(SampleRate::Hz8000, &payload), at)
        })
    }

    fn new() -> InterruptionDetector {
        InterruptionDetector::new(InputOptions::default())
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
    fn speech_interrupts_in_its_first_frames_with_each_codec() {
        for codec in CODECS {
            let frame = interrupting_frame(&mut new(), codec, &speech());
            assert!(matches!(frame, Some(50..=51)), "{codec}: {frame:?}");
        }
    }

    #[test]
    fn the_noise_of_a_line_does_not_interrupt() {
        for codec in CODECS {
            // -45 dB, from the first sample on, and speech in the end.
            let mut detector = new();
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

    /// The frames of `name`, see `audiosocket-media/tests/codecs`.
    fn compressed(name: &str) -> Vec<Vec<u8>> {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../audiosocket-media/tests/codecs"
        );
        let file = std::fs::read(format!("{folder}/{name}.bin")).expect("the frames");
        let (mut rest, mut payloads) = (&file[..], Vec::new());
        while let Some(frame) = audiosocket_proto::Frame::split_first(&mut rest) {
            payloads.push(frame.payload.to_vec());
        }
        payloads
    }

    #[test]
    fn compressed_speech_does_not_interrupt_and_speech_in_g722_does() {
        for (name, ms, wanted) in [
            ("gsm.voices.-20.20", 20, false),
            ("gsm.voices.-20.60", 60, false),
            ("opus24.voices.-20.20", 20, false),
            ("opus40.voices.-20.60", 60, false),
            ("opus64cbr.voices.-20.20", 20, false),
            ("g726.voices.-20.20", 20, false),
            ("g729.voices.-20.20", 20, false),
            ("speex8.voices.-20.20", 20, false),
            ("speex16.voices.-20.20", 20, false),
            ("g722.voices.-20.20", 20, true),
        ] {
            let (mut detector, mut at) = (new(), Instant::now());
            let interrupted = compressed(name).iter().any(|payload| {
                at += Duration::from_millis(ms);
                detector.starts_in(Audio::new(SampleRate::Hz8000, payload), at)
            });
            assert_eq!(interrupted, wanted, "{name}");
        }
    }

    #[test]
    fn speech_interrupts_after_a_change_of_the_rate() {
        let mut detector = new();
        let tone = [4_000, -4_000].map(i16::to_le_bytes).concat().repeat(160);
        for rate in [SampleRate::Hz16000, SampleRate::Hz8000, SampleRate::Hz16000] {
            let at = Instant::now();
            assert!(!detector.starts_in(Audio::new(rate, &[0; 640]), at));
            assert!(detector.starts_in(Audio::new(rate, &tone), at), "{rate}");
        }
    }
}
