use std::fmt::Arguments;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{Audio, DtmfDigit, End, Frame, MarkOutcome, SampleRate};
use audiosocket_server::{
    Acceptor, Call, CallHandle, CallRequest, Exception, Handler, Peer, Refusal, Response,
};

/// One byte more than a frame takes.
static TOO_LONG: [u8; 65_536] = [0; 65_536];

/// Writes down what it is told and when, and answers as a script says.
#[derive(Clone)]
pub(super) struct Clerk {
    /// Taken round and round, one for each callback.
    answers: Arc<[u8]>,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Default)]
struct Desk {
    answered: usize,
    told: Vec<String>,
    /// How much of `told` is known.
    known: usize,
    call: Option<CallHandle>,
}

impl<'a> Arbitrary<'a> for Clerk {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = usize::from(u8::arbitrary(u)? % 32).min(u.len());
        Ok(Self {
            answers: u.bytes(count)?.into(),
            desk: Arc::default(),
        })
    }
}

impl Clerk {
    /// One that answers the same, and has been told nothing.
    pub(super) fn fresh(&self) -> Self {
        Self {
            answers: self.answers.clone(),
            desk: Arc::default(),
        }
    }

    /// What was told since this was last asked.
    pub(super) fn news(&self) -> Vec<String> {
        let mut desk = self.desk();
        let known = desk.known;
        desk.known = desk.told.len();
        desk.told[known..].to_vec()
    }

    /// The call, if it has begun.
    pub(super) fn call(&self) -> Option<CallHandle> {
        self.desk().call.clone()
    }

    /// Asserts that a call which began was told to have ended, once and last.
    pub(super) fn assert_told_all(&self) {
        let desk = self.desk();
        let first = |word| desk.told.iter().position(|line| line.starts_with(word));
        assert_eq!(
            first("end"),
            first("start").map(|_| desk.told.len() - 1),
            "{:#?}",
            desk.told
        );
    }

    fn act<'a>(&self, call: &mut Call<'_>, line: Arguments<'_>, audio: Audio<'a>) -> Response<'a> {
        let answer = self.note(format!("{line} at {:?}", call.duration()));
        match answer {
            0x00..0x50 => Response::Nothing,
            0x50..0x90 => audio.into(),
            0x90..0xc0 => {
                for _ in 0..answer % 8 {
                    let sent = call.send(audio);
                    let mut desk = self.desk();
                    let line = desk.told.last_mut().expect("the line of this callback");
                    line.push_str(&format!(", {sent:?}"));
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
            0xf8.. => panic_as_asked(),
        }
    }

    /// Writes a line down, and tells how to answer.
    fn note(&self, line: String) -> u8 {
        let mut desk = self.desk();
        desk.told.push(line);
        desk.answered += 1;
        // An echo, if nothing is said of it.
        let place = desk.answered.checked_rem(self.answers.len());
        place.map_or(0x50, |place| self.answers[place])
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Panics without a word to the panic hook: libFuzzer's ends the process, since it takes every panic
/// for a finding, and the one of `cargo test` would print all of them. Beyond the hook it is a panic
/// like any other.
fn panic_as_asked() -> ! {
    std::panic::resume_unwind(Box::new("as asked"));
}

/// What those callbacks answer that have no audio to echo.
const KEY: Audio<'static> = Audio::new(SampleRate::Hz8000, b"key");

impl Acceptor for Clerk {
    type Handler = Self;

    fn accept(&self, request: &CallRequest<'_>) -> std::result::Result<Self, Refusal> {
        match self.note(format!("accept {}", request.uuid)) {
            0xf0.. => panic_as_asked(),
            0xe0..0xf0 => Err(Refusal::new("as asked")),
            _ => Ok(self.clone()),
        }
    }

    fn on_exception(&self, _peer: &Peer, error: &Exception) {
        if self.note(format!("no call: {error:?}")) >= 0xf0 {
            panic_as_asked();
        }
    }
}

impl Handler for Clerk {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.desk().call = Some(call.handle());
        let _ = self.act(call, format_args!("start"), KEY);
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let (rate, len, first) = (audio.rate(), audio.len(), audio[0]);
        self.act(call, format_args!("audio {rate} {len} {first}"), audio)
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.act(call, format_args!("dtmf {digit}"), KEY)
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        let _ = self.act(call, format_args!("mark {mark} {outcome:?}"), KEY);
    }

    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        let len = frame.payload.len();
        let _ = self.act(call, format_args!("ignored {} {len}", frame.kind), KEY);
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        let _ = self.act(call, format_args!("exception {error:?}"), KEY);
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        let _ = self.act(call, format_args!("end {end:?}"), KEY);
    }
}
