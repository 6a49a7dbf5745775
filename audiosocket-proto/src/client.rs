//! Asterisk's side of a call, for simulators, load generators and tests of servers. A server does not need it.
//!
//! [`ClientSession`] is one call. It behaves like Asterisk 22 (`res/res_audiosocket.c`): it sends the UUID
//! first, then audio and key presses. A server may send it hangups and audio of at least one byte. Any other
//! frame ends the call.
//!
//! [`encode`] writes a single frame of any kind.

use alloc::vec::Vec;

use uuid::Uuid;

use crate::buffer::SendBuffer;
use crate::wire::frame;
use crate::{
    Audio, Decoder, DtmfDigit, ErrorFlags, Frame, FrameKind, MAX_PAYLOAD_LEN, Message, SampleRate,
    SendError, Transmit,
};

/// Appends `message` to `out` as one frame. It writes frames of any kind, for clients and tests. A server uses
/// [`encoder`](crate::encoder), which writes only frames that Asterisk allows.
///
/// # Errors
///
/// [`SendError::AudioTooLong`] if the payload is longer than 65,535 bytes. Then `out` is unchanged.
pub fn encode(message: Message<'_>, out: &mut Vec<u8>) -> Result<(), SendError> {
    let (kind, payload): (FrameKind, &[u8]) = match &message {
        Message::Hangup => (FrameKind::HANGUP, &[]),
        Message::Uuid(uuid) => (FrameKind::UUID, uuid.as_bytes()),
        Message::Silence => (FrameKind::SILENCE, &[]),
        Message::Dtmf(digit) => (FrameKind::DTMF, &[digit.as_byte()]),
        Message::Audio(audio) => (audio.rate().kind(), audio.payload()),
        Message::Error(flags) => (FrameKind::ERROR, &[flags.0]),
        Message::Unknown(frame) => (frame.kind, frame.payload),
    };
    if payload.len() > MAX_PAYLOAD_LEN {
        return Err(SendError::AudioTooLong { len: payload.len() });
    }
    frame::put(kind, payload, out);
    Ok(())
}

/// An event of a [`ClientSession`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent<'a> {
    /// Audio for the caller. It is never empty.
    Audio(Audio<'a>),
    /// The call is over. This event comes last, exactly once.
    Ended(ClientEnd),
}

/// How a call ended on the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEnd {
    /// The caller hung up: [`ClientSession::hangup`] was called.
    CallerHungUp,
    /// The server sent a hangup frame.
    ServerHungUp,
    /// The server closed the connection without a hangup frame, between two frames.
    ServerClosed,
    /// The server closed the connection inside a frame.
    Truncated,
    /// The server sent a frame that Asterisk rejects: audio of no bytes, or another kind than audio and hangup.
    Rejected {
        /// The kind of the frame.
        kind: FrameKind,
    },
}

/// One call as Asterisk sees it. It has no socket, no clock and no pacing.
///
/// ```
/// use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
/// use audiosocket_proto::{Audio, Decoder, SampleRate, Transmit, Uuid};
///
/// let mut call = ClientSession::new(Uuid::from_u128(7), SampleRate::Hz8000);
/// call.send_audio(&[0; 320])?;
/// let Transmit::Bytes(bytes) = call.poll_transmit() else { panic!() };
/// assert_eq!(bytes.len(), 19 + 323);
///
/// let mut decoder = Decoder::new();
/// let mut input: &[u8] = &[0x10, 0, 2, 1, 0, 0x00, 0, 0];
/// let audio = call.receive(&mut decoder, &mut input);
/// assert_eq!(audio, Some(ClientEvent::Audio(Audio::new(SampleRate::Hz8000, &[1, 0]))));
/// let end = call.receive(&mut decoder, &mut input);
/// assert_eq!(end, Some(ClientEvent::Ended(ClientEnd::ServerHungUp)));
/// assert_eq!(call.receive(&mut decoder, &mut input), None);
/// # Ok::<(), audiosocket_proto::SendError>(())
/// ```
#[derive(Debug)]
pub struct ClientSession {
    rate: SampleRate,
    send_buffer: SendBuffer,
    over: bool,
}

impl ClientSession {
    /// Creates a call that first sends `uuid`, and then audio at `rate`.
    #[must_use]
    pub fn new(uuid: Uuid, rate: SampleRate) -> Self {
        let mut send_buffer = SendBuffer::default();
        frame::put(FrameKind::UUID, uuid.as_bytes(), send_buffer.tail());
        Self {
            rate,
            send_buffer,
            over: false,
        }
    }

