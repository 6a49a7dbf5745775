use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use audiosocket_proto::{Decoder, Message, encoder};
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

thread_local! {
    /// All calls': read, and to be written.
    static BUFFERS: RefCell<(Box<[u8]>, Vec<u8>)> = RefCell::new((vec![0; 64 * 1024].into(), Vec::new()));
}

pub(super) fn serve(listener: TcpListener) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(echo(stream));
            }
        })
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
        let mut bytes = input.filled();
        output.clear();
        while let Some(frame) = decoder.decode(&mut bytes) {
            if let Ok(Message::Audio(audio)) = Message::parse(frame)
                && !audio.is_empty()
            {
                encoder::encode_audio(audio, output).map_err(io::Error::other)?;
            }
        }
        let written = match stream.try_write(output) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        Poll::Ready(Ok(Some(output[written..].to_vec())))
    })
}
