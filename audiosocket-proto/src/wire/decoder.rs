//! Finds frames in a stream that TCP delivers in pieces.

use alloc::vec::Vec;

use crate::{Frame, HEADER_LEN, Header, buffer};

/// Finds the frames in a byte stream that comes in pieces of any size.
///
/// A frame that is whole in your buffer is borrowed from there, without a copy. Only a frame that a read has cut
/// is copied into the decoder. So a server needs one read buffer per thread and one decoder per connection.
/// Decoding cannot fail: any three bytes are a header.
///
/// # Memory
///
/// A decoder allocates nothing until a frame is cut. Then it holds the received bytes of that frame, in at most
/// 131,076 bytes of memory. The length that a header announces allocates nothing. After the frame it keeps at
/// most 8 KiB.
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
    /// The received bytes of a cut frame. Once that frame was returned, it stays here until the next call.
    partial: Vec<u8>,
}

impl Decoder {
    /// Creates a decoder for a new stream. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            partial: Vec::new(),
        }
    }

    /// Takes the next frame off the front of `input`. If the frame is incomplete, it keeps all bytes of `input`
    /// and returns `None`.
    ///
    /// Call it until it returns `None`. Then `input` is empty. The frame borrows from your buffer or from the
    /// decoder, so you must drop it before the next call.
    #[inline]
    pub fn decode<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Frame<'a>> {
        // The only check for a frame that comes whole.
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

    /// Returns the number of received bytes of an incomplete frame. If it is not zero at the end of the stream,
    /// the stream was cut inside a frame.
    #[must_use]
    pub fn partial_len(&self) -> usize {
        self.awaited().len()
    }

    /// Returns the received bytes of an incomplete frame. A new decoder that decodes them continues the stream.
    ///
    /// ```
    /// # use audiosocket_proto::Decoder;
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.decode(&mut &[0x03, 0][..]).is_none());
    ///
    /// let mut other = Decoder::new();
    /// assert!(other.decode(&mut decoder.partial()).is_none());
    /// assert!(other.decode(&mut &[1, b'7'][..]).is_some());
    /// ```
    #[must_use]
    pub fn partial(&self) -> &[u8] {
        self.awaited()
    }

    /// Returns the header of the frame that [`decode`](Self::decode) would return next for this `input`. Returns
    /// `None` if the header is incomplete.
    ///
    /// With it, you can refuse a frame before its payload takes memory.
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

    /// [`decode`](Self::decode) for a frame that was cut. Returns the rest of `input`: a borrowed `input` would
    /// be in memory instead of in registers, for whole frames too.
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

    /// The received bytes of an incomplete frame.
    fn awaited(&self) -> &[u8] {
        if self.is_handed_out() {
            &[]
        } else {
            &self.partial
        }
    }

    /// Whether `partial` is a whole frame, which was returned and ends with the next call.
    fn is_handed_out(&self) -> bool {
        let header = self.partial.first_chunk().copied().map(Header::parse);
        header.is_some_and(|header| self.partial.len() == header.frame_len())
    }
}
