//! Parses the frames of a stream, and encodes them again with the encoders of the core.

use audiosocket_proto::{Decoder, PeerError};
use audiosocket_proto::{FrameKind, Header, Message, SendError, client, encoder};

use super::spec::{self, frame};
use crate::cuts::Cuts;

/// Asserts that encoding the parsed frames of `stream` gives the same bytes. The client's encoder writes all kinds. The
/// server's encoder writes the kinds that Asterisk accepts.
pub(super) fn round_trip(stream: &[u8], cuts: &Cuts<'_>) {
    let mut frames = spec::frames(stream).into_iter();
    let mut decoder = Decoder::new();
    for piece in cuts.apply(stream) {
        let mut input = piece;
        while let Some(found) = decoder.decode(&mut input) {
            let (_, kind, payload) = frames
                .next()
                .expect("the decoder found a frame that the reference did not find");
            assert_eq!((found.kind.0, found.payload), (kind, &payload[..]));
            let header = Header {
                kind: FrameKind(kind),
                len: payload.len() as u16,
            };
            assert_eq!(header.to_bytes(), frame(kind, &payload)[..3]);
            assert_written(Message::parse(found), kind, &payload);
        }
    }
    assert_eq!(frames.next(), None, "the decoder missed a frame");
}

fn assert_written(read: Result<Message<'_>, PeerError>, kind: u8, payload: &[u8]) {
    let message = match (read, kind, payload.len()) {
        (Err(PeerError::UuidLength { len }), 0x01, len2) if len2 != 16 => {
            return assert_eq!(len, len2);
        }
        (Err(PeerError::DtmfMalformed), 0x03, len) => {
            return assert!(len != 1 || !spec::is_key(payload[0]));
        }
        (Err(error), ..) => panic!("{kind:#04x} of {} bytes: {error}", payload.len()),
        (Ok(message), ..) => message,
    };
    // The encoder leaves out payloads without a meaning, and writes a missing error byte as 0.
    let written = match (kind, payload) {
        (0x00 | 0x02, _) => frame(kind, &[]),
        (0xff, []) => frame(kind, &[0]),
        (0xff, [flags, ..]) => frame(kind, &[*flags]),
        _ => frame(kind, payload),
    };
    let mut out = Vec::new();
    assert_eq!(client::encode(message, &mut out), Ok(()));
    assert_eq!(out, written);
    out.clear();
    match message {
        Message::Audio(audio) if payload.is_empty() => {
            let refused = encoder::encode_audio(audio, &mut out);
            assert_eq!(refused, Err(SendError::EmptyAudio));
            assert_eq!(out, []);
        }
        Message::Audio(audio) => {
            assert!((0x10..=0x18).contains(&kind));
            assert_eq!(encoder::encode_audio(audio, &mut out), Ok(()));
            assert_eq!(out, written);
        }
        Message::Hangup => {
            encoder::encode_hangup(&mut out);
            assert_eq!(out, written);
        }
        _ => assert!(!(0x10..=0x18).contains(&kind)),
    }
}
