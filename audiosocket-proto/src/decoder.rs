//! Stream reassembly: frames out of whatever pieces TCP delivers.

use alloc::vec::Vec;

use crate::{Frame, HEADER_LEN, Header, buffer};

/// Finds the frames in a byte stream that comes in arbitrary pieces.
///
/// A frame that lies whole in the caller's buffer is borrowed from there, without a copy; only a
/// frame that a read cut in two is put together here. So a server needs one read buffer for each
/// thread, and a decoder for each connection. Framing cannot fail: any three bytes are a header.
///
/// Memory: nothing until a frame is cut; then what has arrived of that frame, never the length
/// that its header merely announces; at most twice the longest frame (131,076 bytes), and no more
/// than 8 KiB kept once the frame is done.
///
/// ```
/// use audiosocket_proto::{Decoder, FrameKind};
///
/// let mut decoder = Decoder::new();
/// // Two reads, with a cut inside the second frame.
/// let reads: [&[u8]; 2] = [&[0x03, 0, 1, b'7', 0x10, 0], &[4, 1, 2, 3, 4]];
/// let mut kinds = Vec::new();
/// for read in reads {
///     let mut input = read;
///     while let Some(frame) = decoder.decode(&mut input) {
///         kinds.push((frame.kind, frame.payload.len()));
///     }
/// }
/// assert_eq!(kinds, [(FrameKind::DTMF, 1), (FrameKind::AUDIO_8K, 4)]);
/// assert_eq!(decoder.partial_len(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    /// The front part of a cut frame; or all of it, if `whole`.
    partial: Vec<u8>,
    /// `partial` has been handed out as a frame, and goes away with the next call.
    whole: bool,
}

impl Decoder {
    /// A decoder at the start of a stream; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            partial: Vec::new(),
            whole: false,
        }
    }

    /// Takes the next frame off the front of `input`, or, if its end has not come, takes all of
    /// `input` in and returns `None`.
    ///
    /// Call it until it returns `None`; `input` is empty then. The frame borrows from `input`'s
    /// buffer or from the decoder, so it must be done with before the next call.
    #[inline]
    pub fn decode<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Frame<'a>> {
        if self.whole {
            self.whole = false;
            buffer::empty(&mut self.partial);
        }
        if self.partial.is_empty()
            && let Some(frame) = Frame::split_first(input)
        {
            return Some(frame);
        }
        self.reassemble(input)
    }

    /// Bytes held of a frame whose end has not come; at the end of a stream, more than zero means
    /// that it was cut inside a frame.
    #[must_use]
    pub fn partial_len(&self) -> usize {
        if self.whole { 0 } else { self.partial.len() }
    }

    /// The header of the frame that the next call of [`decode`](Self::decode) would work on with
    /// this `input`, if all of the header has come.
    ///
    /// With it, a frame that is not wanted can be turned down before its payload takes memory.
    #[must_use]
    pub fn peek(&self, input: &[u8]) -> Option<Header> {
        let mut header = [0; HEADER_LEN];
        let held = if self.whole {
            &[][..]
        } else {
            &self.partial[..]
        };
        let mut bytes = held.iter().chain(input);
        for byte in &mut header {
            *byte = *bytes.next()?;
        }
        Some(Header::parse(header))
    }

    fn reassemble<'a>(&'a mut self, input: &mut &[u8]) -> Option<Frame<'a>> {
        self.fill(input, HEADER_LEN)?;
        let header = Header::parse(*self.partial.first_chunk()?);
        self.fill(input, header.frame_len())?;
        self.whole = true;
        Some(Frame {
            kind: header.kind,
            payload: &self.partial[HEADER_LEN..],
        })
    }

    /// Moves bytes from `input` until `len` are held; `None` if that many have not come.
    fn fill(&mut self, input: &mut &[u8], len: usize) -> Option<()> {
        let missing = len.saturating_sub(self.partial.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.partial.extend_from_slice(taken);
        *input = rest;
        (taken.len() == missing).then_some(())
    }
}
