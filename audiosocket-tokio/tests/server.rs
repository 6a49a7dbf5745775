//! A server on real sockets, on both of tokio's runtimes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use audiosocket_tokio::admission::Limits;
use audiosocket_tokio::{Server, ServerBuilder, ServerHandle, start_server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;

mod support;

use support::{Recorder, Transcript, audio_frame, next, no_silence, uuid_frame};

const HANGUP: [u8; 3] = [0x00, 0, 0];

/// Runs each test on the current-thread and on the multi-thread runtime.
macro_rules! on_both_runtimes {
    ($($test:ident),* $(,)?) => {
        mod current_thread { $(#[test] fn $test() {
            super::run(&mut tokio::runtime::Builder::new_current_thread(), super::$test());
        })* }
        mod multi_thread { $(#[test] fn $test() {
            super::run(tokio::runtime::Builder::new_multi_thread().worker_threads(2), super::$test());
        })* }
    };
}

on_both_runtimes! {
    a_call_from_beginning_to_end,
    every_rate_comes_back_as_it_went,
    a_panic_ends_its_own_call_only,
    a_refused_call_gets_a_hangup,
    a_hangup_arrives_though_audio_is_unread,
    a_peer_that_is_no_asterisk_is_turned_down,
    shutdown_waits_for_calls_to_end,
    shutdown_hangs_up_what_is_left,
    shutdown_can_be_hurried,
    shutdown_of_an_idle_server_is_immediate_and_final,
    calls_that_wait_to_be_accepted_at_shutdown_get_a_hangup,
    a_call_that_was_just_accepted_at_shutdown_gets_a_hangup,
    everybody_in_a_crowd_beyond_the_limits_gets_a_hangup,
    an_endless_linger_does_not_keep_an_idle_server,
    dropping_the_server_ends_its_calls,
    closures_see_the_call_and_its_end,
    a_ready_socket_is_served,
}

fn run(builder: &mut Builder, test: impl Future<Output = ()>) {
    builder.enable_all().build().unwrap().block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test)
            .await
            .expect("hangs");
    });
}

async fn a_call_from_beginning_to_end() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    call.write_all(&[0x03, 0, 1, b'5']).await.unwrap();
    call.write_all(&audio_frame(&[9; 320])).await.unwrap();
    assert_eq!(read(&mut call, 323).await, audio_frame(&[9; 320]));
    drop(call);
    server
        .expect(&[
            "start 7",
            "dtmf 7 5",
            "audio 7 slin 320 bytes",
            "end 7 closed by the peer",
        ])
        .await;
}

async fn every_rate_comes_back_as_it_went() {
    let server = Running::start().await;
    let mut call = server.call(7).await;
    for (kind, len) in (0x10..=0x18).zip([320, 480, 640, 960, 1280, 1764, 1920, 3840, 7680_u16]) {
        let mut frame = vec![kind];
        frame.extend(len.to_be_bytes());
        frame.extend((0..len).map(|i| (i % 251) as u8));
        call.write_all(&frame).await.unwrap();
        assert_eq!(read(&mut call, frame.len()).await, frame);
    }
}

async fn a_panic_ends_its_own_call_only() {
    let mut server = Running::start().await;
    let mut good = server.call(1).await;
    server.expect(&["start 1"]).await;
    let mut bad = server.call(2).await;
    bad.write_all(&audio_frame(b"panic!")).await.unwrap();
    assert_eq!(read_to_end(&mut bad).await, HANGUP);
    drop(bad);
    server
        .expect(&[
            "start 2",
            "audio 2 slin 6 bytes",
            "exception 2 the handler panicked: \"told to\"",
            "end 2 handler panicked",
        ])
        .await;

    good.write_all(&audio_frame(b"well")).await.unwrap();
    assert_eq!(read(&mut good, 7).await, audio_frame(b"well"));
}

async fn a_refused_call_gets_a_hangup() {
    let server = Running::start().await;
    let mut call = server.call(u128::MAX).await;
    assert_eq!(read_to_end(&mut call).await, HANGUP);
    drop(call);
    server.no_calls_left().await;
    assert!(
        server.transcript.is_empty(),
        "no callback tells of a refused call"
    );
}

/// A close with unread audio would make the kernel send a reset, which can overtake the hangup.
async fn a_hangup_arrives_though_audio_is_unread() {
    let server = Running::start().await;
    for _ in 0..100 {
        let mut call = server.call(7).await;
        call.write_all(&audio_frame(b"bye")).await.unwrap();
        for _ in 0..50 {
            if call.write_all(&audio_frame(&[1; 320])).await.is_err() {
                break;
            }
        }
        assert_eq!(read_to_end(&mut call).await, HANGUP);
    }
}

