//! What is particular to threads: handlers that block, streams that are no sockets of the server's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use audiosocket_blocking::config::SessionConfig;
use audiosocket_blocking::stats::Calls;
use audiosocket_blocking::{
    Audio, Call, CallHandle, CallRequest, Callbacks, DtmfDigit, Duplex, End, Exception, Handler,
    Response, Server, ServerHandle, serve_stream,
};

mod support;

use support::{audio_frame, read, read_to_end, uuid_frame};

const HANGUP: [u8; 3] = [0x00, 0, 0];

/// The call whose handler blocks at each frame.
const STEPPED: u128 = 999;

/// Asterisk must be able to send all that it has while a handler blocks, and no other call suffers.
/// What the handler is told afterwards is all of it, less what it is told was dropped.
#[test]
fn a_call_whose_handler_blocks_is_read_and_what_is_too_old_is_dropped() {
    const FRAMES: u64 = 100_000;
    let server = Running::start();
    let mut blocked = server.call(1);
    blocked.write_all(&audio_frame(b"block")).unwrap();
    assert_eq!(server.next(), "start 1");
    assert_eq!(server.next(), "audio 1 block");

    // 32 MB, which no kernel holds for a connection: this returns only if somebody reads.
    let mut audio = audio_frame(&[0; 320]);
    for number in 0..FRAMES {
        audio[3..11].copy_from_slice(&number.to_be_bytes());
        blocked.write_all(&audio).unwrap();
        if number % (FRAMES / 4) == 0 {
            blocked.write_all(&[0x03, 0, 1, b'5']).unwrap();
        }
    }
    blocked.shutdown(std::net::Shutdown::Write).unwrap();

    let mut other = server.call(2);
    assert_eq!(server.next(), "start 2");
    for _ in 0..100 {
        other.write_all(&audio_frame(b"hello")).unwrap();
        assert_eq!(read(&mut other, 8), audio_frame(b"hello"));
        assert_eq!(server.next(), "audio 2 hello");
    }

    server.release.send(()).unwrap();
    let (mut heard, mut dropped, mut keys, mut newest) = (0, 0, 0, None);
    loop {
        let line = server.next();
        if let Some(number) = line.strip_prefix("audio 1 frame ") {
            let number = Some(number.parse::<u64>().unwrap());
            assert!(number > newest, "in order");
            newest = number;
            heard += 1;
        } else if let Some(frames) = line.strip_prefix("lagged 1 ") {
            dropped += frames.parse::<u64>().unwrap();
        } else if line == "dtmf 1 5" {
            keys += 1;
        } else {
            assert_eq!(line, "end 1 closed by the peer");
            break;
        }
    }
    assert_eq!(heard + dropped, FRAMES);
    assert_eq!(keys, 4, "only audio is dropped");
    assert_eq!(newest, Some(FRAMES - 1), "and the oldest of it");
    assert!(dropped > 0 && heard > 0, "{heard} heard, {dropped} dropped");
}

