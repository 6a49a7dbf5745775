//! Bytes that were read while the handler of their call was busy.

use bytes::{Buf, BytesMut};

use audiosocket_proto::{Frame, HEADER_LEN, Header, SampleRate};
use audiosocket_server::Lag;

/// Bytes that wait for a handler. Asterisk must not meet a full socket: it would end the call.
///
/// Takes bytes as they were read, and gives them out frame by frame. If it holds more than its limit,
/// it drops audio, **whole frames and the oldest first**, until a quarter of the limit is free: a caller
/// who was not heard for a while is better heard late than never, but not a minute late. Other frames
/// are never dropped. A peer that fills the limit with them is no Asterisk, and is [not
/// read](Self::is_full) for the time being.
#[derive(Debug)]
pub(crate) struct InboundBuffer {
    limit: usize,
    bytes: BytesMut,
    /// The place in a frame of the first of `bytes`.
    front: FrameCursor,
    lag: Lag,
}

impl InboundBuffer {
    /// An empty buffer that holds up to `limit` bytes, headers included, and the rest of one frame.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: BytesMut::new(),
            front: FrameCursor::default(),
            lag: Lag::default(),
        }
    }

    /// These bytes were read and went straight to the call, since nothing waited.
    ///
    /// # Panics
    ///
    /// If bytes wait: the caller would mix up the stream.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        assert!(self.is_empty(), "bytes that wait come first");
        self.front.advance(bytes);
    }

    /// These bytes were read and wait.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.limit {
            self.drop_oldest();
        }
    }

    /// Moves bytes into `buffer`, up to the end of a frame, and returns how many; 0 if none wait.
    ///
    /// One frame only, so that a handler that is slow with it gets new audio next.
    pub(crate) fn pop(&mut self, buffer: &mut [u8]) -> usize {
        let len = self.front.left_of_frame(&self.bytes).min(buffer.len());
        buffer[..len].copy_from_slice(&self.bytes[..len]);
        self.front.advance(&buffer[..len]);
        self.bytes.advance(len);
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        len
    }

    /// Whether no bytes wait.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether more bytes wait than the limit allows, though all whole frames of audio were dropped.
    /// Then read no more. With a limit of less than the longest frame (65,538
    /// bytes), one frame that has not come whole does that.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() > self.limit
    }

    /// The audio that was dropped since the last call of this, if any.
    pub(crate) fn take_lag(&mut self) -> Option<Lag> {
        (self.lag != Lag::default()).then(|| std::mem::take(&mut self.lag))
    }

    fn drop_oldest(&mut self) {
        let mut excess = self.bytes.len() - self.limit / 4 * 3;
        let mut kept = BytesMut::with_capacity(self.bytes.len());
        // The handler's side has the beginning of that frame.
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
struct FrameCursor {
    /// The first bytes of the frame.
    header: [u8; HEADER_LEN],
    /// How many of them have been passed; 0 between two frames.
    have: usize,
    /// The rest of the payload in bytes, once the header is known.
    left: usize,
}

impl FrameCursor {
    fn is_between_frames(self) -> bool {
        self.have == 0
    }

    /// How many of the next `bytes` belong to the frame of this place, or that begins here.
    fn left_of_frame(mut self, bytes: &[u8]) -> usize {
        self.advance_in_frame(bytes)
    }

    fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.advance_in_frame(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// Goes to the end of the frame, or of `bytes`. Returns how far.
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

#[cfg(test)]
mod tests;