async fn a_peer_that_is_no_asterisk_is_turned_down() {
    let mut server = Running::start().await;
    let mut browser = TcpStream::connect(server.addr).await.unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(read_to_end(&mut browser).await, HANGUP);
    server
        .expect(&["no call: the first frame was of kind 0x47 and not a UUID"])
        .await;
}

async fn shutdown_waits_for_calls_to_end() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    server.expect(&["start 7"]).await;
    server.handle.shutdown(Duration::from_secs(3600));
    server.no_listener_left().await;

    call.write_all(&audio_frame(b"still here")).await.unwrap();
    assert_eq!(read(&mut call, 13).await, audio_frame(b"still here"));
    assert!(!server.task.is_finished());
    drop(call);
    server.task.await.unwrap().unwrap();
}

async fn shutdown_hangs_up_what_is_left() {
    let mut server = Running::start().await;
    let mut talking = server.call(7).await;
    server.expect(&["start 7"]).await;
    let mut silent = TcpStream::connect(server.addr).await.unwrap();
    server.calls(2).await;
    server.handle.shutdown(Duration::ZERO);
    assert_eq!(read_to_end(&mut talking).await, HANGUP);
    assert_eq!(read_to_end(&mut silent).await, HANGUP);
    drop((talking, silent));
    server.expect(&["end 7 hung up by shutdown"]).await;
    server.task.await.unwrap().unwrap();
}

async fn shutdown_can_be_hurried() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    server.expect(&["start 7"]).await;
    server.handle.shutdown(Duration::MAX);
    server.no_listener_left().await;
    server.handle.shutdown(Duration::ZERO);
    assert_eq!(read_to_end(&mut call).await, HANGUP);
    drop(call);
    server.task.await.unwrap().unwrap();
}

