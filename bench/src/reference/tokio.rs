//! Three echoes on one worker of tokio, with one task for each call.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use audiosocket_proto::{Decoder, FrameKind};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep_until};

use super::frames;

thread_local! {
    /// The read buffer and the write buffer of all calls.
    static BUFFERS: RefCell<(Box<[u8]>, Vec<u8>)> = RefCell::new((vec![0; 64 * 1024].into(), Vec::new()));
}

/// How long a caller of [`timed`] may send nothing.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn current_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().build()
}

pub(super) fn one_worker() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

/// Serves each connection with `echo`.
pub(super) fn serve<F>(
    runtime: &Runtime,
    listener: TcpListener,
    echo: impl Fn(TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(echo(stream));
        }
    })
}

/// The smallest cost with tokio: one read and one write for each wake-up of a task.
pub(super) async fn lean(mut stream: TcpStream) -> io::Result<()> {
    let mut decoder = Decoder::new();
    while let Some(rest) = poll_fn(|cx| poll_echo(&mut stream, &mut decoder, cx)).await? {
        stream.write_all(&rest).await?;
    }
    Ok(())
}

/// The same with a timeout for each call. Callers that do not read are not served.
pub(super) async fn timed(mut stream: TcpStream) -> io::Result<()> {
    let mut decoder = Decoder::new();
    let mut deadline = Instant::now() + TIMEOUT;
    let mut timer = pin!(sleep_until(deadline));
    poll_fn(|cx| {
        while let Poll::Ready(rest) = poll_echo(&mut stream, &mut decoder, cx)? {
            if rest.is_none_or(|rest| !rest.is_empty()) {
                return Poll::Ready(Ok(()));
            }
            deadline = Instant::now() + TIMEOUT;
        }
        // The timer is not moved with each frame.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(Ok(()));
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await
}

/// Reads once and answers with one write. Returns the bytes that the write did not take, or `None` at
/// the end.
fn poll_echo(
    stream: &mut TcpStream,
    decoder: &mut Decoder,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Option<Vec<u8>>>> {
    BUFFERS.with_borrow_mut(|(input, output)| {
        let mut input = ReadBuf::new(input);
        ready!(Pin::new(&mut *stream).poll_read(cx, &mut input))?;
        if input.filled().is_empty() {
            return Poll::Ready(Ok(None));
        }
        frames::echo(decoder, input.filled(), output)?;
        let written = frames::written(stream.try_write(output))?;
        Poll::Ready(Ok(Some(output[written..].to_vec())))
    })
}

/// The obvious form: reads a header, reads a payload, writes an answer. The end of the stream is an
/// error.
pub(super) async fn naive(mut stream: TcpStream) -> io::Result<()> {
    let mut frame = Vec::new();
    loop {
        let mut header = [0; 3];
        stream.read_exact(&mut header).await?;
        let [kind, high, low] = header;
        frame.clear();
        frame.extend_from_slice(&header);
        frame.resize(3 + usize::from(u16::from_be_bytes([high, low])), 0);
        stream.read_exact(&mut frame[3..]).await?;
        if kind == FrameKind::AUDIO_8K.0 {
            stream.write_all(&frame).await?;
        }
    }
}
