//! Asterisk's side of the wire: for simulators, load generators and tests of servers.
//!
//! [`ClientSession`] behaves as Asterisk 22 does (`res/res_audiosocket.c`): the UUID goes first,
//! audio and key presses follow, and whatever the server sends other than a hangup or audio of at
//! least one byte ends the call.

use alloc::vec::Vec;

use uuid::Uuid;

use crate::buffer::SendBuffer;
use crate::wire::frame;
use crate::{
    Audio, Decoder, DtmfDigit, ErrorFlags, Frame, FrameKind, MAX_PAYLOAD_LEN, Message, SampleRate,
    SendError, Transmit,
};

/// Appends any `message` to `out` as a frame. For clients and tests; a server uses
/// [`encoder`](crate::encoder), which writes only what Asterisk accepts.
///
/// # Errors
///
/// [`SendError::AudioTooLong`] if the payload does not fit one frame; `out` is then as it was.
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

/// An event on the client's side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent<'a> {
    /// Audio for the caller; never empty.
    Audio(Audio<'a>),
    /// The call is over; always the last event, and exactly one.
    Ended(ClientEnd),
}

/// How a call ended, seen from Asterisk's side.
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
    /// The server sent what Asterisk ends a call for: this kind, or audio of no bytes.
    Rejected {
        /// The kind of the frame.
        kind: FrameKind,
    },
}

/// One call as Asterisk sees it, without a socket, a clock or pacing.
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
    /// A call that begins with `uuid` and sends audio of `rate`.
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

    /// Queues one frame of the caller's audio, in bytes.
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

    /// The caller hangs up: as Asterisk does, this closes the connection without a word.
    ///
    /// Returns the `Ended` event; `None` if there was one before.
    pub fn hangup(&mut self) -> Option<ClientEvent<'static>> {
        (!self.over).then(|| self.end(ClientEnd::CallerHungUp))
    }

    /// Takes the next frame out of `input` and says what it means; `None` once `input` is used up.
    /// Once the call is over, input is discarded unread.
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

    /// The server closed its side.
    pub fn handle_eof(&mut self, decoder: &Decoder) -> Option<ClientEvent<'static>> {
        let end = match decoder.partial_len() {
            0 => ClientEnd::ServerClosed,
            _ => ClientEnd::Truncated,
        };
        (!self.over).then(|| self.end(end))
    }

    /// What the write side has to do now; see [`Transmit`]. After the end there is nothing but
    /// [`Transmit::Close`]: queued bytes are dropped, as Asterisk does.
    #[must_use]
    pub fn poll_transmit(&self) -> Transmit<'_> {
        match self.send_buffer.unsent() {
            _ if self.over => Transmit::Close,
            [] => Transmit::Idle,
            bytes => Transmit::Bytes(bytes),
        }
    }

    /// The connection took the first `written` of the bytes offered last.
    ///
    /// # Panics
    ///
    /// If `written` is more than was offered.
    pub fn transmitted(&mut self, written: usize) {
        self.send_buffer.advance(written);
    }

    /// Bytes that wait to be written. Asterisk ends a call on a short write; this leaves it to the
    /// caller how long to wait.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.send_buffer.unsent().len()
    }

    fn send(&mut self, message: Message<'_>) -> Result<(), SendError> {
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
