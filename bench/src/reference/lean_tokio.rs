use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use audiosocket_proto::Decoder;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::{frames, on_tokio};

thread_local! {
    /// All calls': read, and to be written.
    static BUFFERS: RefCell<(Box<[u8]>, Vec<u8>)> = RefCell::new((vec![0; 64 * 1024].into(), Vec::new()));
}

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    on_tokio::serve(Builder::new_current_thread().enable_io(), listener, echo)
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut decoder = Decoder::new();
    loop {
        let rest = poll_fn(|cx| poll_echo(&mut stream, &mut decoder, cx)).await?;
        match rest {
            Some(rest) => stream.write_all(&rest).await?,
            None => return Ok(()),
        }
    }
}

/// Answers what can be read with one write; gives back what that did not take, or `None` at the end.
pub(super) fn poll_echo(
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
