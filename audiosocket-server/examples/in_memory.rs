//! Both ends of a call in memory, without a socket and without a clock: a test of a handler, or of an event loop of
//! your own. Time is virtual, so that a deadline of a minute passes at once. Bytes arrive in pieces of odd lengths.
//! Each run is the same. The example prints a transcript, and fails if it is not the expected one.
//!
//! ```sh
//! cargo run -p audiosocket-server --example in_memory
//! ```

use std::collections::VecDeque;
use std::fmt::Display;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use audiosocket_proto::client::{ClientEvent, ClientSession};
use audiosocket_proto::{
    Audio, Decoder, DtmfDigit, End, SampleRate, SendError, SessionConfig, Timestamp, Transmit, Uuid,
};
use audiosocket_server::{
    Acceptor, Call, CallDriver, CallHandle, CallRequest, Calls, Exception, Handler, Peer, Refusal,
    Response,
};

const EXPECTED: &str = "\
-- an echo, and a key that ends the call
  0.000 server: call 1
  0.000 server: 320 bytes of slin
  0.000 asterisk: 320 bytes of slin
  0.020 server: 480 bytes of slin
  0.020 asterisk: 480 bytes of slin
  0.500 server: key #
  0.500 server: hung up by this side
  0.500 asterisk: over, ServerHungUp
  0.500 closed
-- a peer that stops without closing
  0.000 server: call 2
  0.000 server: 320 bytes of slin
  0.000 asterisk: 320 bytes of slin
 60.000 server: exception, the peer sent nothing for too long
 60.000 server: failed: the peer sent nothing for too long
 61.000 closed
-- a connection without a UUID
  5.000 server: no call, no UUID came in time
  6.000 closed
-- another thread hangs up
  0.000 server: call 4
  3.000 server: hung up by this side
  3.000 asterisk: over, ServerHungUp
  3.000 closed
";

fn main() -> Result<(), SendError> {
    let transcript = Transcript::default();

    transcript.title("an echo, and a key that ends the call");
    let mut connection = Connection::new(&transcript, 1);
    connection.asterisk.send_audio(&[1; 320])?;
    connection.transfer();
    connection.advance(Duration::from_millis(20));
    connection.asterisk.send_audio(&[2; 480])?;
    connection.transfer();
    connection.advance(Duration::from_millis(480));
    connection
        .asterisk
        .send_dtmf(DtmfDigit::new(b'#').expect("a key"))?;
    connection.transfer();

    transcript.title("a peer that stops without closing");
    let mut connection = Connection::new(&transcript, 2);
    connection.asterisk.send_audio(&[1; 320])?;
    connection.transfer();
    connection.stopped = true;
    connection.advance(Duration::from_secs(120));

    transcript.title("a connection without a UUID");
    let mut connection = Connection::new(&transcript, 3);
    connection.stopped = true;
    connection.advance(Duration::from_secs(120));

    transcript.title("another thread hangs up");
    let mut connection = Connection::new(&transcript, 4);
    connection.transfer();
    connection.advance(Duration::from_secs(3));
    let handle: CallHandle = connection.server.handle().clone();
    let thread = std::thread::spawn(move || handle.hangup());
    thread.join().expect("hanging up does not panic");
    connection.transfer();

    let lines = mem::take(&mut transcript.lock().lines);
    print!("{lines}");
    assert_eq!(lines, EXPECTED);
    Ok(())
}

/// Asterisk, a server, and the bytes between them.
struct Connection {
    now: Timestamp,
    asterisk: ClientSession,
    asterisk_decoder: Decoder,
    /// Asterisk sends nothing, reads nothing and closes nothing.
    stopped: bool,
    to_server: Pipe,
    server: CallDriver<Echo>,
    server_closed: bool,
    to_asterisk: Pipe,
    transcript: Transcript,
}

impl Connection {
    /// A connection that was just accepted.
    fn new(transcript: &Transcript, uuid: u128) -> Self {
        // Silence would be fifty lines per second in the transcript.
        let config = SessionConfig::new()
            .idle_timeout(Some(Duration::from_secs(60)))
            .fill_silence(false);
        let echo = Arc::new(Echo(transcript.clone()));
        let now = Timestamp::ZERO;
        Self {
            now,
            asterisk: ClientSession::new(Uuid::from_u128(uuid), SampleRate::Hz8000),
            asterisk_decoder: Decoder::new(),
            stopped: false,
            to_server: Pipe::default(),
            server: CallDriver::new(echo, Peer::from("memory"), config, &Calls::default(), now),
            server_closed: false,
            to_asterisk: Pipe::default(),
            transcript: transcript.clone(),
        }
    }

