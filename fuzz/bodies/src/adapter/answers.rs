use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{Audio, DtmfDigit, End, Frame, MarkOutcome, SampleRate};
use audiosocket_server::{
    Acceptor, Call, CallRequest, Exception, Handler, Peer, Refusal, Response,
};
use audiosocket_testing::transcript::{Transcript, TranscriptAcceptor};

/// Audio that is one byte longer than a frame can be.
static TOO_LONG: [u8; 65_536] = [0; 65_536];

/// The audio that callbacks without audio send.
const KEY: Audio<'static> = Audio::new(SampleRate::Hz8000, b"key");

/// The answers of the callbacks, one byte for each callback. After the last byte, the first one is next.
#[derive(Clone)]
pub(super) struct Script(Arc<[u8]>);

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = usize::from(u8::arbitrary(u)? % 32).min(u.len());
        Ok(Self(u.bytes(count)?.into()))
    }
}

/// A handler and acceptor that answers with a [`Script`]. It writes the time and the results of `send` to the transcript.
#[derive(Clone)]
pub(super) struct ScriptedAnswers {
    script: Script,
    answered: Arc<AtomicUsize>,
    transcript: Transcript,
}

impl ScriptedAnswers {
    /// Makes an acceptor that starts with the first byte of `script`.
    pub(super) fn recorded(script: &Script) -> TranscriptAcceptor<Self> {
        let transcript = Transcript::new();
        let answers = Self {
            script: script.clone(),
            answered: Arc::default(),
            transcript: transcript.clone(),
        };
        TranscriptAcceptor::new(answers).record_into(&transcript)
    }

    fn act<'a>(&self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.transcript
            .note_about(call, format!("at {:?}", call.duration()));
        let answer = self.next();
        match answer {
            0x00..0x50 => Response::Nothing,
            0x50..0x90 => audio.into(),
            0x90..0xc0 => {
                for _ in 0..answer % 8 {
                    let sent = call.send(audio);
                    self.transcript.note_about(call, format!("{sent:?}"));
                }
                audio.into()
            }
            0xc0..0xd8 => {
                let rate = SampleRate::ALL[usize::from(answer) % SampleRate::ALL.len()];
                (rate, vec![answer; 640].into()).into()
            }
            0xd8..0xe0 => TOO_LONG[..].into(),
            0xe0..0xe8 => Vec::new().into(),
            0xe8..0xf0 => Response::Hangup,
            0xf0..0xf8 => {
                call.hangup();
                audio.into()
            }
            0xf8.. => panic_by_script(),
        }
    }

    /// Returns the next byte of the script. A script without bytes is an echo.
    fn next(&self) -> u8 {
        let answered = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        let place = answered.checked_rem(self.script.0.len());
        place.map_or(0x50, |place| self.script.0[place])
    }
}

/// Panics without the panic hook. The hook of libFuzzer ends the process at every panic. The hook of `cargo test` prints
/// every panic.
fn panic_by_script() -> ! {
    std::panic::resume_unwind(Box::new("the script asked for a panic"));
}

impl Acceptor for ScriptedAnswers {
    type Handler = Self;

    fn accept(&self, _request: &CallRequest<'_>) -> std::result::Result<Self, Refusal> {
        match self.next() {
            0xf0.. => panic_by_script(),
            0xe0..0xf0 => Err(Refusal::new("the script asked for a refusal")),
            _ => Ok(self.clone()),
        }
    }

    fn on_exception(&self, _peer: &Peer, _error: &Exception) {
        if self.next() >= 0xf0 {
            panic_by_script();
        }
    }
}

impl Handler for ScriptedAnswers {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let _ = self.act(call, KEY);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.act(call, audio)
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, _digit: DtmfDigit) -> Response<'static> {
        self.act(call, KEY)
    }

    fn on_mark(&mut self, call: &mut Call<'_>, _mark: u64, _outcome: MarkOutcome) {
        let _ = self.act(call, KEY);
    }

    fn on_ignored(&mut self, call: &mut Call<'_>, _frame: Frame<'_>) {
        let _ = self.act(call, KEY);
    }

    fn on_exception(&mut self, call: &mut Call<'_>, _error: &Exception) {
        let _ = self.act(call, KEY);
    }

    fn on_end(&mut self, call: &mut Call<'_>, _end: End) {
        let _ = self.act(call, KEY);
    }
}
