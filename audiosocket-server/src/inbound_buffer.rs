use std::fmt;

use bytes::{Buf, BytesMut};

use audiosocket_proto::{Frame, HEADER_LEN, Header, SampleRate};

/// What came while a call's handler was busy, for an adapter that reads meanwhile: Asterisk must
/// not be left with a full socket, which it would end the call for.
///
/// It takes bytes as they were read and gives them out frame by frame. Once it holds more than its
/// limit it drops audio, **whole frames and the oldest first**, until a quarter of the limit is free:
/// a caller who was not heard for a while is better heard late than never, but not a minute late.
/// Frames other than audio are never dropped; a peer that sends so many of those that they fill it
/// is no Asterisk, and is [not read from](Self::is_full) for the time being.
///
/// ```
/// use audiosocket_server::InboundBuffer;
///
/// let mut backlog = InboundBuffer::new(16);
/// backlog.push(b"\x10\x00\x04old.\x03\x00\x011");
/// backlog.push(b"\x10\x00\x04new.");
/// let mut buffer = [0; 64];
/// assert_eq!(backlog.pop(&mut buffer), 4);
/// assert_eq!(buffer[..4], *b"\x03\x00\x011");
/// assert_eq!(backlog.pop(&mut buffer), 7);
/// assert_eq!(buffer[..7], *b"\x10\x00\x04new.");
/// let lag = backlog.take_lag().expect("something was dropped");
/// assert_eq!((lag.frames, lag.bytes), (1, 4));
/// ```
#[derive(Debug)]
pub struct InboundBuffer {
    limit: usize,
    bytes: BytesMut,
    /// Where in a frame the first of `bytes` stands.
    front: Position,
    lag: Lag,
}

/// How much of the caller's audio was dropped because the handler was too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// Audio frames that were dropped.
    pub frames: u64,
    /// Bytes of audio in them, without headers.
    pub bytes: u64,
}

impl InboundBuffer {
    /// An empty one that holds up to `limit` bytes, headers included, and what is left of one
    /// frame; see [`SessionConfig::max_unread`](audiosocket_proto::SessionConfig::max_unread).
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: BytesMut::new(),
            front: Position::default(),
            lag: Lag::default(),
        }
    }

    /// These bytes were read and went straight to the call, since nothing waited.
    ///
    /// # Panics
    ///
    /// If something waits: an error of the caller that would mix the stream up.
    pub fn pass(&mut self, bytes: &[u8]) {
        assert!(self.is_empty(), "what waits comes first");
        self.front.advance(bytes);
    }

    /// These bytes were read and have to wait.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.limit {
            self.drop_oldest();
        }
    }

    /// Moves what waits into `buffer`, up to the end of a frame, and tells how many bytes that is;
    /// 0 if nothing waits.
    ///
    /// One frame only, so that a handler which is slow with it still gets what is new next.
    pub fn pop(&mut self, buffer: &mut [u8]) -> usize {
        let len = self.front.left_of_frame(&self.bytes).min(buffer.len());
        buffer[..len].copy_from_slice(&self.bytes[..len]);
        self.front.advance(&buffer[..len]);
        self.bytes.advance(len);
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether more waits than the limit allows, though all whole frames of audio were dropped, so
    /// that nothing more should be read. With a limit of less than the longest frame (65,538
    /// bytes), one frame that has not come whole does that.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes.len() > self.limit
    }

    /// What was dropped since this was last asked, if anything.
    pub fn take_lag(&mut self) -> Option<Lag> {
        (self.lag != Lag::default()).then(|| std::mem::take(&mut self.lag))
    }

    fn drop_oldest(&mut self) {
        let mut excess = self.bytes.len() - self.limit / 4 * 3;
        let mut kept = BytesMut::with_capacity(self.bytes.len());
        // The handler's side has the beginning of that one.
        let begun = if self.front.is_between_frames() {
            0
        } else {
            self.front.left_of_frame(&self.bytes)
        };
        let (begun, mut rest) = self.bytes.split_at(begun);
        kept.extend_from_slice(begun);
        loop {
            let before = rest;
            let Some(frame) = Frame::split_first(&mut rest) else {
                break;
            };
            let whole = &before[..before.len() - rest.len()];
            if excess > 0 && SampleRate::from_kind(frame.kind).is_some() {
                excess = excess.saturating_sub(whole.len());
                self.lag.frames += 1;
                self.lag.bytes += frame.payload.len() as u64;
            } else {
                kept.extend_from_slice(whole);
            }
        }
        kept.extend_from_slice(rest);
        self.bytes = kept;
    }
}

/// A place in a stream of frames.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// The first bytes of the frame in which the place is.
    header: [u8; HEADER_LEN],
    /// How many of them have been passed; none between two frames.
    have: usize,
    /// How much of the payload is left, once the header is known.
    left: usize,
}

impl Position {
    fn is_between_frames(self) -> bool {
        self.have == 0
    }

    /// How many of `bytes`, which come next, belong to the frame in which this place is, or which
    /// begins here.
    fn left_of_frame(mut self, bytes: &[u8]) -> usize {
        self.advance_in_frame(bytes)
    }

    fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.advance_in_frame(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// Goes to the end of the frame, or of `bytes`; tells how far.
    fn advance_in_frame(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while self.have < HEADER_LEN {
            let Some(byte) = bytes.get(taken) else {
                return taken;
            };
            self.header[self.have] = *byte;
            self.have += 1;
            self.left = usize::from(Header::parse(self.header).len);
            taken += 1;
        }
        let payload = self.left.min(bytes.len() - taken);
        self.left -= payload;
        if self.left == 0 {
            self.have = 0;
        }
        taken + payload
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, bytes } = self;
        write!(
            f,
            "the handler is too slow: {frames} frames of audio ({bytes} bytes) were dropped unheard"
        )
    }
}
