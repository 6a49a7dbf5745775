use audiosocket_proto::{Decoder, HEADER_LEN, MAX_PAYLOAD_LEN};

use crate::cuts::Cuts;
use crate::reference::{self, RawFrame};

/// A stream, cut as its first bytes say, gives the frames that it gives in one piece and that a
/// plain parser finds; and a decoder never holds more than has come of one frame.
pub fn decode(data: &[u8]) {
    let mut stream = data;
    let cuts = Cuts::split_first(&mut stream);
    let (expected, cut) = reference::parse(stream);

    let whole = frames(std::iter::once(stream));
    assert_eq!(whole, expected, "in one piece");
    assert_eq!(frames(cuts.apply(stream)), expected, "in pieces");
    assert!(cut < HEADER_LEN + MAX_PAYLOAD_LEN);
}

/// The frames that a decoder finds in `pieces`.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<RawFrame> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    // Bytes that have come and belong to no frame yet.
    let mut open = 0;
    for piece in pieces {
        let mut input = piece;
        open += piece.len();
        loop {
            let peeked = decoder.peek(input);
            let Some(frame) = decoder.decode(&mut input) else {
                assert_eq!(
                    peeked.is_some(),
                    open >= HEADER_LEN,
                    "a header is whole or not"
                );
                break;
            };
            let header = peeked.expect("the header of a whole frame");
            assert_eq!(header.kind, frame.kind);
            assert_eq!(usize::from(header.len), frame.payload.len());
            open -= header.frame_len();
            frames.push((frame.kind.0, frame.payload.to_vec()));
            assert_eq!(
                decoder.partial_len(),
                0,
                "a frame that was handed out is not partial"
            );
        }
        assert!(input.is_empty(), "all input is taken");
        assert_eq!(decoder.partial_len(), open, "what is held is what has come");
        assert!(open < HEADER_LEN + MAX_PAYLOAD_LEN);
    }
    frames
}
