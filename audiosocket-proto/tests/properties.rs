//! Properties of all streams, all splits and all messages.

#[path = "common/emitted.rs"]
mod emitted;
#[path = "common/pieces.rs"]
mod pieces;
#[path = "common/reference.rs"]
mod reference;
#[path = "common/wire.rs"]
mod wire;

use std::time::Duration;

use audiosocket_proto::{
    Audio, Decoder, DtmfDigit, ErrorFlags, Event, Frame, MAX_PAYLOAD_LEN, Message, SampleRate,
    SendError, Session, SessionConfig, Timestamp, Transmit, Uuid, client, encoder,
};
use proptest::prelude::*;
use reference::RawFrame;

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(stream in stream(), sizes in sizes()) {
        let (expected, cut) = reference::parse(&stream);
        let mut decoder = Decoder::new();
        let mut frames = Vec::new();
        for piece in pieces::cut(&stream, &sizes) {
            let mut input = piece;
            loop {
                // `peek` returns the header of the next frame, and changes nothing.
                let peeked = decoder.peek(input);
                let Some(frame) = decoder.decode(&mut input) else { break };
                let header = peeked.expect("the header of a whole frame");
                prop_assert_eq!((header.kind, header.len as usize), (frame.kind, frame.payload.len()));
                frames.push((frame.kind.0, frame.payload.to_vec()));
                prop_assert_eq!(decoder.partial_len(), 0);
            }
            prop_assert!(input.is_empty());
        }
        prop_assert_eq!(frames, expected);
        prop_assert_eq!(decoder.partial_len(), cut);
    }

    #[test]
    fn decoding_an_encoded_message_returns_the_message(message in message(), before in prop::collection::vec(any::<u8>(), 0..8)) {
        let mut out = before.clone();
        let message = message.borrow();
        client::encode(message, &mut out).unwrap();
        prop_assert!(out.starts_with(&before));
        let mut input = &out[before.len()..];
        let frame = Frame::split_first(&mut input).expect("a whole frame");
        prop_assert!(input.is_empty(), "bytes follow the frame");
        prop_assert_eq!(Message::parse(frame), Ok(message));
    }

    #[test]
    fn decoding_encoded_audio_returns_the_audio(rate in rate(), payload in payload(1), before in prop::collection::vec(any::<u8>(), 0..8)) {
        let audio = Audio::new(rate, &payload);
        let mut out = before.clone();
        encoder::encode_audio(audio, &mut out).unwrap();
        let kind = 0x10 + SampleRate::ALL.iter().position(|r| *r == rate).unwrap() as u8;
        prop_assert_eq!(&out[before.len()..], &wire::frame(kind, &payload)[..]);
        let mut input = &out[before.len()..];
        let frame = Frame::split_first(&mut input).unwrap();
        prop_assert_eq!(Message::parse(frame), Ok(Message::Audio(audio)));
        prop_assert!(out.starts_with(&before));
    }

    #[test]
    fn audio_that_does_not_fit_one_frame_is_refused(rate in rate(), beyond in 1..100_usize, before in prop::collection::vec(any::<u8>(), 0..8)) {
        let len = MAX_PAYLOAD_LEN + beyond;
        let long = vec![0x55; len];
        let mut out = before.clone();
        prop_assert_eq!(
            encoder::encode_audio(Audio::new(rate, &[]), &mut out),
            Err(SendError::EmptyAudio)
        );
        prop_assert_eq!(
            encoder::encode_audio(Audio::new(rate, &long), &mut out),
            Err(SendError::AudioTooLong { len })
        );
        prop_assert_eq!(
            client::encode(Message::Audio(Audio::new(rate, &long)), &mut out),
            Err(SendError::AudioTooLong { len })
        );
        prop_assert_eq!(out, before);
    }

    #[test]
    fn asterisk_accepts_all_bytes_that_a_session_writes(steps in prop::collection::vec(step(), 0..60), max_unsent in 0..3000_usize) {
        let emitted = run(&steps, max_unsent);
        emitted::assert_asterisk_accepts(&emitted);
    }

    #[test]
    fn samples_are_little_endian_pairs(payload in payload(0)) {
        let audio = Audio::new(SampleRate::Hz8000, &payload);
        let mut expected = Vec::new();
        for pair in payload.chunks(2) {
            if let [low, high] = pair {
                expected.push((i16::from(*high as i8) << 8) | i16::from(*low));
            }
        }
        prop_assert_eq!(audio.samples().len(), payload.len() / 2);
        prop_assert_eq!(audio.samples().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn audio_of_the_shortest_and_the_longest_length_is_encoded() {
    for len in [1, MAX_PAYLOAD_LEN] {
        let payload = vec![7; len];
        let mut out = Vec::new();
        encoder::encode_audio(Audio::new(SampleRate::Hz192000, &payload), &mut out).unwrap();
        assert_eq!(out, wire::frame(0x18, &payload));
    }
    let mut out = Vec::new();
    encoder::encode_hangup(&mut out);
    assert_eq!(out, [0x00, 0x00, 0x00]);
}

/// A stream of frames, or of random bytes. Its end may be cut off.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let frames = prop::collection::vec(raw_frame(), 0..12).prop_map(|frames| {
        let frames = frames.into_iter();
        frames.flat_map(|(k, p)| wire::frame(k, &p)).collect()
    });
    let noise = prop::collection::vec(any::<u8>(), 0..600);
    (prop_oneof![4 => frames, 1 => noise], 0..40_usize).prop_map(
        |(mut stream, cut): (Vec<u8>, _)| {
            stream.truncate(stream.len().saturating_sub(cut));
            stream
        },
    )
}

