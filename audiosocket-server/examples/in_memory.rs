//! Both ends of a call in memory, without sockets, clocks or waits. This shows how to test a handler or an event loop of
//! your own. Bytes arrive in small pieces, deadlines of seconds pass at once, and each run has the same result. The
//! program prints the events, and fails if they differ from the expected ones.
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
-- a host that dies in the midst of a call
  0.000 server: call 2
  0.000 server: 320 bytes of slin
  0.000 asterisk: 320 bytes of slin
 60.000 server: exception, the peer sent nothing for too long
 60.000 server: failed: the peer sent nothing for too long
 61.000 closed
-- a connection on which nothing comes
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
    let mut line = Line::new(&transcript, 1);
    line.asterisk.send_audio(&[1; 320])?;
    line.carry();
    line.pass(Duration::from_millis(20));
    line.asterisk.send_audio(&[2; 480])?;
    line.carry();
    line.pass(Duration::from_millis(480));
    line.asterisk
        .send_dtmf(DtmfDigit::new(b'#').expect("a key"))?;
    line.carry();

    transcript.title("a host that dies in the midst of a call");
    let mut line = Line::new(&transcript, 2);
    line.asterisk.send_audio(&[1; 320])?;
    line.carry();
    line.dead = true;
    line.pass(Duration::from_secs(120));

    transcript.title("a connection on which nothing comes");
    let mut line = Line::new(&transcript, 3);
    line.dead = true;
    line.pass(Duration::from_secs(120));

    transcript.title("another thread hangs up");
    let mut line = Line::new(&transcript, 4);
    line.carry();
    line.pass(Duration::from_secs(3));
    let handle: CallHandle = line.server.handle().clone();
    let thread = std::thread::spawn(move || handle.hangup());
    thread.join().expect("hanging up does not panic");
    line.carry();

    let lines = mem::take(&mut transcript.lock().lines);
    print!("{lines}");
    assert_eq!(lines, EXPECTED);
    Ok(())
}

/// Asterisk, a server, and the bytes between them.
struct Line {
    now: Timestamp,
    asterisk: ClientSession,
    asterisk_decoder: Decoder,
    /// Whether Asterisk is stopped: it does not send, read or close.
    dead: bool,
    to_server: Pipe,
    server: CallDriver<Desk>,
    server_closed: bool,
    to_asterisk: Pipe,
    transcript: Transcript,
}

impl Line {
    /// A connection that was just accepted.
    fn new(transcript: &Transcript, uuid: u128) -> Self {
        // Silence would print fifty lines per second.
        let config = SessionConfig::new()
            .idle_timeout(Some(Duration::from_secs(60)))
            .fill_silence(false);
        let desk = Arc::new(Desk(transcript.clone()));
        let now = Timestamp::ZERO;
        Self {
            now,
            asterisk: ClientSession::new(Uuid::from_u128(uuid), SampleRate::Hz8000),
            asterisk_decoder: Decoder::new(),
            dead: false,
            to_server: Pipe::default(),
            server: CallDriver::new(desk, Peer::from("memory"), config, &Calls::default(), now),
            server_closed: false,
            to_asterisk: Pipe::default(),
            transcript: transcript.clone(),
        }
    }

    /// Moves the clock, and both ends handle their deadlines.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= until) {
            self.set_time(due);
            self.server.handle_timeout(due);
            self.carry();
        }
        self.set_time(until);
    }

    fn set_time(&mut self, now: Timestamp) {
        self.now = now;
        self.transcript.lock().now = now;
    }

    /// Moves bytes between the two ends until none are left.
    fn carry(&mut self) {
        self.server.poll_commands(self.now, Waker::noop());
        while self.asterisk_writes()
            | self.server_reads()
            | self.server_writes()
            | self.asterisk_reads()
        {}
    }

    fn asterisk_writes(&mut self) -> bool {
        match self.asterisk.poll_transmit() {
            Transmit::Bytes(bytes) if !self.dead => {
                let written = self.to_server.write(bytes);
                self.asterisk.transmitted(written);
                true
            }
            Transmit::Close if !self.dead => self.to_server.close(),
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
        if self.dead {
            return false;
        }
        let Some(bytes) = self.to_asterisk.read() else {
            return false;
        };
        if bytes.is_empty() {
            let end = self.asterisk.handle_eof(&self.asterisk_decoder);
            end.into_iter().for_each(|event| self.heard(event));
        }
        let mut input = &bytes[..];
        // A separate variable, since an event borrows from it.
        let mut decoder = mem::take(&mut self.asterisk_decoder);
        while let Some(event) = self.asterisk.receive(&mut decoder, &mut input) {
            self.heard(event);
        }
        self.asterisk_decoder = decoder;
        true
    }

    fn heard(&self, event: ClientEvent<'_>) {
        let line = match event {
            ClientEvent::Audio(audio) => format!("{} bytes of {}", audio.len(), audio.rate()),
            ClientEvent::Ended(end) => format!("over, {end:?}"),
            _ => return,
        };
        self.transcript.line(format_args!("asterisk: {line}"));
    }
}

/// One direction of a connection. It takes and returns any number of bytes at a time.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    closed: bool,
    end_read: bool,
    turn: usize,
}

impl Pipe {
    fn write(&mut self, bytes: &[u8]) -> usize {
        let len = self.cut(bytes.len());
        self.bytes.extend(&bytes[..len]);
        len
    }

    /// Returns whether it was open.
    fn close(&mut self) -> bool {
        !mem::replace(&mut self.closed, true)
    }

    /// Returns the next bytes. `None` if no bytes are there now. Empty, once, at the end.
    fn read(&mut self) -> Option<Vec<u8>> {
        if self.bytes.is_empty() {
            let end = self.closed && !mem::replace(&mut self.end_read, self.closed);
            return end.then(Vec::new);
        }
        let len = self.cut(self.bytes.len());
        Some(self.bytes.drain(..len).collect())
    }

    fn cut(&mut self, len: usize) -> usize {
        self.turn += 1;
        len.min([1, 2, 7, 64, 301][self.turn % 5])
    }
}

/// Accepts each call, and records its events.
struct Desk(Transcript);

impl Acceptor for Desk {
    type Handler = Clerk;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Clerk, Refusal> {
        self.0
            .line(format_args!("server: call {}", request.uuid.as_u128()));
        Ok(Clerk(self.0.clone()))
    }

    fn on_exception(&self, _peer: &Peer, error: &Exception) {
        self.0.line(format_args!("server: no call, {error}"));
    }
}

/// Echoes the audio of the caller, and hangs up at `#`.
struct Clerk(Transcript);

impl Handler for Clerk {
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

/// The events, with their times.
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
