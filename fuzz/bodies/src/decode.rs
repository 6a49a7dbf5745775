use audiosocket_proto::{Decoder, HEADER_LEN, MAX_PAYLOAD_LEN};

use crate::cuts::Cuts;
use crate::reference::{self, RawFrame};

/// Decodes a stream in one piece and in pieces. Both must give the frames that a plain parser finds. The decoder must never
/// hold more than the bytes of one incomplete frame.
///
/// The first bytes of `data` are the cuts.
pub fn decode(data: &[u8]) {
    let mut stream = data;
    let cuts = Cuts::split_first(&mut stream);
    let (expected, cut) = reference::parse(stream);

    let whole = frames(std::iter::once(stream));
    assert_eq!(whole, expected, "in one piece");
    assert_eq!(frames(cuts.apply(stream)), expected, "in pieces");
    assert!(cut < HEADER_LEN + MAX_PAYLOAD_LEN);
}

/// Returns the frames that a decoder finds in `pieces`.
fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<RawFrame> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    // The number of bytes that have arrived and belong to no complete frame.
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
                    "peek returns a header exactly when it is complete"
                );
                break;
            };
            let header = peeked.expect("a complete frame has a header");
            assert_eq!(header.kind, frame.kind);
            assert_eq!(usize::from(header.len), frame.payload.len());
            open -= header.frame_len();
            frames.push((frame.kind.0, frame.payload.to_vec()));
            assert_eq!(
                decoder.partial_len(),
                0,
                "after a frame, the decoder holds no bytes"
            );
        }
        assert!(input.is_empty(), "the decoder did not read all input");
        assert_eq!(
            decoder.partial_len(),
            open,
            "partial_len is not the number of bytes that arrived"
        );
        assert!(open < HEADER_LEN + MAX_PAYLOAD_LEN);
    }
    frames
}
