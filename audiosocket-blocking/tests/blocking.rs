//! Features of the server on threads: handlers that block, and streams with a buffer.

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

/// The UUID of the call whose handler blocks at each frame.
const STEPPED: u128 = 999;

/// Asterisk must be able to send while a handler blocks, and other calls go on. The audio of later callbacks and the
/// dropped audio add up to all audio.
#[test]
fn a_call_whose_handler_blocks_is_read_and_old_audio_is_dropped() {
    const FRAMES: u64 = 100_000;
    let server = Running::start();
    let mut blocked = server.call(1);
    blocked.write_all(&audio_frame(b"block")).unwrap();
    assert_eq!(server.next(), "start 1");
    assert_eq!(server.next(), "audio 1 block");

    // 32 MB. The buffers of a kernel are smaller, so this returns only if the server reads.
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
    assert_eq!(newest, Some(FRAMES - 1), "the oldest audio is dropped");
    assert!(dropped > 0 && heard > 0, "{heard} heard, {dropped} dropped");
}

/// A handler can be too slow without a long block. Without the read-ahead thread, the server would not read the socket
/// of its call for a minute or more.
#[test]
fn a_call_with_a_slow_handler_is_read() {
    let server = Running::start();
    let mut slow = server.call(STEPPED);
    assert_eq!(server.next(), format!("start {STEPPED}"));
    // These bytes are more than the buffers of a kernel hold, so a part waits for the handler, which blocks at the
    // first frame.
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
    panic!("the handler got 300 frames, and the socket was not read");
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
fn a_server_ends_while_a_handler_blocks() {
    let session = SessionConfig::new().linger(Duration::from_millis(10));
    let server = Running::with(session);
    let mut call = server.call(1);
    call.write_all(&audio_frame(b"block")).unwrap();
    assert_eq!(server.next(), "start 1");
    assert_eq!(server.next(), "audio 1 block");
    server.handle.shutdown(Duration::ZERO);
    server.thread.join().unwrap().unwrap();
    assert_eq!(
        server.handle.calls().len(),
        1,
        "the call with the blocked handler is left"
    );

    // When its handler returns, the call ends.
    server.release.send(()).unwrap();
    server.handle.calls().wait_idle();
    assert_eq!(server.transcript.recv().unwrap(), "end 1 abandoned");
    assert_eq!(read_to_end(&mut call), audio_frame(b"block"), "the answer");
}

#[test]
fn a_stream_with_buffered_bytes_is_read_to_its_end() {
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

/// TLS sends `close_notify` after all other bytes, and may have to wait for the socket.
#[test]
fn close_write_runs_after_the_hangup_and_again_if_it_would_block() {
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
    /// `WouldBlock` until the second call.
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

/// Reads all bytes of the socket, and returns them in smaller pieces, like TLS.
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

/// A server on another thread.
struct Running {
    addr: SocketAddr,
    handle: ServerHandle,
    transcript: Receiver<String>,
    /// Lets a blocked handler continue.
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
        let (lines, transcript) = channel();
        let (release, released) = channel();
        let released = Arc::new(Mutex::new(released));
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let handles = Arc::clone(&calls);
        let accept = move |_: &CallRequest<'_>| {
            Ok(LineRecorder {
                lines: lines.clone(),
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
        line.expect("there was no callback for 60 s")
    }
}

/// Records callbacks as lines, and echoes audio. Blocks at the audio `block`. Does not echo numbered frames.
struct LineRecorder {
    lines: Sender<String>,
    released: Arc<Mutex<Receiver<()>>>,
    handles: Arc<Mutex<Vec<CallHandle>>>,
}

impl LineRecorder {
    fn record(&self, what: &str, call: &Call<'_>, how: impl std::fmt::Display) {
        let line = format!("{what} {} {how}", call.uuid().as_u128());
        // This fails if the test is over.
        let _ = self.lines.send(line.trim_end().to_owned());
    }
}

impl Handler for LineRecorder {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.handles.lock().unwrap().push(call.handle().into());
        self.record("start", call, "");
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        if audio.len() == 320 {
            let number = u64::from_be_bytes(*audio.first_chunk().unwrap());
            self.record("audio", call, format_args!("frame {number}"));
            if call.uuid().as_u128() == STEPPED {
                // This fails if the test is over.
                let _ = self.released.lock().unwrap().recv();
            }
            return Response::Nothing;
        }
        self.record("audio", call, String::from_utf8_lossy(&audio));
        if &audio[..] == b"block" {
            self.released.lock().unwrap().recv().unwrap();
        }
        audio.into()
    }

    fn on_dtmf(&mut self, call: &mut Call<'_>, digit: DtmfDigit) -> Response<'static> {
        self.record("dtmf", call, digit);
        Response::Nothing
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        match error {
            Exception::Lagged(lag) => self.record("lagged", call, lag.frames),
            error => self.record("exception", call, error),
        }
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.record("end", call, end);
    }
}
