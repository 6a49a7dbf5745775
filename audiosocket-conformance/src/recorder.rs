use std::net::SocketAddr;
use std::panic::resume_unwind;

use audiosocket_proto::{Audio, DtmfDigit, End, Frame, MarkOutcome, Uuid};
use audiosocket_server::{
    Acceptor, Call, CallRequest, Exception, Handler, Peer, Refusal, Response,
};

use crate::frames::speech;
use crate::transcript::{Transcripts, digest};
use crate::{orders, playing};

/// Makes handlers that write down every callback, and do what the peer's bytes tell them: the text
/// of the UUID says how a call goes, audio that begins with an [order](orders) how it is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    transcripts: Transcripts,
    door: Door,
}

/// What becomes of whoever connects.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Door {
    /// They may go on to call.
    #[default]
    Open,
    /// They are refused.
    Shut,
    /// The question panics.
    Panics,
}

impl Recorder {
    pub(crate) fn new(transcripts: &Transcripts, door: Door) -> Self {
        let transcripts = transcripts.clone();
        Self { transcripts, door }
    }
}

impl Acceptor for Recorder {
    type Handler = Recording;

    fn admit_peer(&self, _peer: &Peer) -> Result<(), Refusal> {
        match self.door {
            Door::Open => Ok(()),
            Door::Shut => Err(Refusal::new("nobody is let in")),
            Door::Panics => panic("admit_peer"),
        }
    }

    fn accept(&self, request: &CallRequest<'_>) -> Result<Recording, Refusal> {
        let recording = Recording {
            transcripts: self.transcripts.clone(),
            peer: addr(request.peer),
            uuid: request.uuid,
            name: name(request.uuid),
        };
        recording.write(format!("accept {}", recording.name));
        recording.panic_in("accept");
        if recording.name == "refuse" {
            return Err(Refusal::new("told to"));
        }
        Ok(recording)
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        let line = format!("no call: {error}");
        // The only thing that a peer can say to an acceptor alone is a first frame of a kind.
        let panics = line.contains("kind 0x50");
        self.transcripts.write(addr(peer), line);
        if panics {
            panic("no call");
        }
    }
}

/// The handler of one call.
pub(crate) struct Recording {
    transcripts: Transcripts,
    peer: SocketAddr,
    uuid: Uuid,
    name: String,
}

impl Recording {
    fn write(&self, line: String) {
        self.transcripts.write(self.peer, line);
    }

    /// Writes down a callback, and that it is about this handler's call.
    fn told(&self, call: &Call<'_>, line: String) {
        let ours = call.uuid() == self.uuid && addr(call.peer()) == self.peer;
        self.write(if ours {
            line
        } else {
            format!("of another call: {line}")
        });
    }

    fn panic_in(&self, callback: &'static str) {
        if self.name.strip_prefix("panic in ") == Some(callback) {
            panic(callback);
        }
    }
}

impl Handler for Recording {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.transcripts
            .with(self.peer, |page| page.handle = Some(call.handle()));
        self.told(call, "start".to_owned());
        self.panic_in("start");
        match &self.name[..] {
            "greet" => call
                .send(Audio::new(Default::default(), b"welcome"))
                .unwrap(),
            "hang up at start" => call.hangup(),
            "greet by playing" => call.play(Default::default(), speech(700)).unwrap(),
            _ => {}
        }
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if audio.starts_with(b"flood") || audio.starts_with(b"hush") {
            self.transcripts.with(self.peer, |page| page.unwritten += 1);
        } else {
            self.told(call, format!("audio {} {}", audio.rate(), digest(&audio)));
        }
        orders::obey(call, audio, |line| self.write(line))
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.told(call, format!("dtmf {digit}"));
        self.panic_in("dtmf");
        match digit.as_char() {
            '*' if self.name == "answer keys" => b"star"[..].into(),
            '#' if self.name == "answer keys" => Response::Hangup,
            _ => Response::Nothing,
        }
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        self.told(call, format!("mark {mark}: {outcome:?}"));
        self.panic_in("mark");
        if self.name == "hang up at mark" {
            call.hangup();
        }
    }

    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        let line = format!("ignored {} {}", frame.kind, digest(frame.payload));
        self.told(call, line);
        self.panic_in("ignored");
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        self.told(call, format!("exception: {error}"));
        self.panic_in("error");
        if self.name == "hang up on error" {
            call.hangup();
        }
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.told(call, format!("end: {end}"));
        self.panic_in("end");
        if self.name == "speak at end" {
            let result = call.send(Audio::new(Default::default(), b"too late"));
            self.write(orders::outcome(result));
            call.hangup();
        }
        if self.name == "play at end" {
            let result = call.play(Default::default(), b"too late".to_vec());
            playing::note(result, |line| self.write(line));
            playing::note(call.mark(1), |line| self.write(line));
            call.hangup_after_playout();
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.name == "tell of drop" {
            self.write("drop".to_owned());
        }
        self.panic_in("drop");
    }
}

/// As `panic!` does, but without the panic hook, which would fill the output of good cases.
fn panic(callback: &'static str) -> ! {
    resume_unwind(Box::new(callback))
}

fn addr(peer: &Peer) -> SocketAddr {
    peer.socket_addr().unwrap()
}

/// The text that the bytes of a UUID are, or its usual form if they are none.
fn name(uuid: Uuid) -> String {
    match str::from_utf8(uuid.as_bytes()) {
        Ok(text) if !text.contains(char::is_control) => text.trim_end().to_owned(),
        _ => uuid.to_string(),
    }
}
