//! An async client: Asterisk's side of one call. Use it in a test that makes a call by hand.
//!
//! A [`Client`] sends the UUID when it connects. Then it sends audio, digits and error frames, and
//! receives the frames of the server. It needs a Tokio runtime.
//!
//! ```
//! use audiosocket_proto::client::ClientEnd;
//! use audiosocket_proto::{SampleRate, Uuid};
//! use audiosocket_testing::client::{Client, Reply};
//! # use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! # // A server that echoes one frame and hangs up.
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let server = listener.local_addr()?;
//! # tokio::spawn(async move {
//! #     let (mut stream, _) = listener.accept().await?;
//! #     let mut bytes = [0; 19 + 323];
//! #     stream.read_exact(&mut bytes).await?;
//! #     stream.write_all(&bytes[19..]).await?;
//! #     stream.write_all(&[0, 0, 0]).await
//! # });
//! let mut client = Client::connect(server, Uuid::from_u128(7), SampleRate::Hz8000).await?;
//! client.send_audio(&[0x11; 320]).await?;
//!
//! let echo = Reply::Audio { rate: SampleRate::Hz8000, payload: vec![0x11; 320] };
//! assert_eq!(client.next().await?, Some(echo));
//! assert_eq!(client.next().await?, Some(Reply::Ended(ClientEnd::ServerHungUp)));
//! assert_eq!(client.next().await?, None);
//! # Ok(())
//! # }
//! ```

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{
    Decoder, DtmfDigit, ErrorFlags, FrameKind, Message, SampleRate, SendError, Transmit, Uuid,
};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, ToSocketAddrs};

use crate::asterisk::{AsteriskRelease, KindAction};

const READ_BUFFER_LEN: usize = 64 * 1024;

thread_local! {
    /// The read buffer of all clients of a thread. A client takes it for one read.
    static READ_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Asterisk's side of one call.
///
/// Asterisk ends a call by closing the connection. To do that, call [`hangup`](Self::hangup) or drop the
/// client.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    stream: S,
    session: ClientSession,
    decoder: Decoder,
    /// Received replies that `next` has not returned.
    replies: VecDeque<Reply>,
    /// `None` is a current release.
    release: Option<AsteriskRelease>,
    /// The number of frames that the release discarded, and the kind of the last one.
    discarded: (u64, Option<FrameKind>),
    /// The last read has emptied the receive buffer of the kernel.
    drained: bool,
}

/// A reply of the server, from [`Client::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// The server sent a frame of audio. It is never empty.
    Audio {
        /// The sample rate of the frame.
        rate: SampleRate,
        /// Signed 16-bit little-endian samples. A server can send an odd number of bytes.
        payload: Vec<u8>,
    },
    /// The call ended.
    Ended(ClientEnd),
}

