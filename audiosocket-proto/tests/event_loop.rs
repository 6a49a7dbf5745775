//! The example `mio` on real sockets: that the core can be embedded in a loop as its documentation
//! says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(feature = "std")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use audiosocket_proto::server::{
    Acceptor, Call, CallHandle, CallRequest, Exception, Handler, Peer, Refusal, Response,
    ServerDriver, ServerHandle,
};
use audiosocket_proto::{Audio, End, SessionConfig};

#[path = "../examples/mio.rs"]
#[allow(dead_code, reason = "its main is of no use here")]
mod server;

const HANGUP: [u8; 3] = [0x00, 0, 0];
/// Longer than anything here takes; only that a test fails and does not hang.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn bytes_that_come_one_at_a_time_are_a_call() {
    let server = Server::start();
    let mut call = server.connect();
    for byte in [uuid_frame(1), audio_frame(b"slowly")].concat() {
        call.write_all(&[byte]).unwrap();
    }
    assert_eq!(read(&mut call, 9), audio_frame(b"slowly"));
    drop(call);
    server.told(&["start 1", "end 1 closed by the peer"]);
}

#[test]
fn an_end_that_comes_with_the_last_bytes_is_seen() {
    let server = Server::start();
    for uuid in 0..200 {
        let mut call = server.connect();
        let bytes = [uuid_frame(uuid), audio_frame(b"all"), audio_frame(b"said")].concat();
        call.write_all(&bytes).unwrap();
        call.shutdown(Shutdown::Write).unwrap();
        assert_eq!(
            read_to_end(&mut call).unwrap(),
            [audio_frame(b"all"), audio_frame(b"said")].concat()
        );
        server.told(&[
            &format!("start {uuid}"),
            &format!("end {uuid} closed by the peer"),
        ]);
    }
}

#[test]
fn more_than_fits_any_buffer_is_echoed_in_order() {
    let server = Server::with(|config| config.max_unsent = 1 << 30);
    let mut call = server.connect();
    call.write_all(&uuid_frame(1)).unwrap();
    let frames: Vec<u8> = (0..200)
        .flat_map(|number| audio_frame(&[number; 65_535]))
        .collect();
    let mut writer = call.try_clone().unwrap();
    let said = frames.clone();
    let writer = std::thread::spawn(move || writer.write_all(&said).unwrap());
    // Nothing is read at first, so that writes are cut short.
    std::thread::sleep(Duration::from_millis(200));
    let echo = read(&mut call, frames.len());
    assert!(echo == frames, "the echo differs");
    writer.join().unwrap();
}

#[test]
fn a_peer_that_never_reads_is_given_up_and_no_other_call_notices() {
    let server = Server::with(|config| config.write_timeout = Duration::from_millis(300));
    let mut call = server.connect();
    call.write_all(&uuid_frame(2)).unwrap();
    server.told(&["start 2"]);
    let mut greedy = server.connect();
    greedy.write_all(&uuid_frame(1)).unwrap();
    server.told(&["start 1"]);
    let flood = std::thread::spawn(move || {
        let frame = audio_frame(&[7; 65_535]);
        while greedy.write_all(&frame).is_ok() {}
    });

    let mut lines = Vec::new();
    while !lines.iter().any(|line: &String| line.starts_with("end ")) {
        call.write_all(&audio_frame(b"still here")).unwrap();
        assert_eq!(read(&mut call, 13), audio_frame(b"still here"));
        lines.extend(server.transcript.try_iter());
    }
    // Once or more often: the kernel may take a little more now and then.
    let dropped = "exception 1 the answer was not sent: dropped, since the peer takes nothing";
    lines.dedup();
    assert_eq!(
        lines,
        [
            dropped,
            "exception 1 the peer stopped taking what was sent to it",
            "end 1 failed: the peer stopped taking what was sent to it",
        ]
    );
    flood.join().unwrap();
}

#[test]
fn a_hangup_arrives_though_audio_is_unread() {
    let server = Server::start();
    let mut call = server.connect();
    let bytes = [
        uuid_frame(1),
        audio_frame(b"bye"),
        audio_frame(&[1; 60_000]),
    ]
    .concat();
    call.write_all(&bytes).unwrap();
    assert_eq!(read_to_end(&mut call).unwrap(), HANGUP);
    server.told(&["start 1", "end 1 hung up by this side"]);
}

#[test]
fn a_handle_hangs_up_from_another_thread() {
    let server = Server::start();
    let mut call = server.connect();
    call.write_all(&uuid_frame(1)).unwrap();
    server.told(&["start 1"]);
    let handle = server.handles.lock().unwrap().pop().unwrap();
    handle.hangup();
    assert_eq!(read_to_end(&mut call).unwrap(), HANGUP);
    server.told(&["end 1 hung up by this side"]);
}

