//! What the tests of this crate share: an Asterisk made of bytes, and a handler that writes down
//! what it is told.

use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::{
    Acceptor, Audio, Call, CallRequest, DtmfDigit, End, Exception, Handler, Peer, Refusal, Response,
};
use tokio::sync::mpsc;

/// What the handler was told, one line a callback.
pub(crate) type Transcript = mpsc::UnboundedReceiver<String>;

/// `uuid` as the frame that begins a call.
pub(crate) fn uuid_frame(uuid: u128) -> Vec<u8> {
    let mut frame = vec![0x01, 0, 16];
    frame.extend(uuid.to_be_bytes());
    frame
}

/// The default, but that nothing is sent without being asked for.
pub(crate) fn no_silence() -> SessionConfig {
    SessionConfig::new().fill_silence(false)
}

/// A frame of 8 kHz audio.
pub(crate) fn audio_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x10];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame
}

/// Takes every call and tells what happens on it. Echoes audio, but for payloads that begin with
/// `panic`, at which it panics, and `bye`, at which it hangs up.
pub(crate) struct Recorder(mpsc::UnboundedSender<String>);

impl Recorder {
    pub(crate) fn new() -> (Self, Transcript) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    fn tell(&self, line: String) {
        // The test may have seen enough.
        let _ = self.0.send(line);
    }
}

impl Acceptor for Recorder {
    type Handler = Self;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self, Refusal> {
        if request.uuid.is_max() {
            return Err(Refusal::new("not you"));
        }
        Ok(Self(self.0.clone()))
    }

    fn on_exception(&self, _peer: &Peer, error: &Exception) {
        self.tell(format!("no call: {error}"));
    }
}

impl Handler for Recorder {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.tell(format!("start {}", call.uuid().as_u128()));
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let uuid = call.uuid().as_u128();
        self.tell(format!(
            "audio {uuid} {} {} bytes",
            audio.rate(),
            audio.len()
        ));
        assert!(!audio.starts_with(b"panic"), "told to");
        if audio.starts_with(b"bye") {
            Response::Hangup
        } else {
            audio.into()
        }
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.tell(format!("dtmf {} {digit}", call.uuid().as_u128()));
        Response::Nothing
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        self.tell(format!("exception {} {error}", call.uuid().as_u128()));
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.tell(format!("end {} {end}", call.uuid().as_u128()));
    }
}

/// The next line; fails rather than hangs if none comes.
pub(crate) async fn next(transcript: &mut Transcript) -> String {
    let line = tokio::time::timeout(std::time::Duration::from_secs(60), transcript.recv()).await;
    line.expect("nothing was told for 60 s")
        .expect("nothing more will be told")
}
