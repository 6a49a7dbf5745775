//! What a caller says and presses, for servers that play.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use audiosocket_media::barge_in::{BargeIn, BargeInEvent};
use audiosocket_media::dtmf::KeyInput;
use audiosocket_media::{AudioDecoder, Codec, Decoded};
use audiosocket_tokio::{Audio, Call, DtmfDigit};
use clap::Args;

use super::barge_in_args::BargeInPolicy;
use super::input_options::{InputOptions, report};

/// A pause ends if no audio of the caller comes for this time, because nothing else would end it. Some phones send
/// nothing while the caller is silent.
const LONGEST_GAP: Duration = Duration::from_millis(200);

#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct InbandKeyOptions {
    /// Take no tones in the caller's audio for keys
    #[arg(long, help_heading = "Runtime", hide = true)]
    no_inband_keys: bool,
}

/// Detects speech that interrupts, and keys, whatever codec `Dial` passes on. Compressed audio is never speech, because it
/// has no samples.
#[derive(Debug)]
pub(super) struct CallerInput {
    decoder: AudioDecoder,
    codec: Option<Codec>,
    /// `None` if only frames are keys.
    keys: Option<KeyInput>,
    /// The keys whose tones came. The oldest is the first.
    pressed: Vec<DtmfDigit>,
    policy: BargeInPolicy,
    interruption: Arc<Mutex<Interruption>>,
    events: Vec<BargeInEvent>,
    /// The time at which the connection was accepted, by the clock of the call. `None` before [`start`](Self::start).
    accepted: Option<Instant>,
}

/// What the callbacks of a call share with the observer of its sent audio.
#[derive(Debug)]
struct Interruption {
    barge_in: BargeIn,
    /// While the playout is paused: when the pause ends if no audio of the caller comes, since the connection was accepted.
    paused_until: Option<Duration>,
}

