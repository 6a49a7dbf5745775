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
    /// The front part of a cut frame; or all of it, once it has been handed out, until the next call.
    partial: Vec<u8>,
}

impl Decoder {
    /// A decoder at the start of a stream; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            partial: Vec::new(),
        }
    }

    /// Takes the next frame off the front of `input`, or, if its end has not come, takes all of
    /// `input` in and returns `None`.
    ///
    /// Call it until it returns `None`; `input` is empty then. The frame borrows from `input`'s
    /// buffer or from the decoder, so it must be done with before the next call.
    #[inline]
    pub fn decode<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Frame<'a>> {
        // The one test in the way of frames that come whole.
        if self.partial.is_empty() {
            if let Some(frame) = Frame::split_first(input) {
                return Some(frame);
            }
            if input.is_empty() {
                return None;
            }
        }
        let frame;
        (frame, *input) = self.reassemble(input);
        frame
    }

    /// Bytes held of a frame whose end has not come; at the end of a stream, more than zero means
    /// that it was cut inside a frame.
    #[must_use]
    pub fn partial_len(&self) -> usize {
        self.awaited().len()
    }

    /// The header of the frame that the next call of [`decode`](Self::decode) would work on with
    /// this `input`, if all of the header has come.
    ///
    /// With it, a frame that is not wanted can be turned down before its payload takes memory.
    #[must_use]
    pub fn peek(&self, input: &[u8]) -> Option<Header> {
        let header = match *self.awaited() {
            [] => *input.first_chunk()?,
            [kind] => {
                let [high, low] = *input.first_chunk()?;
                [kind, high, low]
            }
            [kind, high] => [kind, high, *input.first()?],
            [kind, high, low, ..] => [kind, high, low],
        };
        Some(Header::parse(header))
    }

    /// [`decode`](Self::decode) where a frame was cut. What is left of `input` is returned: if it were
    /// lent, it would have to be in memory for whole frames, too, instead of in registers.
    fn reassemble<'a, 'i: 'a>(&'a mut self, mut input: &'i [u8]) -> (Option<Frame<'a>>, &'i [u8]) {
        if self.is_handed_out() {
            buffer::clear(&mut self.partial);
            if let Some(frame) = Frame::split_first(&mut input) {
                return (Some(frame), input);
            }
        }
        let Some(header) = self.peek(input) else {
            self.partial.extend_from_slice(input);
            return (None, &[]);
        };
        let missing = header.frame_len() - self.partial.len();
        let Some((taken, rest)) = input.split_at_checked(missing) else {
            self.partial.extend_from_slice(input);
            return (None, &[]);
        };
        self.partial.extend_from_slice(taken);
        let frame = Frame {
            kind: header.kind,
            payload: &self.partial[HEADER_LEN..],
        };
        (Some(frame), rest)
    }

    /// What is held of a frame whose end has not come.
    fn awaited(&self) -> &[u8] {
        if self.is_handed_out() {
            &[]
        } else {
            &self.partial
        }
    }

    /// Whether `partial` is a frame, which has been handed out, and goes away with the next call.
    fn is_handed_out(&self) -> bool {
        let header = self.partial.first_chunk().copied().map(Header::parse);
        header.is_some_and(|header| self.partial.len() == header.frame_len())
    }
}