    /// Queues `payload` as one frame of the caller's audio. `payload` is slin at the rate of the call.
    ///
    /// # Errors
    ///
    /// [`SendError::EmptyAudio`], [`SendError::AudioTooLong`], or [`SendError::NoCall`] once the
    /// call is over.
    pub fn send_audio(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if payload.is_empty() && !self.over {
            return Err(SendError::EmptyAudio);
        }
        self.send(Message::Audio(Audio::new(self.rate, payload)))
    }

    /// Queues a key press.
    ///
    /// # Errors
    ///
    /// [`SendError::NoCall`] once the call is over.
    pub fn send_dtmf(&mut self, digit: DtmfDigit) -> Result<(), SendError> {
        self.send(Message::Dtmf(digit))
    }

    /// Queues an error frame.
    ///
    /// # Errors
    ///
    /// [`SendError::NoCall`] once the call is over.
    pub fn send_error(&mut self, flags: ErrorFlags) -> Result<(), SendError> {
        self.send(Message::Error(flags))
    }

    /// Ends the call, as if the caller hung up. As Asterisk does, it closes the connection without a hangup frame.
    ///
    /// Returns the `Ended` event; `None` if there was one before.
    pub fn hangup(&mut self) -> Option<ClientEvent<'static>> {
        (!self.over).then(|| self.end(ClientEnd::CallerHungUp))
    }

    /// Takes the next frame off `input` and returns its event. Returns `None` once `input` is used up.
    /// Once the call is over, it discards all input.
    pub fn receive<'d, 'i: 'd>(
        &mut self,
        decoder: &'d mut Decoder,
        input: &mut &'i [u8],
    ) -> Option<ClientEvent<'d>> {
        if self.over {
            *input = &[];
            return None;
        }
        let frame = decoder.decode(input)?;
        Some(self.handle_frame(frame))
    }

    /// Reports that the server closed its side. Returns the `Ended` event, if there was none before.
    pub fn handle_eof(&mut self, decoder: &Decoder) -> Option<ClientEvent<'static>> {
        let end = match decoder.partial_len() {
            0 => ClientEnd::ServerClosed,
            _ => ClientEnd::Truncated,
        };
        (!self.over).then(|| self.end(end))
    }

    /// Returns what the write side has to do now. Once the call is over, this is [`Transmit::Close`]: unsent
    /// bytes are dropped, as Asterisk does.
    #[must_use]
    pub fn poll_transmit(&self) -> Transmit<'_> {
        match self.send_buffer.unsent() {
            _ if self.over => Transmit::Close,
            [] => Transmit::Idle,
            bytes => Transmit::Bytes(bytes),
        }
    }

    /// Reports that the connection took the first `written` of the bytes that [`poll_transmit`](Self::poll_transmit) returned.
    ///
    /// # Panics
    ///
    /// If `written` is more than [`unsent`](Self::unsent) returns.
    pub fn transmitted(&mut self, written: usize) {
        self.send_buffer.advance(written);
    }

    /// Returns the number of unsent bytes. Asterisk ends a call on a short write. A `ClientSession` keeps the
    /// rest, and you decide how long to wait.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.send_buffer.unsent().len()
    }

    /// Queues any message, also one that Asterisk never sends, to test a server with it.
    ///
    /// # Errors
    ///
    /// [`SendError::AudioTooLong`] if the payload is longer than 65,535 bytes, and [`SendError::NoCall`] once the call
    /// is over.
    pub fn send(&mut self, message: Message<'_>) -> Result<(), SendError> {
        if self.over {
            return Err(SendError::NoCall);
        }
        encode(message, self.send_buffer.tail())
    }

    fn handle_frame<'f>(&mut self, frame: Frame<'f>) -> ClientEvent<'f> {
        match Message::parse(frame) {
            Ok(Message::Audio(audio)) if !audio.is_empty() => ClientEvent::Audio(audio),
            Ok(Message::Hangup) => self.end(ClientEnd::ServerHungUp),
            _ => self.end(ClientEnd::Rejected { kind: frame.kind }),
        }
    }

    fn end(&mut self, end: ClientEnd) -> ClientEvent<'static> {
        self.over = true;
        self.send_buffer.clear();
        ClientEvent::Ended(end)
    }
}
