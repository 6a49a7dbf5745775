//! An acceptor whose handlers record their callbacks, and panic or hang up where a test needs it.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use audiosocket_proto::{
    Audio, DtmfDigit, End, Frame, MarkOutcome, SessionConfig, Timestamp, Transmit,
};
use audiosocket_server::{
    Acceptor, Admission, Call, CallDriver, CallRequest, Calls, Exception, Handler, Peer, Refusal,
    Response,
};

use crate::call::uuid_frame;
use crate::emitted::assert_asterisk_accepts;

/// The callbacks, one line each. Clones share the lines.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<String>>>);

impl Transcript {
    pub(crate) fn add(&self, line: impl Into<String>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.into());
    }

    /// Removes and returns the lines.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lines)
    }
}

type OnAudio = dyn for<'a> Fn(&mut Call<'_>, Audio<'a>) -> Response<'a> + Send + Sync;
type OnAny = dyn Fn(&'static str, &mut Call<'_>) + Send + Sync;

/// Makes handlers that record in its transcript.
#[derive(Clone)]
pub(crate) struct RecordingAcceptor {
    pub(crate) transcript: Transcript,
    refusal: Option<&'static str>,
    panic_in: &'static [&'static str],
    on_audio: Arc<OnAudio>,
    on_any: Arc<OnAny>,
}

impl RecordingAcceptor {
    /// Makes handlers that answer nothing.
    pub(crate) fn new() -> Self {
        Self {
            transcript: Transcript::default(),
            refusal: None,
            panic_in: &[],
            on_audio: Arc::new(|_, _| Response::Nothing),
            on_any: Arc::new(|_, _| {}),
        }
    }

    pub(crate) fn echo() -> Self {
        Self::new().on_audio(|_, audio| audio.into())
    }

    pub(crate) fn refusing(reason: &'static str) -> Self {
        Self {
            refusal: Some(reason),
            ..Self::new()
        }
    }

    /// Panics in these callbacks, after they are recorded.
    pub(crate) fn panicking_in(callbacks: &'static [&'static str]) -> Self {
        Self {
            panic_in: callbacks,
            ..Self::new()
        }
    }

    pub(crate) fn on_audio(
        mut self,
        on_audio: impl for<'a> Fn(&mut Call<'_>, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
    ) -> Self {
        self.on_audio = Arc::new(on_audio);
        self
    }

    /// Runs `on_any` in each callback of a handler, with the name of the callback.
    pub(crate) fn on_any(
        mut self,
        on_any: impl Fn(&'static str, &mut Call<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.on_any = Arc::new(on_any);
        self
    }

    fn note(&self, callback: &'static str, line: String) {
        self.transcript.add(line);
        if self.panic_in.contains(&callback) {
            panic!("in {callback}");
        }
    }
}

impl Acceptor for RecordingAcceptor {
    type Handler = RecordingHandler;

    fn accept(&self, request: &CallRequest<'_>) -> Result<RecordingHandler, Refusal> {
        let line = format!("accept {} from {}", request.uuid, request.peer);
        self.note("accept", line);
        match self.refusal {
            Some(reason) => Err(Refusal::new(reason)),
            None => Ok(RecordingHandler(self.clone())),
        }
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        let line = format!("no call from {peer}: {error:?}");
        self.note("acceptor's on_exception", line);
    }
}

/// Refuses every peer that connects.
pub(crate) fn refusing_peers(reason: &'static str) -> Admission {
    Admission::new().admit_peer(move |peer| Err(Refusal::new(format!("{peer}: {reason}"))))
}

/// The handler of one call.
pub(crate) struct RecordingHandler(RecordingAcceptor);

impl RecordingHandler {
    fn note(&self, callback: &'static str, call: &mut Call<'_>, line: String) {
        (self.0.on_any)(callback, call);
        self.0.note(callback, line);
    }
}

impl Handler for RecordingHandler {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.note("on_start", call, "start".to_owned());
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let line = format!("audio {} {}", audio.rate(), audio.len());
        self.note("on_audio", call, line);
        (self.0.on_audio)(call, audio)
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.note("on_dtmf", call, format!("dtmf {digit}"));
        match digit.as_char() {
            '#' => Response::Hangup,
            '*' => b"star"[..].into(),
            _ => Response::Nothing,
        }
    }

    fn on_mark(&mut self, call: &mut Call<'_>, mark: u64, outcome: MarkOutcome) {
        self.note("on_mark", call, format!("mark {mark} {outcome:?}"));
    }

    fn on_ignored(&mut self, call: &mut Call<'_>, frame: Frame<'_>) {
        let line = format!("ignored {} {}", frame.kind, frame.payload.len());
        self.note("on_ignored", call, line);
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        self.note("on_exception", call, format!("exception {error:?}"));
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.note("on_end", call, format!("end {end:?}"));
    }
}