    /// Moves the time, and serves both ends at each deadline.
    fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= until) {
            self.set_time(due);
            self.server.handle_timeout(due);
            self.transfer();
        }
        self.set_time(until);
    }

    fn set_time(&mut self, now: Timestamp) {
        self.now = now;
        self.transcript.lock().now = now;
    }

    /// Moves bytes between both ends until none are left.
    fn transfer(&mut self) {
        self.server.poll_commands(self.now, Waker::noop());
        while self.asterisk_writes()
            | self.server_reads()
            | self.server_writes()
            | self.asterisk_reads()
        {}
    }

    fn asterisk_writes(&mut self) -> bool {
        match self.asterisk.poll_transmit() {
            Transmit::Bytes(bytes) if !self.stopped => {
                let written = self.to_server.write(bytes);
                self.asterisk.transmitted(written);
                true
            }
            Transmit::Close if !self.stopped => self.to_server.close(),
            _ => false,
        }
    }

    fn server_reads(&mut self) -> bool {
        match self.to_server.read() {
            Some(bytes) if bytes.is_empty() => self.server.handle_eof(self.now),
            Some(bytes) => self.server.receive(self.now, &bytes),
            None => return false,
        }
        true
    }

    fn server_writes(&mut self) -> bool {
        match self.server.poll_transmit() {
            Transmit::Bytes(bytes) => {
                let written = self.to_asterisk.write(bytes);
                self.server.transmitted(self.now, written);
            }
            Transmit::HalfClose => {
                self.to_asterisk.close();
                self.server.half_closed();
            }
            Transmit::Close if !self.server_closed => {
                self.to_asterisk.close();
                self.server_closed = true;
                self.transcript.line("closed");
            }
            _ => return false,
        }
        true
    }

    fn asterisk_reads(&mut self) -> bool {
        if self.stopped {
            return false;
        }
        let Some(bytes) = self.to_asterisk.read() else {
            return false;
        };
        if bytes.is_empty() {
            let end = self.asterisk.handle_eof(&self.asterisk_decoder);
            end.into_iter().for_each(|event| self.log(event));
        }
        let mut input = &bytes[..];
        // Taken out of `self`, because an event borrows from it.
        let mut decoder = mem::take(&mut self.asterisk_decoder);
        while let Some(event) = self.asterisk.receive(&mut decoder, &mut input) {
            self.log(event);
        }
        self.asterisk_decoder = decoder;
        true
    }

    fn log(&self, event: ClientEvent<'_>) {
        let line = match event {
            ClientEvent::Audio(audio) => format!("{} bytes of {}", audio.len(), audio.rate()),
            ClientEvent::Ended(end) => format!("over, {end:?}"),
            _ => return,
        };
        self.transcript.line(format_args!("asterisk: {line}"));
    }
}

/// One direction of a connection. A write or a read moves a part of the bytes, of varying length.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    closed: bool,
    end_read: bool,
    piece: usize,
}

impl Pipe {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let len = self.cut(bytes.len());
        self.bytes.extend(&bytes[..len]);
        len
    }

    /// Closes the direction. Returns whether it was open.
    fn close(&mut self) -> bool {
        !mem::replace(&mut self.closed, true)
    }

    /// Returns `None` if no bytes wait, and once an empty vector at the end.
    fn read(&mut self) -> Option<Vec<u8>> {
        if self.bytes.is_empty() {
            let end = self.closed && !mem::replace(&mut self.end_read, self.closed);
            return end.then(Vec::new);
        }
        let len = self.cut(self.bytes.len());
        Some(self.bytes.drain(..len).collect())
    }

    fn cut(&mut self, len: usize) -> usize {
        self.piece += 1;
        len.min([1, 2, 7, 64, 301][self.piece % 5])
    }
}

/// Accepts every call, and writes the transcript.
struct Echo(Transcript);

impl Acceptor for Echo {
    type Handler = EchoCall;

    fn accept(&self, request: &CallRequest<'_>) -> Result<EchoCall, Refusal> {
        self.0
            .line(format_args!("server: call {}", request.uuid.as_u128()));
        Ok(EchoCall(self.0.clone()))
    }

    fn on_exception(&self, _peer: &Peer, error: &Exception) {
        self.0.line(format_args!("server: no call, {error}"));
    }
}

/// Echoes the audio, and hangs up at the key `#`.
struct EchoCall(Transcript);

impl Handler for EchoCall {
    fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        let (len, rate) = (audio.len(), audio.rate());
        self.0.line(format_args!("server: {len} bytes of {rate}"));
        audio.into()
    }

    fn on_dtmf(&mut self, _call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.0.line(format_args!("server: key {digit}"));
        if digit.as_char() == '#' {
            Response::Hangup
        } else {
            Response::Nothing
        }
    }

    fn on_exception(&mut self, _call: &mut Call<'_>, error: &Exception) {
        self.0.line(format_args!("server: exception, {error}"));
    }

    fn on_end(&mut self, _call: &mut Call<'_>, end: End) {
        self.0.line(format_args!("server: {end}"));
    }
}

/// Lines of text with their times.
#[derive(Clone, Default)]
struct Transcript(Arc<Mutex<Record>>);

#[derive(Default)]
struct Record {
    now: Timestamp,
    lines: String,
}

impl Transcript {
    fn title(&self, title: &str) {
        let mut record = self.lock();
        record.now = Timestamp::ZERO;
        record.lines += &format!("-- {title}\n");
    }

    fn line(&self, line: impl Display) {
        let mut record = self.lock();
        let seconds = record.now.saturating_since(Timestamp::ZERO).as_secs_f64();
        record.lines += &format!("{seconds:>7.3} {line}\n");
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
