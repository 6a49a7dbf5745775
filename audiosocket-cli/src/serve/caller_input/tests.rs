use audiosocket_media::barge_in::BargeInOptions;
use audiosocket_media::file::AudioReader;
use audiosocket_media::{Codec, Law, SampleRate};
use audiosocket_proto::{Frame, SessionConfig, Timestamp, Transmit};
use audiosocket_server::{CallDriver, CallRequest, Calls, Handler, Peer, Refusal, Response};
use audiosocket_testing::load::synthesize_speech;
use audiosocket_testing::sounds::LineEcho;
use audiosocket_tokio::AudioBuf;
use std::task::Waker;

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
    while let Some(frame) = Frame::split_first(&mut rest) {
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

/// Plays to one call, until the caller interrupts.
struct Bot {
    input: CallerInput,
    file: Vec<i16>,
    interrupted: Arc<Mutex<bool>>,
}

impl Handler for Bot {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.input.start(call);
        let file = AudioBuf::from_samples(SampleRate::Hz8000, &self.file);
        call.try_play(file).expect("room");
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if self.input.takes_audio(call, audio, true) {
            call.clear();
            *self.interrupted.lock().unwrap() = true;
        }
        Response::Nothing
    }
}

/// Calls a bot that plays `file`, in virtual time. The phone sends a frame every 20 ms, which `speak` makes from the frame that
/// it plays. Returns whether the caller interrupted, and the number of frames of silence before the end of the file.
fn call(file: &[i16], mut speak: impl FnMut(usize, &[i16]) -> Vec<i16>) -> (bool, usize) {
    let interrupted = Arc::new(Mutex::new(false));
    let bot = Mutex::new(Some(Bot {
        input: new(),
        file: file.to_vec(),
        interrupted: Arc::clone(&interrupted),
    }));
    let accept = move |_: &CallRequest<'_>| -> Result<Bot, Refusal> {
        Ok(bot.lock().unwrap().take().expect("one call"))
    };
    let (config, calls) = (SessionConfig::default(), Calls::default());
    let acceptor = Arc::new(audiosocket_server::acceptor_fn(accept));
    let mut now = Timestamp::ZERO;
    let mut call = CallDriver::new(acceptor, Peer::from("phone"), config, &calls, now);
    call.receive(now, b"\x01\x00\x10sixteen bytes !!");
    let mut silent = 0;
    for frame in 0..file.len() / 160 {
        let mut played = [0; 160];
        while let Transmit::Bytes(bytes) = call.poll_transmit() {
            let len = bytes.len();
            let mut rest = bytes;
            while let Some(frame) = Frame::split_first(&mut rest) {
                let (pairs, _) = frame.payload.as_chunks();
                for (sample, pair) in played.iter_mut().zip(pairs) {
                    *sample = i16::from_le_bytes(*pair);
                }
            }
            call.transmitted(now, len);
        }
        silent += usize::from(played == [0; 160]);
        let said = speak(frame, &played);
        let audio = AudioBuf::from_samples(SampleRate::Hz8000, &said);
        let mut bytes = vec![0x10, 1, 64];
        bytes.extend_from_slice(audio.as_audio().payload());
        now = now + Duration::from_millis(20);
        call.receive(now, &bytes);
        call.poll_commands(now, Waker::noop());
        call.handle_timeout(now);
    }
    drop(call);
    let interrupted = *interrupted.lock().unwrap();
    (interrupted, silent)
}

#[test]
fn the_echo_of_the_file_does_not_interrupt_and_speech_over_it_does() {
    let file = speech().split_off(8_000);
    let mut echo = LineEcho::new(SampleRate::Hz8000, Duration::from_millis(150), -25.0);
    let (interrupted, _) = call(&file, |_, played| echo.push(played));
    assert!(!interrupted);

    let mut echo = LineEcho::new(SampleRate::Hz8000, Duration::from_millis(150), -25.0);
    let caller = synthesize_speech(SampleRate::Hz8000);
    let mut caller = caller.chunks_exact(160).skip(10);
    let (interrupted, silent) = call(&file, |frame, played| {
        let mut said = echo.push(played);
        if frame >= 50
            && let Some(speech) = caller.next()
        {
            for (sample, other) in said.iter_mut().zip(speech) {
                *sample = sample.saturating_add(*other);
            }
        }
        said
    });
    assert!(interrupted);
    assert!(silent > file.len() / 160 / 4, "{silent} frames of silence");
}