fn raw_frame() -> impl Strategy<Value = RawFrame> {
    (any::<u8>(), payload(0))
}

fn payload(shortest: usize) -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![
        6 => shortest..8,
        6 => 8..700_usize,
        1 => 7_000..9_000_usize,
        1 => MAX_PAYLOAD_LEN - 3..=MAX_PAYLOAD_LEN,
    ];
    (len, any::<u8>()).prop_map(|(len, seed)| {
        (0..len)
            .map(|i| (i as u8).wrapping_mul(31) ^ seed)
            .collect()
    })
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(
        prop_oneof![1..5_usize, 1..400_usize, 1..70_000_usize],
        1..30,
    )
}

fn rate() -> impl Strategy<Value = SampleRate> {
    prop::sample::select(&SampleRate::ALL[..])
}

/// An owned [`Message`].
#[derive(Clone, Debug)]
enum OwnedMessage {
    Plain(Message<'static>),
    Audio(SampleRate, Vec<u8>),
    /// A whole frame of an undefined kind.
    Unknown(Vec<u8>),
}

impl OwnedMessage {
    fn borrow(&self) -> Message<'_> {
        match self {
            Self::Plain(message) => *message,
            Self::Audio(rate, payload) => Message::Audio(Audio::new(*rate, payload)),
            Self::Unknown(bytes) => {
                let frame = Frame::split_first(&mut &bytes[..]).expect("a whole frame");
                Message::Unknown(frame)
            }
        }
    }
}

fn message() -> impl Strategy<Value = OwnedMessage> {
    let digit = prop::sample::select(&b"0123456789*#ABCD"[..])
        .prop_map(|key| DtmfDigit::new(key).expect("a key"));
    let unknown = prop_oneof![0x04..0x10_u8, 0x19..0xff_u8];
    prop_oneof![
        Just(OwnedMessage::Plain(Message::Hangup)),
        Just(OwnedMessage::Plain(Message::Silence)),
        any::<u128>().prop_map(|n| OwnedMessage::Plain(Message::Uuid(Uuid::from_u128(n)))),
        digit.prop_map(|digit| OwnedMessage::Plain(Message::Dtmf(digit))),
        any::<u8>().prop_map(|flags| OwnedMessage::Plain(Message::Error(ErrorFlags(flags)))),
        (rate(), payload(0)).prop_map(|(rate, payload)| OwnedMessage::Audio(rate, payload)),
        (unknown, payload(0)).prop_map(|(kind, p)| OwnedMessage::Unknown(wire::frame(kind, &p))),
    ]
}