impl Drop for RecordingHandler {
    fn drop(&mut self) {
        self.0.note("drop", "drop".to_owned());
    }
}

/// A connection to an acceptor, with a clock that only the test moves.
pub(crate) struct TestConnection<A: Acceptor> {
    pub(crate) driver: CallDriver<A>,
    pub(crate) now: Timestamp,
    pub(crate) calls: Calls,
    /// All bytes that were written.
    sent: Vec<u8>,
}

impl<A: Acceptor> TestConnection<A> {
    /// A connection that was just accepted.
    pub(crate) fn new(acceptor: A) -> Self {
        Self::with(acceptor, |config| config)
    }

    pub(crate) fn with(
        acceptor: A,
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
    ) -> Self {
        Self::among(&Calls::default(), acceptor, configure)
    }

    pub(crate) fn among(
        calls: &Calls,
        acceptor: A,
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
    ) -> Self {
        let config = configure(SessionConfig::new().fill_silence(false).fade_cuts(false));
        let now = Timestamp::from_nanos(77_000_000_000);
        Self {
            driver: CallDriver::new(Arc::new(acceptor), Peer::from("tester"), config, calls, now),
            calls: calls.clone(),
            now,
            sent: Vec::new(),
        }
    }

    /// A connection that has received its UUID.
    pub(crate) fn talking(acceptor: A) -> Self {
        Self::talking_with(acceptor, |config| config)
    }

    pub(crate) fn talking_among(calls: &Calls, acceptor: A) -> Self {
        let mut line = Self::among(calls, acceptor, |config| config);
        line.receive(&uuid_frame());
        line
    }

    pub(crate) fn talking_with(
        acceptor: A,
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
    ) -> Self {
        let mut line = Self::with(acceptor, configure);
        line.receive(&uuid_frame());
        line
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.driver.receive(self.now, bytes);
    }

    pub(crate) fn eof(&mut self) {
        self.driver.handle_eof(self.now);
    }

    pub(crate) fn read_error(&mut self, kind: std::io::ErrorKind) {
        self.driver.handle_read_error(self.now, kind.into());
    }

    pub(crate) fn write_error(&mut self, kind: std::io::ErrorKind) {
        self.driver.handle_write_error(self.now, kind.into());
    }

    /// Moves the clock, without the deadlines.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Moves the clock, and handles the deadlines that have come.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.pass(time);
        self.driver.handle_timeout(self.now);
    }

    pub(crate) fn poll_commands(&mut self) {
        self.driver.poll_commands(self.now, Waker::noop());
    }

    pub(crate) fn transmit(&self) -> Transmit<'_> {
        self.driver.poll_transmit()
    }

    /// Takes all bytes that the driver sends, and returns them.
    pub(crate) fn flush(&mut self) -> Vec<u8> {
        let Transmit::Bytes(bytes) = self.driver.poll_transmit() else {
            return Vec::new();
        };
        let bytes = bytes.to_vec();
        self.driver.transmitted(self.now, bytes.len());
        self.sent.extend_from_slice(&bytes);
        assert_asterisk_accepts(&self.sent);
        bytes
    }

    /// Tries to cause another callback, or bytes after the end. Then drives the connection until it closes.
    pub(crate) fn expect_close(&mut self) {
        self.receive(&crate::wire::frame(0x10, &[1, 2]));
        self.receive(&crate::wire::frame(0x03, b"1"));
        self.driver.handle().hangup();
        self.poll_commands();
        self.flush();
        self.driver.half_closed();
        self.eof();
        assert_eq!(self.transmit(), Transmit::Close);
        self.read_error(std::io::ErrorKind::ConnectionReset);
        self.read_error(std::io::ErrorKind::TimedOut);
        self.write_error(std::io::ErrorKind::BrokenPipe);
        self.write_error(std::io::ErrorKind::TimedOut);
        self.wait(Duration::from_secs(100));
        assert_eq!(self.driver.poll_timeout(), None);
        assert_eq!(self.transmit(), Transmit::Close);
    }
}

/// The first line of every transcript.
pub(crate) const ACCEPT: &str = "accept 40325ec2-5efd-4bd3-805f-53576e581d13 from tester";