/// A handler that is too slow and yet comes back all the time is no better to Asterisk than one
/// that blocks. What waits for it is hours of such a handler's work, or a minute at least, and that
/// long Asterisk's socket would not be read.
#[test]
fn a_call_whose_handler_comes_back_and_is_slow_is_read() {
    let server = Running::start();
    let mut slow = server.call(STEPPED);
    assert_eq!(server.next(), format!("start {STEPPED}"));
    // More than any kernel holds, so that some of it waits for the handler, which is at the first.
    let audio = audio_frame(&[0; 320]).repeat(100_000);
    slow.write_all(&audio).unwrap();

    let writer = thread::spawn(move || slow.write_all(&audio));
    for _ in 0..300 {
        server.release.send(()).unwrap();
        while !server.next().starts_with("audio") {}
        if writer.is_finished() {
            return writer.join().unwrap().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("300 frames were heard, and nothing was read");
}

#[test]
fn a_quiet_call_is_hung_up_from_another_thread() {
    let server = Running::start();
    let mut call = server.call(1);
    assert_eq!(server.next(), "start 1");
    server.calls.lock().unwrap().pop().unwrap().hangup();
    assert_eq!(read_to_end(&mut call), HANGUP);
    assert_eq!(server.next(), "end 1 hung up by this side");
}

#[test]
fn a_call_whose_handler_blocks_does_not_keep_a_server_from_ending() {
    let session = SessionConfig::new().linger(Duration::from_millis(10));
    let server = Running::with(session);
    let mut call = server.call(1);
    call.write_all(&audio_frame(b"block")).unwrap();
    assert_eq!(server.next(), "start 1");
    assert_eq!(server.next(), "audio 1 block");
    server.handle.shutdown(Duration::ZERO);
    server.thread.join().unwrap().unwrap();
    assert_eq!(server.handle.calls().len(), 1, "it is left behind");

    // Not forgotten, though: when its handler returns, the call ends as it should.
    server.release.send(()).unwrap();
    server.handle.calls().wait_idle();
    assert_eq!(server.transcript.recv().unwrap(), "end 1 abandoned");
    assert_eq!(read_to_end(&mut call), audio_frame(b"block"), "the answer");
}

#[test]
fn a_stream_that_has_more_than_its_descriptor_tells_is_read_to_its_end() {
    let (mut asterisk, server) = UnixStream::pair().unwrap();
    let server = Hoarder {
        socket: server,
        hoard: Vec::new(),
    };
    let echo = Arc::new(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
    let config = SessionConfig::new().fill_silence(false);
    let serving =
        thread::spawn(move || serve_stream(server, "pipe".into(), echo, config, &Calls::default()));
    let mut bytes = uuid_frame(7);
    bytes.extend(audio_frame(b"hello"));
    asterisk.write_all(&bytes).unwrap();
    let mut echoed = [0; 8];
    asterisk.read_exact(&mut echoed).unwrap();
    assert_eq!(echoed[..], audio_frame(b"hello"));
    drop(asterisk);
    serving.join().unwrap();
}

/// TLS says that it closes, behind all that was written, and may have to wait for that.
#[test]
fn a_stream_says_goodbye_behind_the_hangup_and_before_its_half_is_closed() {
    for ends_first in [false, true] {
        let (mut asterisk, socket) = UnixStream::pair().unwrap();
        let echo = Arc::new(Callbacks::new(|_, _, _| Response::Hangup, |_, _, _| {}));
        let stream = Polite {
            socket,
            refuses: !ends_first,
        };
        let serving = thread::spawn(move || {
            let config = SessionConfig::default();
            serve_stream(stream, "polite".into(), echo, config, &Calls::default());
        });
        asterisk.write_all(&uuid_frame(1)).unwrap();
        if !ends_first {
            asterisk.write_all(&audio_frame(b"hello")).unwrap();
            asterisk
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
        } else {
            asterisk.shutdown(std::net::Shutdown::Write).unwrap();
        }
        let mut heard = Vec::new();
        asterisk.read_to_end(&mut heard).unwrap();
        let last = if ends_first {
            b"bye".to_vec()
        } else {
            [&HANGUP[..], b"bye"].concat()
        };
        assert!(heard.ends_with(&last), "{heard:?}");
        drop(asterisk);
        serving.join().unwrap();
    }
}

struct Polite {
    socket: UnixStream,
    /// Until it is asked once more.
    refuses: bool,
}

impl Read for Polite {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Polite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl AsFd for Polite {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Duplex for Polite {
    fn close_write(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.refuses) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.socket.write_all(b"bye")?;
        self.socket.shutdown(std::net::Shutdown::Write)
    }
}

/// As TLS does, it takes all that the socket has, and gives it out in pieces of its own.
struct Hoarder {
    socket: UnixStream,
    hoard: Vec<u8>,
}

impl Read for Hoarder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.hoard.is_empty() {
            let mut taken = [0; 1024];
            let len = self.socket.read(&mut taken)?;
            self.hoard.extend(taken[..len].iter().rev());
        }
        let Some(byte) = self.hoard.pop() else {
            return Ok(0);
        };
        buffer[0] = byte;
        Ok(1)
    }
}

impl Write for Hoarder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Duplex for Hoarder {}

impl AsFd for Hoarder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A server on a thread of its own.
struct Running {
    addr: SocketAddr,
    handle: ServerHandle,
    transcript: Receiver<String>,
    /// Lets a handler that blocks go on.
    release: Sender<()>,
    calls: Arc<Mutex<Vec<CallHandle>>>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Running {
    fn start() -> Self {
        Self::with(SessionConfig::default())
    }

    fn with(mut session: SessionConfig) -> Self {
        session = session.fill_silence(false);
        let (told, transcript) = channel();
        let (release, released) = channel();
        let released = Arc::new(Mutex::new(released));
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let handles = Arc::clone(&calls);
        let accept = move |_: &CallRequest<'_>| {
            Ok(Witness {
                told: told.clone(),
                released: Arc::clone(&released),
                handles: Arc::clone(&handles),
            })
        };
        let builder = Server::builder().bind("127.0.0.1:0").session(session);
        let server = builder.start(accept).unwrap();
        Self {
            addr: server.local_addrs()[0],
            handle: server.handle(),
            transcript,
            release,
            calls,
            thread: thread::spawn(|| server.serve_forever()),
        }
    }

    fn call(&self, uuid: u128) -> TcpStream {
        let mut call = TcpStream::connect(self.addr).unwrap();
        call.set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        call.write_all(&uuid_frame(uuid)).unwrap();
        call
    }

    fn next(&self) -> String {
        let line = self.transcript.recv_timeout(Duration::from_secs(60));
        line.expect("nothing was told for 60 s")
    }
}

/// Tells what happens. Echoes audio, but for that of `block`, at which it blocks, and numbered
/// frames.
struct Witness {
    told: Sender<String>,
    released: Arc<Mutex<Receiver<()>>>,
    handles: Arc<Mutex<Vec<CallHandle>>>,
}

impl Witness {
    fn tell(&self, what: &str, call: &Call<'_>, how: impl std::fmt::Display) {
        let line = format!("{what} {} {how}", call.uuid().as_u128());
        // The test may have seen enough.
        let _ = self.told.send(line.trim_end().to_owned());
    }
}

impl Handler for Witness {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.handles.lock().unwrap().push(call.handle().into());
        self.tell("start", call, "");
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if audio.len() == 320 {
            let number = u64::from_be_bytes(*audio.first_chunk().unwrap());
            self.tell("audio", call, format_args!("frame {number}"));
            if call.uuid().as_u128() == STEPPED {
                // An error if the test is over.
                let _ = self.released.lock().unwrap().recv();
            }
            return Response::Nothing;
        }
        self.tell("audio", call, String::from_utf8_lossy(&audio));
        if &audio[..] == b"block" {
            self.released.lock().unwrap().recv().unwrap();
        }
        audio.into()
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.tell("dtmf", call, digit);
        Response::Nothing
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        match error {
            Exception::Lagged(lag) => self.tell("lagged", call, lag.frames),
            error => self.tell("exception", call, error),
        }
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.tell("end", call, end);
    }
}