fn lock(interruption: &Mutex<Interruption>) -> MutexGuard<'_, Interruption> {
    interruption.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CallerInput {
    pub(super) fn new(
        caller: InputOptions,
        options: InbandKeyOptions,
        policy: BargeInPolicy,
    ) -> Self {
        let interruption = Interruption {
            barge_in: BargeIn::new(policy.options),
            paused_until: None,
        };
        Self {
            decoder: caller.decoder(),
            codec: None,
            keys: (!options.no_inband_keys).then(KeyInput::new),
            pressed: Vec::new(),
            policy,
            interruption: Arc::new(Mutex::new(interruption)),
            events: Vec::new(),
            accepted: None,
        }
    }

    /// Follows what `call` sends from now on. Its echo does not interrupt, and its first part is protected. A second time
    /// has no effect.
    pub(super) fn start(&mut self, call: &mut Call<'_>) {
        if self.accepted.is_some() {
            return;
        }
        let now = Instant::now();
        let accepted = now.checked_sub(call.duration()).unwrap_or(now);
        self.accepted = Some(accepted);
        let handle = call.handle();
        let interruption = Arc::clone(&self.interruption);
        call.observe_sent(move |frame| {
            let mut interruption = lock(&interruption);
            let at = accepted + frame.at;
            interruption.barge_in.played(frame.audio, at);
            if interruption
                .paused_until
                .is_some_and(|until| frame.at > until)
            {
                interruption.paused_until = None;
                handle.resume();
            }
        });
    }

    /// Takes audio that has just come on `call`. If it may be speech that interrupts, the call pauses until that is certain.
    /// Returns whether it interrupts: then clear the playout. `is_interruptible` is false if the call plays nothing that
    /// speech interrupts.
    pub(super) fn takes_audio(
        &mut self,
        call: &mut Call<'_>,
        audio: Audio<'_>,
        is_interruptible: bool,
    ) -> bool {
        self.push(audio, self.now(call));
        report(&mut self.decoder, &mut self.codec, call);
        let mut interruption = lock(&self.interruption);
        let mut interrupts = false;
        for event in self.events.drain(..) {
            match event {
                BargeInEvent::Suspected if is_interruptible && self.policy.pauses => {
                    call.pause();
                    interruption.paused_until = Some(Duration::ZERO);
                    tracing::debug!(uuid = %call.uuid(), "paused: the caller may speak");
                }
                BargeInEvent::Dismissed if interruption.paused_until.take().is_some() => {
                    call.resume();
                    tracing::debug!(uuid = %call.uuid(), "resumed: the caller does not speak");
                }
                BargeInEvent::Interrupted if is_interruptible => {
                    interruption.paused_until = None;
                    interrupts = true;
                }
                _ => {}
            }
        }
        if let Some(until) = &mut interruption.paused_until {
            *until = call.duration() + LONGEST_GAP;
        }
        interrupts
    }

    /// Takes the caller's next audio: appends keys to `pressed`, and what it says about speech to `events`.
    fn push(&mut self, audio: Audio<'_>, at: Instant) {
        let Decoded::Samples { rate, samples } = self.decoder.push(audio, at) else {
            return;
        };
        if let Some(keys) = &mut self.keys {
            keys.push_samples(rate, samples, at, &mut self.pressed);
        }
        if self.policy.options.interrupters.speech() {
            let barge_in = &mut lock(&self.interruption).barge_in;
            barge_in.push(rate, samples, at, &mut self.events);
        }
    }

    /// Returns the next key whose tones came in the audio.
    pub(super) fn next_key(&mut self, call: &Call<'_>) -> Option<DtmfDigit> {
        let digit = (!self.pressed.is_empty()).then(|| self.pressed.remove(0))?;
        tracing::debug!(uuid = %call.uuid(), %digit, "key pressed: its tones came");
        Some(digit)
    }

    /// Takes a frame of a key. Returns false if the tones of this press came before.
    pub(super) fn takes_key(&mut self, call: &Call<'_>, digit: DtmfDigit) -> bool {
        let at = self.now(call);
        let Some(keys) = &mut self.keys else {
            return true;
        };
        keys.push_frame(digit, at).is_some()
    }

    /// Returns the time by the clock of the call.
    fn now(&self, call: &Call<'_>) -> Instant {
        let now = |accepted| accepted + call.duration();
        self.accepted.map_or_else(Instant::now, now)
    }

    /// Returns whether a key interrupts now.
    pub(super) fn key_interrupts(&self) -> bool {
        lock(&self.interruption).barge_in.key_interrupts()
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_media::barge_in::BargeInOptions;
    use audiosocket_media::file::AudioReader;
    use audiosocket_media::{Codec, Law, SampleRate};
    use audiosocket_testing::load::synthesize_speech;
    use audiosocket_tokio::AudioBuf;

    use super::*;

    const CODECS: [Codec; 3] = [Codec::Slin, Codec::G711(Law::Mu), Codec::G711(Law::A)];

    fn interrupts(input: &mut CallerInput, audio: Audio<'_>, at: Instant) -> bool {
        input.push(audio, at);
        let mut events = input.events.drain(..);
        events.any(|event| event == BargeInEvent::Interrupted)
    }

    /// Returns the number of the first frame of 20 ms that interrupts.
    fn interrupting_frame(input: &mut CallerInput, codec: Codec, samples: &[i16]) -> Option<usize> {
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
            interrupts(input, Audio::new(SampleRate::Hz8000, &payload), at)
        })
    }

    fn new() -> CallerInput {
        let policy = BargeInPolicy {
            options: BargeInOptions::default(),
            pauses: true,
        };
        CallerInput::new(InputOptions::default(), InbandKeyOptions::default(), policy)
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
    fn speech_interrupts_within_500_ms_with_each_codec() {
        for codec in CODECS {
            let frame = interrupting_frame(&mut new(), codec, &speech());
            assert!(matches!(frame, Some(50..75)), "{codec}: {frame:?}");
        }
    }

    #[test]
    fn the_noise_of_a_line_does_not_interrupt() {
        for codec in CODECS {
            // -45 dB, from the first sample on, and speech in the end.
            let mut input = new();
            let hiss = noise(320.0, 40_000);
            assert_eq!(
                interrupting_frame(&mut input, codec, &hiss),
                None,
                "{codec}"
            );
            assert!(
                interrupting_frame(&mut input, codec, &speech()).is_some(),
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
            let (mut input, mut at) = (new(), Instant::now());
            let interrupted = compressed(name).iter().any(|payload| {
                at += Duration::from_millis(ms);
                interrupts(&mut input, Audio::new(SampleRate::Hz8000, payload), at)
            });
            assert_eq!(interrupted, wanted, "{name}");
        }
    }

    #[test]
    fn speech_interrupts_after_a_change_of_the_rate() {
        let (mut input, mut at) = (new(), Instant::now());
        for rate in [SampleRate::Hz16000, SampleRate::Hz8000, SampleRate::Hz16000] {
            let second = Duration::from_secs(1);
            let silence = vec![0; rate.samples_in(second) as usize];
            let silence = AudioBuf::from_samples(rate, &silence);
            at += second;
            assert!(!interrupts(&mut input, silence.as_audio(), at), "{rate}");
            let speech = AudioBuf::from_samples(rate, &synthesize_speech(rate));
            at += speech.duration();
            assert!(interrupts(&mut input, speech.as_audio(), at), "{rate}");
        }
    }
}