impl Client {
    /// Connects to a server, and sends the UUID. Audio is sent at `rate`.
    ///
    /// # Errors
    ///
    /// If no connection can be made, or if the UUID cannot be sent.
    pub async fn connect(
        server: impl ToSocketAddrs,
        uuid: Uuid,
        rate: SampleRate,
    ) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Self::with_stream(stream, uuid, rate).await
    }

    /// Returns whether the kernel has no data for this connection now. The end of the stream is data.
    pub(crate) fn has_no_data(&self) -> bool {
        let peeked = SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Writes all queued frames in one write, without waiting, as Asterisk does. Frames that the
    /// kernel does not take are lost.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] for a short write, and the errors of the stream.
    pub(crate) fn try_flush(&mut self) -> io::Result<()> {
        let Transmit::Bytes(bytes) = self.session.poll_transmit() else {
            return Ok(());
        };
        let len = bytes.len();
        let written = self.stream.try_write(bytes);
        self.session.transmitted(len);
        match written? {
            written if written == len => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Starts a call on a connected stream, such as TLS or a Unix socket, and sends the UUID.
    ///
    /// # Errors
    ///
    /// The errors of the stream.
    pub async fn with_stream(stream: S, uuid: Uuid, rate: SampleRate) -> io::Result<Self> {
        let mut client = Self::new(stream, uuid, rate);
        client.flush().await?;
        Ok(client)
    }

    /// Returns a client that has queued the UUID.
    pub(crate) fn new(stream: S, uuid: Uuid, rate: SampleRate) -> Self {
        Self {
            stream,
            session: ClientSession::new(uuid, rate),
            decoder: Decoder::new(),
            replies: VecDeque::new(),
            release: None,
            discarded: (0, None),
            drained: true,
        }
    }

    /// Treats the kinds of frames as this release does.
    pub(crate) fn set_release(&mut self, release: Option<AsteriskRelease>) {
        self.release = release;
    }

    /// Returns the number of frames that the release discarded, and the kind of the last one.
    pub(crate) fn discarded(&self) -> (u64, Option<FrameKind>) {
        self.discarded
    }

    /// Returns the number of received bytes of a frame that is not complete.
    pub(crate) fn partial_len(&self) -> usize {
        self.decoder.partial_len()
    }

    /// Returns whether the last read has emptied the receive buffer of the kernel.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained
    }

    /// Sends one frame of audio: signed 16-bit little-endian samples.
    ///
    /// This waits while the server does not read. Asterisk does not wait: it ends such a call.
    ///
    /// If the future is dropped, the rest of the frame is sent with the next frame.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] if `payload` is empty or longer than 65,535 bytes,
    /// [`io::ErrorKind::NotConnected`] after the end of the call, and the errors of the stream.
    pub async fn send_audio(&mut self, payload: &[u8]) -> io::Result<()> {
        self.queue_audio(payload).map_err(to_io)?;
        self.flush().await
    }

    /// Sends a digit. See [`send_audio`](Self::send_audio).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] after the end of the call, and the errors of the stream.
    pub async fn send_dtmf(&mut self, digit: DtmfDigit) -> io::Result<()> {
        self.queue_dtmf(digit).map_err(to_io)?;
        self.flush().await
    }

    /// Sends an error frame. See [`send_audio`](Self::send_audio).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] after the end of the call, and the errors of the stream.
    pub async fn send_error(&mut self, flags: ErrorFlags) -> io::Result<()> {
        self.session.send_error(flags).map_err(to_io)?;
        self.flush().await
    }

    /// Waits for the next reply. Returns `None` after [`Reply::Ended`].
    ///
    /// The call ends as on Asterisk: at a hangup frame, at the end of the stream, and at any frame
    /// other than a hangup or audio of at least one byte. Cancel safe.
    ///
    /// # Errors
    ///
    /// The errors of the stream, such as [`io::ErrorKind::ConnectionReset`].
    pub async fn next(&mut self) -> io::Result<Option<Reply>> {
        while self.replies.is_empty() && !self.is_over() {
            poll_fn(|cx| {
                let mut replies = std::mem::take(&mut self.replies);
                let polled = self.poll_events(cx, |event| replies.extend(Reply::new(event)));
                self.replies = replies;
                polled
            })
            .await?;
        }
        Ok(self.replies.pop_front())
    }

    /// Ends the call as Asterisk does: closes the connection without a hangup frame.
    ///
    /// The kernel resets a TCP connection with unread data. That happens with Asterisk too.
    pub fn hangup(self) {
        drop(self.stream);
    }

    /// Returns the stream. Unread replies are lost.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.stream
    }

    pub(crate) fn queue_audio(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.session.send_audio(payload)
    }

    pub(crate) fn queue_dtmf(&mut self, digit: DtmfDigit) -> Result<(), SendError> {
        self.session.send_dtmf(digit)
    }

    /// Queues any message. [`SendError`] as in [`ClientSession::send`].
    pub(crate) fn queue(&mut self, message: Message<'_>) -> Result<(), SendError> {
        self.session.send(message)
    }

    /// Reads once, and passes all events to `on_event`.
    pub(crate) fn poll_events(
        &mut self,
        cx: &mut Context<'_>,
        on_event: impl FnMut(ClientEvent<'_>),
    ) -> Poll<io::Result<()>> {
        let mut buffer = READ_BUFFER.take();
        buffer.resize(READ_BUFFER_LEN, 0);
        let polled = self.poll_read(cx, &mut buffer, on_event);
        READ_BUFFER.set(buffer);
        polled
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        mut on_event: impl FnMut(ClientEvent<'_>),
    ) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.drained = buffer.remaining() > 0;
        let mut bytes = buffer.filled();
        if bytes.is_empty()
            && let Some(event) = self.session.handle_eof(&self.decoder)
        {
            on_event(event);
        }
        loop {
            match self.action(bytes) {
                KindAction::Accept => {
                    let Some(event) = self.session.receive(&mut self.decoder, &mut bytes) else {
                        break;
                    };
                    on_event(event);
                }
                KindAction::Discard => {
                    let Some(frame) = self.decoder.decode(&mut bytes) else {
                        break;
                    };
                    self.discarded = (self.discarded.0 + 1, Some(frame.kind));
                }
                KindAction::EndCall => {
                    let Some(frame) = self.decoder.decode(&mut bytes) else {
                        break;
                    };
                    let end = ClientEnd::Rejected { kind: frame.kind };
                    if self.session.hangup().is_some() {
                        on_event(ClientEvent::Ended(end));
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Returns what the release does with the next frame. The session decides for current releases.
    fn action(&self, bytes: &[u8]) -> KindAction {
        match (self.release, self.decoder.peek(bytes)) {
            (Some(release), Some(header)) => release.action(header.kind),
            _ => KindAction::Accept,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.session.poll_transmit(), Transmit::Close)
    }

    async fn flush(&mut self) -> io::Result<()> {
        while let Transmit::Bytes(bytes) = self.session.poll_transmit() {
            let written = self.stream.write(bytes).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.session.transmitted(written);
        }
        self.stream.flush().await
    }
}

impl Reply {
    fn new(event: ClientEvent<'_>) -> Option<Self> {
        match event {
            ClientEvent::Audio(audio) => Some(Self::Audio {
                rate: audio.rate(),
                payload: audio.payload().to_vec(),
            }),
            ClientEvent::Ended(end) => Some(Self::Ended(end)),
            _ => None,
        }
    }
}

fn to_io(error: SendError) -> io::Error {
    let kind = match error {
        SendError::NoCall => io::ErrorKind::NotConnected,
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests;
