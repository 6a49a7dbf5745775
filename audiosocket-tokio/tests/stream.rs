//! `serve_stream` over in-memory pipes: how it reads, writes and waits, under virtual time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use audiosocket_tokio::stats::Calls;
use audiosocket_tokio::{Callbacks, serve_stream};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::time::{Instant, timeout};

mod support;

use audiosocket_testing::transcript::Transcript;
use support::{Recorded, audio_frame, next, no_silence, recorded, uuid_frame};

const HANGUP: [u8; 3] = [0x00, 0, 0];

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_uuid_is_hung_up_after_five_seconds() {
    let (acceptor, transcript) = shared();
    let (mut peer, stream) = duplex(1024);
    let started = Instant::now();
    let call = tokio::spawn(serve(stream, acceptor));
    assert_eq!(peer.read_u8().await.unwrap(), HANGUP[0]);
    assert_eq!(started.elapsed().as_secs(), 5);
    assert_eq!(next(&transcript).await, "no call: no UUID came in time");

    // The peer does not close its side, so the server closes after the linger time.
    call.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 6);
}

/// A task of tokio has a budget, and timers use it. Without budget, tokio does not set a new timer. The connection must
/// not treat such a timer as set.
#[tokio::test(start_paused = true)]
async fn one_task_can_serve_many_calls() {
    let echo = Arc::new(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
    let calls = Calls::default();
    let (mut peers, mut served) = (Vec::new(), Vec::new());
    for number in 0..200_u128 {
        let (mut peer, stream) = duplex(1024);
        if number < 150 {
            peer.write_all(&uuid_frame(number)).await.unwrap();
            peer.write_all(&audio_frame(b"hello")).await.unwrap();
        }
        peers.push(peer);
        let (echo, calls) = (Arc::clone(&echo), calls.clone());
        served.push(Box::pin(async move {
            serve_stream(stream, "peer".into(), echo, no_silence(), &calls).await;
        }));
    }
    tokio::spawn(poll_fn(move |cx| {
        served.retain_mut(|call| call.as_mut().poll(cx).is_pending());
        Poll::<()>::Pending
    }));
    let started = Instant::now();
    // The silent ones come first. They end after five seconds.
    for (number, peer) in peers.iter_mut().enumerate().rev() {
        let mut answer = vec![0; if number < 150 { 8 } else { 3 }];
        let answered = timeout(Duration::from_secs(60), peer.read_exact(&mut answer)).await;
        answered.expect("an answer or a hangup").unwrap();
        assert_eq!(started.elapsed().as_secs(), 5, "peer {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_call_goes_on_for_a_day() {
    let (acceptor, transcript) = shared();
    let (mut peer, stream) = duplex(1024);
    tokio::spawn(serve(stream, acceptor));
    peer.write_all(&uuid_frame(7)).await.unwrap();
    assert_eq!(next(&transcript).await, "7 start");

    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    peer.write_all(&audio_frame(b"hello")).await.unwrap();
    let mut echo = [0; 8];
    peer.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo[..], audio_frame(b"hello"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_timeout_counts_from_the_last_frame() {
    let (acceptor, transcript) = shared();
    let (mut peer, stream) = duplex(1024);
    let mut config = no_silence();
    config = config.idle_timeout(Some(Duration::from_secs(10)));
    tokio::spawn(async move {
        serve_stream(stream, "pipe".into(), acceptor, config, &Calls::default()).await;
    });
    peer.write_all(&uuid_frame(7)).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        peer.write_all(&[0x03, 0, 1, b'0']).await.unwrap();
    }
    let last = Instant::now();
    assert_eq!(peer.read_u8().await.unwrap(), HANGUP[0]);
    assert_eq!(last.elapsed().as_secs(), 10);
    assert_eq!(next(&transcript).await, "7 start");
    for _ in 0..5 {
        assert_eq!(next(&transcript).await, "7 dtmf 0");
    }
    assert_eq!(
        next(&transcript).await,
        "7 exception: the peer sent nothing for too long"
    );
    assert_eq!(
        next(&transcript).await,
        "7 end: failed: the peer sent nothing for too long"
    );
}

#[tokio::test(start_paused = true)]
async fn the_server_reads_on_while_the_peer_does_not_read() {
    let (acceptor, transcript) = shared();
    let (mut peer, stream) = duplex(4096);
    let started = Instant::now();
    let call = tokio::spawn(serve(stream, acceptor));
    peer.write_all(&uuid_frame(7)).await.unwrap();
    // These bytes are more than the pipe and the queue hold. The write would block if the server did not read.
    for _ in 0..2_000 {
        peer.write_all(&audio_frame(&[1; 320])).await.unwrap();
    }
    assert_eq!(next(&transcript).await, "7 start");
    let mut audio = 0;
    let mut behind = 0;
    let last = loop {
        match next(&transcript).await {
            line if line.starts_with("7 audio") => audio += 1,
            line if line.contains("dropped") => behind += 1,
            line => break line,
        }
    };
    assert_eq!((audio, behind), (2_000, 1), "one exception");
    assert_eq!(last, "7 exception: the peer read nothing for too long");
    assert_eq!(started.elapsed().as_secs(), 30);
    assert!(next(&transcript).await.starts_with("7 end: failed"));
    call.await.unwrap();
}

/// The timer is polled only in a round without reads, and this peer always has bytes.
#[tokio::test(start_paused = true)]
async fn a_flood_does_not_delay_the_end_of_a_refused_call() {
    let (acceptor, _transcript) = shared();
    let flood = Flood::new(&uuid_frame(u128::MAX), true);
    let reads = Arc::clone(&flood.reads);
    let call = tokio::spawn(serve(flood, acceptor));
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(2)).await;
    call.await.unwrap();
    assert!(
        reads.load(Ordering::Relaxed) < Flood::END,
        "the call ended only after the flood"
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_does_not_delay_the_write_timeout() {
    let (acceptor, transcript) = shared();
    let mut bytes = uuid_frame(7);
    bytes.extend(audio_frame(b"hello"));
    let call = tokio::spawn(serve(Flood::new(&bytes, false), acceptor));
    assert_eq!(next(&transcript).await, "7 start");
    assert_eq!(next(&transcript).await, "7 audio slin 5 bytes");
    tokio::time::advance(Duration::from_secs(31)).await;
    call.await.unwrap();
    let stalled = "the peer read nothing for too long";
    assert_eq!(next(&transcript).await, format!("7 exception: {stalled}"));
    assert_eq!(next(&transcript).await, format!("7 end: failed: {stalled}"));
}

#[tokio::test]
async fn all_answers_to_one_read_leave_in_one_write() {
    let (acceptor, _transcript) = shared();
    let (mut peer, stream) = duplex(64 * 1024);
    let pipe = Pipe::new(stream);
    let writes = Arc::clone(&pipe.writes);
    tokio::spawn(serve(pipe, acceptor));
    let mut bytes = uuid_frame(7);
    let answers = audio_frame(&[1; 320]).repeat(10);
    bytes.extend(&answers);
    peer.write_all(&bytes).await.unwrap();
    let mut echo = vec![0; answers.len()];
    peer.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo, answers);
    assert_eq!(writes.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_pipe_of_one_byte_loses_no_byte() {
    let (acceptor, _transcript) = shared();
    let (mut peer, stream) = duplex(1);
    tokio::spawn(serve(stream, acceptor));
    let mut bytes = uuid_frame(7);
    let frames: Vec<u8> = (0..50).flat_map(|i| audio_frame(&[i; 33])).collect();
    bytes.extend(&frames);
    let (mut from_server, mut to_server) = tokio::io::split(&mut peer);
    let mut echo = vec![0; frames.len()];
    let (written, read) = tokio::join!(
        to_server.write_all(&bytes),
        from_server.read_exact(&mut echo)
    );
    written.unwrap();
    read.unwrap();
    assert_eq!(echo, frames);
}

#[tokio::test]
async fn calls_of_serve_stream_can_be_hung_up() {
    let (acceptor, transcript) = shared();
    let (mut peer, stream) = duplex(1024);
    let calls = Calls::default();
    let call = {
        let calls = calls.clone();
        tokio::spawn(async move {
            serve_stream(stream, "pipe".into(), acceptor, no_silence(), &calls).await;
        })
    };
    peer.write_all(&uuid_frame(7)).await.unwrap();
    assert_eq!(next(&transcript).await, "7 start");
    assert_eq!(calls.len(), 1);
    calls.shut_down();
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, HANGUP);
    drop(peer);
    calls.idle().await;
    assert_eq!(next(&transcript).await, "7 end: hung up by shutdown");
    call.await.unwrap();
}

#[tokio::test]
async fn a_stream_that_fails_is_a_lost_connection() {
    let (acceptor, transcript) = shared();
    let (mut peer, stream) = duplex(1024);
    let mut pipe = Pipe::new(stream);
    pipe.good_reads = 1;
    tokio::spawn(serve(pipe, acceptor));
    peer.write_all(&uuid_frame(7)).await.unwrap();
    assert_eq!(next(&transcript).await, "7 start");
    assert_eq!(
        next(&transcript).await,
        "7 exception: the connection was lost: timed out"
    );
    assert_eq!(next(&transcript).await, "7 end: connection lost");
}

fn shared() -> (Arc<Recorded>, Transcript) {
    let (acceptor, transcript) = recorded();
    (Arc::new(acceptor), transcript)
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S, acceptor: Arc<Recorded>) {
    let calls = Calls::default();
    serve_stream(stream, "pipe".into(), acceptor, no_silence(), &calls).await;
}

/// A pipe that counts writes, and fails where the test needs it.
struct Pipe {
    stream: DuplexStream,
    /// The number of writes.
    writes: Arc<AtomicUsize>,
    /// The number of reads that succeed before one times out.
    good_reads: usize,
}

impl Pipe {
    fn new(stream: DuplexStream) -> Self {
        Self {
            stream,
            writes: Arc::default(),
            good_reads: usize::MAX,
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.good_reads == 0 {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if result.is_ready() {
            self.good_reads -= 1;
        }
        result
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A peer that always has bytes, which need no answer.
struct Flood {
    first: Vec<u8>,
    takes_all: bool,
    reads: Arc<AtomicUsize>,
}

impl Flood {
    /// A limit, so that a failing test ends.
    const END: usize = 1_000_000;

    fn new(first: &[u8], takes_all: bool) -> Self {
        let first = first.to_vec();
        Self {
            first,
            takes_all,
            reads: Arc::default(),
        }
    }
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.reads.fetch_add(1, Ordering::Relaxed) {
            0 => buf.put_slice(&std::mem::take(&mut self.first)),
            1..Self::END => buf.put_slice(&[0x7f, 0, 0]),
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.takes_all {
            Poll::Ready(Ok(buf.len()))
        } else {
            Poll::Pending
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
