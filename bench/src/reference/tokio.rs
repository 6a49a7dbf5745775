//! Two echoes on one thread of tokio, with one task for each call.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use audiosocket_proto::{Decoder, FrameKind};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::frames;

thread_local! {
    /// The read buffer and the write buffer of all calls.
    static BUFFERS: RefCell<(Box<[u8]>, Vec<u8>)> = RefCell::new((vec![0; 64 * 1024].into(), Vec::new()));
}

/// Serves each connection with `echo`.
pub(super) fn serve<F>(listener: TcpListener, echo: impl Fn(TcpStream) -> F) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_io().build()?.block_on(async {
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
