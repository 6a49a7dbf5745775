//! The captured bytes of a real Asterisk are decoded to the frames and events that they are known to hold.

#[path = "common/captured.rs"]
mod captured;
#[path = "common/pieces.rs"]
mod pieces;
#[path = "common/wire.rs"]
mod wire;

use std::collections::BTreeSet;
use std::time::Duration;

use audiosocket_proto::{
    Decoder, End, Event, Message, SampleRate, Session, SessionConfig, Timestamp, Transmit, Uuid,
};
use captured::{CAPTURES, Capture};
use proptest::prelude::*;

#[test]
fn every_file_in_the_folder_has_a_description() {
    let files = std::fs::read_dir(captured::folder()).expect("the captures");
    let found: BTreeSet<_> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".bin"))
        .collect();
    let described: BTreeSet<_> = CAPTURES.iter().map(|c| c.name.to_owned()).collect();
    assert_eq!(found, described);
}

#[test]
fn the_captures_cover_every_rate() {
    let kinds: BTreeSet<u8> = CAPTURES
        .iter()
        .flat_map(|capture| capture.frames)
        .map(|(kind, ..)| *kind)
        .collect();
    for rate in SampleRate::ALL {
        assert!(kinds.contains(&rate.kind().0), "{rate}");
    }
}

#[test]
fn captures_in_one_piece() {
    for capture in &CAPTURES {
        check(capture, &[usize::MAX]);
    }
}

#[test]
fn captures_byte_by_byte() {
    for capture in &CAPTURES {
        check(capture, &[1]);
    }
}

/// Pieces that are a little shorter or longer than a header, a payload or a frame cut the frames at every
/// place.
#[test]
fn captures_in_pieces_that_almost_fit() {
    for capture in &CAPTURES {
        for (_, len, _) in capture.frames {
            for size in [2, 3, 4, len - 1, *len, len + 2, len + 3, len + 4] {
                check(capture, &[size]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn captures_in_random_pieces(
        which in 0..CAPTURES.len(),
        sizes in prop::collection::vec(prop_oneof![1..8_usize, 1..1000_usize, 1..20_000_usize], 1..40),
    ) {
        check(&CAPTURES[which], &sizes);
    }
}

/// Decodes a capture in pieces of these sizes, and compares the result with its description.
fn check(capture: &Capture, sizes: &[usize]) {
    let bytes = capture.bytes();
    check_frames(capture, &bytes, sizes);
    check_session(capture, &bytes, sizes);
}

fn check_frames(capture: &Capture, bytes: &[u8], sizes: &[usize]) {
    let mut decoder = Decoder::new();
    let mut runs: Vec<(u8, usize, usize)> = Vec::new();
    let mut payloads = Vec::new();
    let mut dtmf = String::new();
    let mut uuids = Vec::new();
    for piece in pieces::cut(bytes, sizes) {
        let mut input = piece;
        while let Some(frame) = decoder.decode(&mut input) {
            let (kind, len) = (frame.kind.0, frame.payload.len());
            match runs.last_mut() {
                Some((k, l, count)) if (*k, *l) == (kind, len) => *count += 1,
                _ => runs.push((kind, len, 1)),
            }
            payloads.extend(wire::frame(kind, frame.payload));
            match Message::parse(frame) {
                Ok(Message::Uuid(uuid)) => uuids.push(uuid),
                Ok(Message::Dtmf(digit)) => dtmf.push(digit.as_char()),
                Ok(Message::Audio(audio)) => {
                    assert_eq!(audio.rate().kind(), frame.kind);
                    assert_eq!(audio.payload(), frame.payload);
                }
                other => panic!("{}: {other:?}", capture.name),
            }
        }
        assert!(input.is_empty());
    }
    assert_eq!(decoder.partial_len(), 0, "{}", capture.name);
    assert_eq!(runs, capture.frames, "{}", capture.name);
    assert_eq!(uuids, [Uuid::from_u128(wire::UUID)], "{}", capture.name);
    assert_eq!(dtmf, capture.dtmf, "{}", capture.name);
    assert!(payloads == bytes, "{}: a payload differs", capture.name);
}

fn check_session(capture: &Capture, bytes: &[u8], sizes: &[usize]) {
    let now = Timestamp::ZERO + Duration::from_secs(1);
    let mut session = Session::new(SessionConfig::default(), now);
    let mut decoder = Decoder::new();
    let mut started = 0;
    let mut dtmf = String::new();
    let mut audio_frames = Vec::new();
    for piece in pieces::cut(bytes, sizes) {
        let mut input = piece;
        while let Some(event) = session.receive(now, &mut decoder, &mut input) {
            match event {
                Event::Started(uuid) => {
                    assert_eq!(uuid, Uuid::from_u128(wire::UUID));
                    assert!(dtmf.is_empty() && audio_frames.is_empty());
                    started += 1;
                }
                Event::Audio(audio) => audio_frames.push((audio.rate(), audio.len())),
                Event::Dtmf(digit) => dtmf.push(digit.as_char()),
                other => panic!("{}: {other:?}", capture.name),
            }
        }
    }
    let ended = session.handle_eof(now, &decoder);
    assert_eq!(ended, Some(Event::Ended(End::Closed)), "{}", capture.name);
    assert_eq!(session.poll_transmit(), Transmit::Close);

    let frames = capture.frames.iter();
    let expected: Vec<_> = frames
        .filter_map(|(kind, len, count)| Some((rate_of(*kind)?, *len, *count)))
        .flat_map(|(rate, len, count)| std::iter::repeat_n((rate, len), count))
        .collect();
    assert_eq!(started, 1, "{}", capture.name);
    assert_eq!(dtmf, capture.dtmf, "{}", capture.name);
    assert_eq!(audio_frames, expected, "{}", capture.name);

    let stats = session.stats();
    assert_eq!(
        stats.frames_received,
        1 + dtmf.len() as u64 + expected.len() as u64
    );
    assert_eq!(stats.audio_frames_received, expected.len() as u64);
    let audio_bytes: usize = expected.iter().map(|(_, len)| len).sum();
    assert_eq!(stats.audio_bytes_received, audio_bytes as u64);
}

/// Asterisk's numbers, written out by hand so that an error in the crate's table fails a test.
fn rate_of(kind: u8) -> Option<SampleRate> {
    Some(match kind {
        0x10 => SampleRate::Hz8000,
        0x11 => SampleRate::Hz12000,
        0x12 => SampleRate::Hz16000,
        0x13 => SampleRate::Hz24000,
        0x14 => SampleRate::Hz32000,
        0x15 => SampleRate::Hz44100,
        0x16 => SampleRate::Hz48000,
        0x17 => SampleRate::Hz96000,
        0x18 => SampleRate::Hz192000,
        _ => return None,
    })
}
