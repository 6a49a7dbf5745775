//! `Server::accept` over TCP and over a custom listener.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use audiosocket_tokio::admission::Limits;
use audiosocket_tokio::config::SessionConfig;
use audiosocket_tokio::listener::{Handshake, Listener};
use audiosocket_tokio::{CallEvent, End, IncomingCall, Peer, Server, ServerBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

const HANGUP: [u8; 3] = [0x00, 0, 0];

const GRACE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn calls_are_accepted_until_the_shutdown_is_complete() {
    let mut server = Server::bind("127.0.0.1:0").await.unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let caller = tokio::spawn(async move {
        let call = call(addr, 7).await;
        handle.shutdown(GRACE);
        call
    });
    let mut call = server.accept().await.unwrap();
    assert_eq!(call.uuid().as_u128(), 7);
    let talking = tokio::spawn(async move {
        assert_eq!(call.next().await, Some(CallEvent::Started));
        call.hangup();
        while call.next().await.is_some() {}
    });
    let mut stream = caller.await.unwrap();
    let hung_up = tokio::spawn(async move { until_the_end(&mut stream).await });
    assert!(server.accept().await.is_none());
    assert!(server.accept().await.is_none(), "and stays so");
    talking.await.unwrap();
    assert!(hung_up.await.unwrap().ends_with(&HANGUP));
}

#[tokio::test]
async fn accept_works_with_each_way_to_run_calls() {
    let interval = Duration::from_millis(2);
    let session = SessionConfig::new().fill_silence(false);
    let threads = NonZeroUsize::new(2);
    for builder in [
        Server::builder(),
        Server::builder().wake_interval(interval),
        Server::builder().threads(threads),
        Server::builder().threads(threads).wake_interval(interval),
    ] {
        echoes_one_call(builder.bind("127.0.0.1:0").session(session)).await;
    }
}

async fn echoes_one_call(builder: ServerBuilder) {
    let server = builder.listen().await.unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let serving = tokio::spawn(server.serve_calls(echo));
    let mut stream = call(addr, 7).await;
    let frame = audio_frame(&[9; 320]);
    stream.write_all(&frame).await.unwrap();
    let mut echoed = vec![0; frame.len()];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(echoed, frame);
    drop(stream);
    handle.shutdown(GRACE);
    serving.await.unwrap().unwrap();
    assert!(handle.calls().is_empty());
}

#[tokio::test]
async fn a_panic_in_a_call_hangs_up_this_call_only() {
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let serving = tokio::spawn(server.serve_calls(async |call: IncomingCall| {
        assert_ne!(call.uuid().as_u128(), 1, "as the test wants");
        echo(call).await;
    }));
    let mut bad = call(addr, 1).await;
    assert!(until_the_end(&mut bad).await.ends_with(&HANGUP));
    let mut good = call(addr, 2).await;
    good.write_all(&audio_frame(&[9; 320])).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(&[9; 320]) {
        assert_ne!(good.read_buf(&mut heard).await.unwrap(), 0);
    }
    drop((bad, good));
    handle.shutdown(GRACE);
    serving.await.unwrap().unwrap();
}

/// This holds while the server is not polled, too.
#[tokio::test]
async fn dropping_the_server_ends_its_calls() {
    let mut server = Server::bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addrs()[0];
    let caller = tokio::spawn(call(addr, 7));
    let mut call = server.accept().await.unwrap();
    drop(server);
    let end = loop {
        if let CallEvent::Ended(end) = call.next().await.unwrap() {
            break end;
        }
    };
    assert_eq!(end, End::Abandoned);
    caller.await.unwrap();
}

/// In-memory streams that a test connects.
struct Pipes(mpsc::UnboundedReceiver<io::Result<DuplexStream>>);

impl Listener for Pipes {
    type Stream = DuplexStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(DuplexStream, Peer)>> {
        // The channel is closed when the test is over.
        let Poll::Ready(Some(accepted)) = self.0.poll_recv(cx) else {
            return Poll::Pending;
        };
        Poll::Ready(accepted.map(|stream| (stream, "pipe".into())))
    }
}

#[tokio::test(start_paused = true)]
async fn a_custom_listener_has_the_same_limits_and_shutdown() {
    let (pipes, receiver) = mpsc::unbounded_channel();
    let builder = Server::builder().limits(Limits::new().max_calls(1));
    let builder = builder.with_listener(Pipes(receiver));
    let server = builder.listen().await.unwrap();
    assert_eq!(server.local_addrs(), []);
    let handle = server.handle();
    let serving = tokio::spawn(server.serve_calls(echo));

    // An error pauses the listener, and does not end the server.
    pipes.send(Err(io::ErrorKind::OutOfMemory.into())).unwrap();
    let connect = async |uuid| {
        let (mut ours, theirs) = duplex(64 * 1024);
        ours.write_all(&uuid_frame(uuid)).await.unwrap();
        pipes.send(Ok(theirs)).unwrap();
        ours
    };
    let mut first = connect(1).await;
    let mut silence = [1; 323];
    first.read_exact(&mut silence).await.unwrap();
    assert_eq!(silence[..3], audio_frame(&[0; 320])[..3]);
    let mut second = connect(2).await;
    let mut refused = Vec::new();
    second.read_to_end(&mut refused).await.unwrap();
    assert_eq!(refused, HANGUP);

    handle.shutdown(Duration::from_secs(1));
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(&HANGUP));
    drop(first);
    serving.await.unwrap().unwrap();
    assert!(pipes.is_closed(), "the listener is dropped");
}

