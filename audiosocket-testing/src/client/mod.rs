//! An async client: Asterisk's side of one call. Use it in a test that makes a call by hand.
//!
//! A [`Client`] sends the UUID when it connects. Then it sends audio, digits and error frames, and
//! receives the frames of the server. It needs a Tokio runtime. With [`Client::connect_as`] it behaves
//! like a release of Asterisk that you do not have.
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

mod pauses;
mod read;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{
    Decoder, DtmfDigit, ErrorFlags, FrameKind, Message, SampleRate, SendError, Transmit, Uuid,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, ToSocketAddrs};

use crate::asterisk::{AsteriskEnd, AsteriskFeature, AsteriskRelease};
use read::KernelWatch;

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
    /// `None` if frames and calls may pause.
    pauses: Option<KernelWatch<S>>,
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
    /// The release of [`Client::connect_as`] ends the call here, because of the server.
    EndedByAsterisk(AsteriskEnd),
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
        let stream = Self::open(server).await?;
        Self::with_stream(stream, uuid, rate).await
    }

    /// Connects as [`connect`](Self::connect) does, and then behaves like this release of Asterisk:
    ///
    /// - It discards the kinds of frames that the release discards. [`discarded`](Self::discarded) counts them.
    /// - [`Reply::EndedByAsterisk`] ends the call at a kind that ends it on the release, when a frame comes in parts
    ///   for which the release does not wait, and after 2 s in which neither side sent anything.
    /// - It sends no keys if the release sends none, and wide audio under the kind of 8 kHz if the release does so.
    ///
    /// A close without a hangup frame is [`ClientEnd::ServerClosed`]. Releases before 20.14, 21.9 and 22.4 do not notice
    /// it, so check for [`ClientEnd::ServerHungUp`].
    ///
    /// Source: the source of Asterisk's releases, see [`asterisk`](crate::asterisk).
    ///
    /// # Errors
    ///
    /// See [`connect`](Self::connect).
    pub async fn connect_as(
        release: AsteriskRelease,
        server: impl ToSocketAddrs,
        uuid: Uuid,
        rate: SampleRate,
    ) -> io::Result<Self> {
        let stream = Self::open(server).await?;
        let mut client = Self::new(stream, uuid, rate, Some(release)).watching_pauses(false);
        client.flush().await?;
        Ok(client)
    }

    async fn open(server: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
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
        self.wrote();
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
        let mut client = Self::new(stream, uuid, rate, None);
        client.flush().await?;
        Ok(client)
    }

    /// Returns a client that has queued the UUID. It treats frames as `release` does. `None` is a current release.
    pub(crate) fn new(
        stream: S,
        uuid: Uuid,
        rate: SampleRate,
        release: Option<AsteriskRelease>,
    ) -> Self {
        let wire_rate = release.map_or(rate, |release| release.wire_rate(rate));
        Self {
            stream,
            session: ClientSession::new(uuid, wire_rate),
            decoder: Decoder::new(),
            replies: VecDeque::new(),
            release,
            discarded: (0, None),
            pauses: None,
        }
    }

    /// Returns the number of frames that the release discarded, and the kind of the last one.
    #[must_use]
    pub fn discarded(&self) -> (u64, Option<FrameKind>) {
        self.discarded
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

    /// Sends a digit, if the release sends digits. See [`send_audio`](Self::send_audio).
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

    /// Waits for the next reply. Returns `None` after the end of the call.
    ///
    /// The call ends as on Asterisk: at a hangup frame, at the end of the stream, and at any frame
    /// other than a hangup or audio of at least one byte. With [`connect_as`](Self::connect_as) it ends as
    /// on that release. Cancel safe.
    ///
    /// # Errors
    ///
    /// The errors of the stream, such as [`io::ErrorKind::ConnectionReset`].
    pub async fn next(&mut self) -> io::Result<Option<Reply>> {
        while self.replies.is_empty() && !self.is_over() {
            let ended = poll_fn(|cx| {
                let mut replies = std::mem::take(&mut self.replies);
                let release = self.release;
                let on_event = |event: ClientEvent<'_>| replies.extend(Reply::new(event, release));
                let polled = self.poll_events(cx, on_event);
                self.replies = replies;
                polled
            })
            .await?;
            if let Some(end) = ended {
                self.session.hangup();
                self.replies.push_back(Reply::EndedByAsterisk(end));
            }
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

    /// Queues a digit. Returns `false` if the release sends no digits.
    pub(crate) fn queue_dtmf(&mut self, digit: DtmfDigit) -> Result<bool, SendError> {
        let sends = |release: AsteriskRelease| release.has(AsteriskFeature::Keys);
        if !self.release.is_none_or(sends) {
            return Ok(false);
        }
        self.session.send_dtmf(digit).map(|()| true)
    }

    /// Queues any message. [`SendError`] as in [`ClientSession::send`].
    pub(crate) fn queue(&mut self, message: Message<'_>) -> Result<(), SendError> {
        self.session.send(message)
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
            self.wrote();
        }
        self.stream.flush().await
    }

    fn wrote(&mut self) {
        if let Some(pauses) = &mut self.pauses {
            pauses.watch.wrote();
        }
    }
}

impl Reply {
    fn new(event: ClientEvent<'_>, release: Option<AsteriskRelease>) -> Option<Self> {
        match event {
            ClientEvent::Ended(ClientEnd::Rejected { kind }) if release.is_some() => {
                Some(Self::EndedByAsterisk(AsteriskEnd::rejected(release, kind)))
            }
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