/// An input of a session.
#[derive(Clone, Debug)]
enum Step {
    Receive(RawFrame),
    /// Random bytes.
    Noise(Vec<u8>),
    Send(SampleRate, Vec<u8>),
    /// The connection takes this many bytes.
    Write(usize),
    Wait(u64),
    Eof,
    Reset,
    WriteClosed,
    Lost,
    Hangup,
    HalfClosed,
}

fn step() -> impl Strategy<Value = Step> {
    let short = || prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        8 => (prop_oneof![4 => 0x10..0x19_u8, 1 => Just(3), 1 => any::<u8>()], short()).prop_map(Step::Receive),
        1 => short().prop_map(Step::Noise),
        8 => (rate(), short()).prop_map(|(rate, payload)| Step::Send(rate, payload)),
        8 => (0..300_usize).prop_map(Step::Write),
        3 => (0..3000_u64).prop_map(Step::Wait),
        1 => Just(Step::Eof),
        1 => Just(Step::Reset),
        1 => Just(Step::WriteClosed),
        1 => Just(Step::Lost),
        1 => Just(Step::Hangup),
        1 => Just(Step::HalfClosed),
    ]
}

/// Runs a session through `steps`. Returns all bytes that it wrote.
fn run(steps: &[Step], max_unsent: usize) -> Vec<u8> {
    let config = SessionConfig::new().max_unsent(max_unsent);
    let mut now = Timestamp::ZERO;
    let mut session = Session::new(config, now);
    let mut decoder = Decoder::new();
    let mut emitted = Vec::new();
    // Most runs begin with a UUID. The others may begin with any bytes.
    let opening = Step::Receive((0x01, wire::UUID.to_be_bytes().to_vec()));
    let opening = (!max_unsent.is_multiple_of(8)).then_some(&opening);
    for step in opening.into_iter().chain(steps) {
        match step {
            Step::Receive((kind, payload)) => {
                receive(
                    &mut session,
                    now,
                    &mut decoder,
                    &wire::frame(*kind, payload),
                );
            }
            Step::Noise(bytes) => receive(&mut session, now, &mut decoder, bytes),
            Step::Send(rate, payload) => {
                let _ = session.send(now, Audio::new(*rate, payload));
            }
            Step::Write(most) => write(&mut session, now, *most, &mut emitted),
            Step::Wait(millis) => {
                now = now + Duration::from_millis(*millis);
                session.handle_timeout(now);
            }
            Step::Eof => drop(session.handle_eof(now, &decoder)),
            Step::Reset => drop(session.handle_reset(now, &decoder)),
            Step::WriteClosed => session.handle_write_closed(),
            Step::Lost => drop(session.handle_connection_lost(now)),
            Step::Hangup => drop(session.hangup(now)),
            Step::HalfClosed => session.half_closed(),
        }
    }
    write(&mut session, now, usize::MAX, &mut emitted);
    emitted
}

fn receive(session: &mut Session, now: Timestamp, decoder: &mut Decoder, bytes: &[u8]) {
    let mut input = bytes;
    while let Some(event) = session.receive(now, decoder, &mut input) {
        // An echo, so that its answers mix with the frames that the steps send.
        if let Event::Audio(audio) = event {
            let _ = session.send(now, audio);
        }
    }
}

fn write(session: &mut Session, now: Timestamp, most: usize, emitted: &mut Vec<u8>) {
    if let Transmit::Bytes(bytes) = session.poll_transmit() {
        let written = bytes.len().min(most);
        emitted.extend_from_slice(&bytes[..written]);
        session.transmitted(now, written);
    }
}