#[test]
fn a_panic_ends_its_own_call_only() {
    let server = Server::start();
    let mut other = server.connect();
    other.write_all(&uuid_frame(1)).unwrap();
    server.told(&["start 1"]);
    let mut call = server.connect();
    let bytes = [uuid_frame(2), audio_frame(b"panic")].concat();
    call.write_all(&bytes).unwrap();
    assert_eq!(read_to_end(&mut call).unwrap(), HANGUP);
    server.told(&[
        "start 2",
        "exception 2 the handler panicked: \"told to\"",
        "end 2 handler panicked",
    ]);
    other.write_all(&audio_frame(b"well")).unwrap();
    assert_eq!(read(&mut other, 7), audio_frame(b"well"));
}

#[test]
fn a_reset_is_told() {
    let server = Server::start();
    let mut call = server.connect();
    call.write_all(&[uuid_frame(1), audio_frame(b"unread")].concat())
        .unwrap();
    server.told(&["start 1"]);
    // Closed with its echo unread, for which the kernel resets the connection.
    while call.peek(&mut [0]).unwrap() == 0 {}
    drop(call);
    server.told(&["end 1 reset by the peer"]);
}

#[test]
fn a_connection_without_a_uuid_is_hung_up_when_its_time_is_over() {
    let server = Server::with(|config| config.uuid_timeout = Duration::from_millis(50));
    let mut call = server.connect();
    assert_eq!(read_to_end(&mut call).unwrap(), HANGUP);
    server.told(&["no call: no UUID came in time"]);
}

#[test]
fn a_thousand_connections_come_and_go() {
    let server = Server::start();
    for _ in 0..1_000 {
        drop(server.connect());
    }
    let mut call = server.connect();
    call.write_all(&[uuid_frame(1), audio_frame(b"last")].concat())
        .unwrap();
    assert_eq!(read(&mut call, 7), audio_frame(b"last"));
    server.told(&["start 1"]);
}

#[test]
fn stopping_hangs_up_all_calls_and_ends_the_loop() {
    let mut server = Server::start();
    let mut calls: Vec<_> = (0..10).map(|_| server.connect()).collect();
    calls[0].write_all(&uuid_frame(1)).unwrap();
    server.told(&["start 1"]);
    server.stop();
    for call in &mut calls {
        assert_eq!(read_to_end(call).unwrap(), HANGUP);
    }
    drop(calls);
    server.thread.take().unwrap().join().unwrap().unwrap();
    server.told(&["end 1 hung up by shutdown"]);
    TcpStream::connect(server.addr).unwrap_err();
}

/// The example's server on a thread of its own; ends with the test.
struct Server {
    addr: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
    transcript: Receiver<String>,
    handles: Arc<Mutex<Vec<CallHandle>>>,
}

impl Server {
    fn start() -> Self {
        Self::with(|_| {})
    }

    fn with(configure: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut config = SessionConfig::default();
        configure(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (lines, transcript) = channel();
        let handles = Arc::default();
        let recorder = Recorder {
            lines,
            handles: Arc::clone(&handles),
        };
        let driver = ServerDriver::new(config.linger);
        let handle = driver.handle().clone();
        let thread = std::thread::spawn(move || {
            server::serve(listener, &Arc::new(recorder), config, driver)
        });
        Self {
            addr,
            handle,
            thread: Some(thread),
            transcript,
            handles,
        }
    }

    fn connect(&self) -> TcpStream {
        let call = TcpStream::connect(self.addr).unwrap();
        call.set_nodelay(true).unwrap();
        call.set_read_timeout(Some(PATIENCE)).unwrap();
        call
    }

    fn next(&self) -> String {
        self.transcript.recv_timeout(PATIENCE).unwrap()
    }

    #[track_caller]
    fn told(&self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.next(), *line);
        }
    }

    fn stop(&self) {
        self.handle.shutdown(Duration::ZERO);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            if !std::thread::panicking() {
                result.unwrap().unwrap();
            }
        }
    }
}

/// Tells what happens, but for the audio, which it echoes; at `panic` it does, at `bye` it hangs up.
#[derive(Clone)]
struct Recorder {
    lines: Sender<String>,
    handles: Arc<Mutex<Vec<CallHandle>>>,
}

impl Recorder {
    fn tell(&self, line: String) {
        // The test may have seen enough.
        let _ = self.lines.send(line);
    }
}

impl Acceptor for Recorder {
    type Handler = Self;

    fn accept(&self, _request: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(self.clone())
    }

    fn on_exception(&self, _peer: &Peer, error: &Exception) {
        self.tell(format!("no call: {error}"));
    }
}

impl Handler for Recorder {
    fn on_start(&mut self, call: &mut Call<'_>) {
        self.handles.lock().unwrap().push(call.handle());
        self.tell(format!("start {}", call.uuid().as_u128()));
    }

    fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        assert!(!audio.starts_with(b"panic"), "told to");
        if audio.starts_with(b"bye") {
            Response::Hangup
        } else {
            audio.into()
        }
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        self.tell(format!("exception {} {error}", call.uuid().as_u128()));
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        self.tell(format!("end {} {end}", call.uuid().as_u128()));
    }
}

fn uuid_frame(uuid: u128) -> Vec<u8> {
    let mut frame = vec![0x01, 0, 16];
    frame.extend(uuid.to_be_bytes());
    frame
}

fn audio_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x10];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame
}

fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn read_to_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}