/// Streams whose handshake the test completes.
struct Shaking(mpsc::UnboundedReceiver<oneshot::Receiver<DuplexStream>>);

type Shake = std::pin::Pin<Box<dyn Future<Output = io::Result<DuplexStream>> + Send>>;

impl Listener for Shaking {
    type Stream = Handshake<Shake, DuplexStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let Poll::Ready(Some(shaken)) = self.0.poll_recv(cx) else {
            return Poll::Pending;
        };
        let shake: Shake = Box::pin(async { shaken.await.map_err(io::Error::other) });
        Poll::Ready(Ok((Handshake::new(shake), "shaking".into())))
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_does_not_delay_other_callers_and_has_the_uuid_timeout() {
    let (connections, receiver) = mpsc::unbounded_channel();
    let mut server = Server::with_listener(Shaking(receiver)).await.unwrap();
    let handle = server.handle();
    let mut handshakes = Vec::new();
    for _ in 0..3 {
        let (shake, shaken) = oneshot::channel();
        connections.send(shaken).unwrap();
        handshakes.push(shake);
    }
    let (mut ours, theirs) = duplex(1024);
    ours.write_all(&uuid_frame(7)).await.unwrap();
    handshakes.pop().unwrap().send(theirs).unwrap();
    // One handshake fails, and one never ends.
    drop(handshakes.pop());
    let started = tokio::time::Instant::now();
    let call = server.accept().await.unwrap();
    assert_eq!(call.uuid().as_u128(), 7);
    assert_eq!(started.elapsed(), Duration::ZERO);

    drop((call, ours));
    handle.shutdown(GRACE);
    assert!(server.accept().await.is_none());
    // 5 s for the UUID, and then the linger.
    assert!(started.elapsed() <= Duration::from_secs(10));
    drop(handshakes);
}

async fn echo(mut call: IncomingCall) {
    while let Some(event) = call.next().await {
        if let CallEvent::Audio(audio) = event {
            let _ = call.play(audio).await;
        }
    }
}

async fn call(addr: SocketAddr, uuid: u128) -> TcpStream {
    let mut call = TcpStream::connect(addr).await.unwrap();
    call.write_all(&uuid_frame(uuid)).await.unwrap();
    call
}

async fn until_the_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

fn uuid_frame(uuid: u128) -> Vec<u8> {
    [&[0x01, 0, 16][..], &uuid.to_be_bytes()].concat()
}

/// A frame of 20 ms at 8 kHz.
fn audio_frame(payload: &[u8; 320]) -> Vec<u8> {
    [&[0x10, 0x01, 0x40][..], payload].concat()
}
