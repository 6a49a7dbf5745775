//! The buffer for bytes that arrive while the handler of their call is busy.

use bytes::{Buf, BytesMut};

use audiosocket_proto::{Frame, HEADER_LEN, Header, SampleRate};
use audiosocket_server::Lag;

/// Bytes that wait for a handler. Asterisk ends a call whose socket is full, so the bytes are read and kept here.
///
/// The buffer takes bytes in any pieces, and returns them frame by frame. Above its limit it drops audio, **in whole
/// frames, the oldest first**, until a quarter of the limit is free: an answer to old audio would come too late. Other
/// frames are never dropped. Asterisk does not send enough of them to fill the buffer. If a peer does, the buffer is
/// [full](Self::is_full), and the connection is not read.
#[derive(Debug)]
pub(crate) struct InboundBuffer {
    limit: usize,
    bytes: BytesMut,
    /// The position of the first of `bytes` in its frame.
    front: FrameCursor,
    lag: Lag,
}

impl InboundBuffer {
    /// Returns an empty buffer for up to `limit` bytes, headers included, and the rest of one frame.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: BytesMut::new(),
            front: FrameCursor::default(),
            lag: Lag::default(),
        }
    }

    /// Notes bytes that were read and went to the call directly, since no bytes wait.
    ///
    /// # Panics
    ///
    /// If bytes wait. They come first in the stream.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        assert!(self.is_empty(), "the bytes that wait must be popped first");
        self.front.advance(bytes);
    }

    /// Notes that the bytes that went to the call so far were not frames, except for `rest`, the last of them.
    pub(crate) fn begin_frames(&mut self, rest: &[u8]) {
        self.front = FrameCursor::default();
        self.front.advance(rest);
    }

    /// Adds bytes that were read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.limit {
            self.drop_oldest();
        }
    }

    /// Moves bytes into `buffer`, up to the end of a frame. Returns their number: 0 if no bytes wait.
    ///
    /// It moves bytes of one frame only. So a handler that is slow with this frame gets newer audio after it.
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

    /// Returns whether no bytes wait.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns whether more bytes wait than the limit allows after all whole frames of audio were dropped. The connection
    /// must not be read then. If the limit is less than the longest frame (65,538 bytes), one incomplete frame can fill
    /// the buffer.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() > self.limit
    }

    /// Returns the audio that was dropped since the last call of this method. `None` if no audio was dropped.
    pub(crate) fn take_lag(&mut self) -> Option<Lag> {
        (self.lag != Lag::default()).then(|| std::mem::take(&mut self.lag))
    }

    fn drop_oldest(&mut self) {
        let mut excess = self.bytes.len() - self.limit / 4 * 3;
        let mut kept = BytesMut::with_capacity(self.bytes.len());
        // The handler already has the beginning of this frame.
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

/// A position in a stream of frames.
#[derive(Clone, Copy, Debug, Default)]
struct FrameCursor {
    /// The first bytes of the frame.
    header: [u8; HEADER_LEN],
    /// The number of header bytes that have been passed: 0 between two frames.
    have: usize,
    /// The bytes of the payload that are left, after the header.
    left: usize,
}

impl FrameCursor {
    fn is_between_frames(self) -> bool {
        self.have == 0
    }

    /// Returns how many of `bytes` belong to the current frame, or to the frame that begins here.
    fn left_of_frame(mut self, bytes: &[u8]) -> usize {
        self.advance_in_frame(bytes)
    }

    fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.advance_in_frame(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// Moves to the end of the frame, or of `bytes`. Returns how many bytes it moved.
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