async fn shutdown_of_an_idle_server_is_immediate_and_final() {
    let server = Running::start().await;
    server.handle.shutdown(Duration::from_secs(3600));
    server.task.await.unwrap().unwrap();
    let error = TcpStream::connect(server.addr).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

/// They are calls to Asterisk already.
async fn calls_that_wait_to_be_accepted_at_shutdown_get_a_hangup() {
    let server = Running::start().await;
    // Blocking, so that the server gets no turn on the current-thread runtime.
    let calls: Vec<_> = (0..50).map(|_| blocking_call(server.addr)).collect();
    server.handle.shutdown(Duration::from_millis(100));
    server.task.await.unwrap().unwrap();
    for call in calls {
        assert_eq!(blocking_read_to_end(call), HANGUP);
    }
}

async fn a_call_that_was_just_accepted_at_shutdown_gets_a_hangup() {
    let (recorder, _transcript) = Recorder::new();
    let builder = Server::builder().bind("127.0.0.1:0").session(no_silence());
    let server = builder.start(recorder).await.unwrap();
    let handle = server.handle();
    let call = blocking_call(server.local_addrs()[0]);
    let mut serving = pin!(server.serve_forever());
    // The server accepts the call and spawns its task, which has had no turn yet.
    assert!(
        poll_fn(|cx| Poll::Ready(serving.as_mut().poll(cx)))
            .await
            .is_pending()
    );
    handle.shutdown(Duration::from_millis(100));
    serving.await.unwrap();
    assert_eq!(blocking_read_to_end(call), HANGUP);
}

/// However many are refused in one go: more than may linger, and more than tokio would let one task
/// read and write.
async fn everybody_in_a_crowd_beyond_the_limits_gets_a_hangup() {
    let limits = Limits::new().max_calls(0);
    let builder = Server::builder().bind("127.0.0.1:0").limits(limits);
    let server = Running::start_with(builder).await;
    // Blocking, as above.
    let mut calls: Vec<_> = (0..600).map(|_| blocking_call(server.addr)).collect();
    let refused = tokio::task::spawn_blocking(move || {
        // Nobody closes before all have heard it, so that all of them that may do linger.
        let read = calls.iter_mut().map(|call| {
            let mut bytes = Vec::new();
            call.read_to_end(&mut bytes).map(|_| bytes)
        });
        read.filter(|read| matches!(read, Ok(bytes) if *bytes == HANGUP))
            .count()
    });
    assert_eq!(refused.await.unwrap(), 600);
}

async fn an_endless_linger_does_not_keep_an_idle_server() {
    let mut session = no_silence();
    session = session.linger(Duration::MAX);
    let builder = Server::builder().bind("127.0.0.1:0").session(session);
    let server = Running::start_with(builder).await;
    server.handle.shutdown(Duration::ZERO);
    server.task.await.unwrap().unwrap();
}

async fn dropping_the_server_ends_its_calls() {
    let mut server = Running::start().await;
    let mut call = server.call(7).await;
    server.expect(&["start 7"]).await;
    server.task.abort();
    server.expect(&["end 7 abandoned"]).await;
    assert_eq!(read_to_end(&mut call).await, []);
}

async fn closures_see_the_call_and_its_end() {
    let (sender, mut transcript) = tokio::sync::mpsc::unbounded_channel();
    let exceptions = sender.clone();
    let server = start_server(
        move |uuid, peer, audio| {
            sender
                .send(format!("audio {} {peer} {:?}", uuid.as_u128(), &audio[..]))
                .unwrap();
            if &audio[..] == b"many" {
                vec![1; 65_536].into()
            } else {
                audio.into()
            }
        },
        move |uuid, peer, error| {
            let uuid = uuid.map(|uuid| uuid.as_u128());
            exceptions
                .send(format!("exception {uuid:?} {peer} {error}"))
                .unwrap();
        },
        "127.0.0.1:0",
    );
    let server = server.await.unwrap();
    let addr = server.local_addrs()[0];
    let task = tokio::spawn(server.serve_forever());

    let mut call = TcpStream::connect(addr).await.unwrap();
    let peer = call.local_addr().unwrap();
    call.write_all(&uuid_frame(7)).await.unwrap();
    call.write_all(&audio_frame(b"many")).await.unwrap();
    call.write_all(&audio_frame(b"one")).await.unwrap();
    assert_eq!(read_sound(&mut call).await, audio_frame(b"one"));
    call.write_all(&[0x10, 0, 3, b'c']).await.unwrap();
    // Who closes with silence unread resets the connection.
    call.shutdown().await.unwrap();
    read_to_end(&mut call).await;
    for line in [
        format!("audio 7 {peer} {:?}", b"many"),
        format!(
            "exception Some(7) {peer} the answer was not sent: \
             65536 bytes of audio do not fit one frame, which takes 65,535"
        ),
        format!("audio 7 {peer} {:?}", b"one"),
        format!("exception Some(7) {peer} the connection ended inside a frame, 4 bytes into it"),
        format!("audio 7 {peer} []"),
    ] {
        assert_eq!(next(&mut transcript).await, line);
    }
    task.abort();
}

async fn a_ready_socket_is_served() {
    let ready = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut server =
        Running::start_with(Server::builder().listener(ready).session(no_silence())).await;
    let _call = server.call(7).await;
    server.expect(&["start 7"]).await;
}

/// A server with a [`Recorder`] in a task of its own.
struct Running {
    addr: SocketAddr,
    handle: ServerHandle,
    transcript: Transcript,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        Self::start_with(Server::builder().bind("127.0.0.1:0").session(no_silence())).await
    }

    async fn start_with(builder: ServerBuilder) -> Self {
        let (recorder, transcript) = Recorder::new();
        let server = builder.start(recorder).await.unwrap();
        let addr = server.local_addrs()[0];
        let handle = server.handle();
        Self {
            addr,
            handle,
            transcript,
            task: tokio::spawn(server.serve_forever()),
        }
    }

    async fn call(&self, uuid: u128) -> TcpStream {
        let mut call = TcpStream::connect(self.addr).await.unwrap();
        call.write_all(&uuid_frame(uuid)).await.unwrap();
        call
    }

    async fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(next(&mut self.transcript).await, *line);
        }
    }

    async fn calls(&self, count: usize) {
        while self.handle.calls().len() != count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn no_calls_left(&self) {
        self.handle.calls().idle().await;
    }

    async fn no_listener_left(&self) {
        while TcpStream::connect(self.addr).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn blocking_call(addr: SocketAddr) -> std::net::TcpStream {
    let mut call = std::net::TcpStream::connect(addr).unwrap();
    call.write_all(&uuid_frame(7)).unwrap();
    call
}

fn blocking_read_to_end(mut stream: std::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

async fn read(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// The next frame that is not the silence with which a call is kept going.
async fn read_sound(stream: &mut TcpStream) -> Vec<u8> {
    loop {
        let mut frame = read(stream, 3).await;
        let len = usize::from(u16::from_be_bytes([frame[1], frame[2]]));
        frame.extend(read(stream, len).await);
        if frame[3..].iter().any(|byte| *byte != 0) {
            return frame;
        }
    }
}

async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}
