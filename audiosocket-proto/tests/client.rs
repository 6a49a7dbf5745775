//! The client session, alone and connected to a session.

#[path = "common/wire.rs"]
mod wire;

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{
    Audio, Decoder, DtmfDigit, End, ErrorFlags, Event, FrameKind, SampleRate, SendError, Session,
    SessionConfig, Timestamp, Transmit, Uuid,
};
use wire::{UUID, frame};

fn client() -> ClientSession {
    ClientSession::new(Uuid::from_u128(UUID), SampleRate::Hz16000)
}

/// Takes all bytes that the client has to write.
fn flush(client: &mut ClientSession) -> Vec<u8> {
    let Transmit::Bytes(bytes) = client.poll_transmit() else {
        return Vec::new();
    };
    let bytes = bytes.to_vec();
    client.transmitted(bytes.len());
    bytes
}

#[test]
fn the_uuid_frame_comes_before_all_other_frames() {
    let mut client = client();
    client.send_dtmf(DtmfDigit::new(b'#').unwrap()).unwrap();
    client.send_audio(&[1, 2, 3]).unwrap();
    client.send_error(ErrorFlags::MEMORY).unwrap();
    let expected = [
        frame(0x01, &UUID.to_be_bytes()),
        frame(0x03, b"#"),
        frame(0x12, &[1, 2, 3]),
        frame(0xff, &[0x04]),
    ]
    .concat();
    assert_eq!(client.unsent(), expected.len());
    assert_eq!(flush(&mut client), expected);
    assert_eq!(client.unsent(), 0);
    assert_eq!(client.poll_transmit(), Transmit::Idle);
}

#[test]
fn a_short_write_leaves_the_rest_to_be_written() {
    let mut client = client();
    client.transmitted(5);
    let uuid = frame(0x01, &UUID.to_be_bytes());
    assert_eq!(client.poll_transmit(), Transmit::Bytes(&uuid[5..]));
}

#[test]
fn audio_that_does_not_fit_one_frame_is_refused() {
    let mut client = client();
    flush(&mut client);
    assert_eq!(client.send_audio(&[]), Err(SendError::EmptyAudio));
    let len = 65_536;
    assert_eq!(
        client.send_audio(&vec![0; len]),
        Err(SendError::AudioTooLong { len })
    );
    assert_eq!(client.poll_transmit(), Transmit::Idle);
}

#[test]
fn audio_of_every_rate_causes_an_event() {
    let (mut client, mut decoder) = (client(), Decoder::new());
    for (kind, rate) in (0x10..=0x18).zip(SampleRate::ALL) {
        let bytes = frame(kind, &[kind, 1]);
        let heard = client.receive(&mut decoder, &mut &bytes[..]);
        let audio = Audio::new(rate, &bytes[3..]);
        assert_eq!(heard, Some(ClientEvent::Audio(audio)));
    }
}

/// On Asterisk 22.10.1, frames of kinds 0x03 and 0x7f and empty audio ended the call.
#[test]
fn frames_that_asterisk_rejects_end_the_call() {
    let accepted = |kind: &u8| matches!(kind, 0x00 | 0x10..=0x18);
    let rejected = (0x00..=0xff).filter(|kind| !accepted(kind));
    let with_payload = rejected.map(|kind| frame(kind, b"1"));
    let empty_audio = (0x10..=0x18).map(|kind| frame(kind, b""));
    for bytes in with_payload.chain(empty_audio) {
        let (mut client, mut decoder) = (client(), Decoder::new());
        let end = client.receive(&mut decoder, &mut &bytes[..]);
        let kind = FrameKind(bytes[0]);
        let rejected = ClientEvent::Ended(ClientEnd::Rejected { kind });
        assert_eq!(end, Some(rejected));
        assert_over(&mut client, &mut decoder);
    }
}

#[test]
fn each_end_causes_one_event() {
    type Provocation = fn(&mut ClientSession, &mut Decoder) -> Option<ClientEvent<'static>>;
    let ways: [(Provocation, ClientEnd); 4] = [
        (|client, _| client.hangup(), ClientEnd::CallerHungUp),
        (
            |client, decoder| match client.receive(decoder, &mut &[0x00, 0, 0, 0x10][..]) {
                Some(ClientEvent::Ended(end)) => Some(ClientEvent::Ended(end)),
                _ => None,
            },
            ClientEnd::ServerHungUp,
        ),
        (
            |client, decoder| client.handle_eof(decoder),
            ClientEnd::ServerClosed,
        ),
        (
            |client, decoder| {
                assert_eq!(client.receive(decoder, &mut &[0x10, 0, 2, 1][..]), None);
                client.handle_eof(decoder)
            },
            ClientEnd::Truncated,
        ),
    ];
    for (provoke, end) in ways {
        let (mut client, mut decoder) = (client(), Decoder::new());
        let event = provoke(&mut client, &mut decoder);
        assert_eq!(event, Some(ClientEvent::Ended(end)));
        assert_over(&mut client, &mut decoder);
    }
}

#[test]
fn a_client_and_a_session_talk_and_the_session_hangs_up() {
    let now = Timestamp::ZERO;
    let mut session = Session::new(SessionConfig::default(), now);
    let (mut client, mut to_server, mut to_client) = (client(), Decoder::new(), Decoder::new());
    client.send_audio(&[1, 2]).unwrap();
    client.send_dtmf(DtmfDigit::new(b'5').unwrap()).unwrap();

    let bytes = flush(&mut client);
    let mut input = &bytes[..];
    let started = session.receive(now, &mut to_server, &mut input);
    assert_eq!(started, Some(Event::Started(Uuid::from_u128(UUID))));
    let heard = session.receive(now, &mut to_server, &mut input);
    let audio = Audio::new(SampleRate::Hz16000, &[1, 2]);
    assert_eq!(heard, Some(Event::Audio(audio)));
    session.send(now, audio).unwrap();
    let key = session.receive(now, &mut to_server, &mut input);
    assert_eq!(key, DtmfDigit::new(b'5').map(Event::Dtmf));
    session.hangup(now);

    let Transmit::Bytes(answer) = session.poll_transmit() else {
        panic!("the session has nothing to write");
    };
    let mut input = answer;
    let echo = client.receive(&mut to_client, &mut input);
    assert_eq!(echo, Some(ClientEvent::Audio(audio)));
    let end = client.receive(&mut to_client, &mut input);
    assert_eq!(end, Some(ClientEvent::Ended(ClientEnd::ServerHungUp)));
    assert!(input.is_empty());
    assert_eq!(client.poll_transmit(), Transmit::Close);
}

#[test]
fn a_hangup_of_the_client_closes_the_connection_without_a_frame() {
    let now = Timestamp::ZERO;
    let mut session = Session::new(SessionConfig::default(), now);
    let (mut client, mut decoder) = (client(), Decoder::new());
    let bytes = flush(&mut client);
    session.receive(now, &mut decoder, &mut &bytes[..]);
    client.send_audio(&[1, 2]).unwrap();
    client.hangup();
    assert_eq!(
        client.poll_transmit(),
        Transmit::Close,
        "unsent bytes are dropped"
    );
    assert_eq!(client.unsent(), 0);
    let end = session.handle_eof(now, &decoder);
    assert_eq!(end, Some(Event::Ended(End::Closed)));
}

#[track_caller]
fn assert_over(client: &mut ClientSession, decoder: &mut Decoder) {
    let mut more = &[0x10, 0, 1, 1, 0x00, 0, 0][..];
    assert_eq!(client.receive(decoder, &mut more), None);
    assert!(more.is_empty(), "the input is discarded");
    assert_eq!(client.handle_eof(decoder), None);
    assert_eq!(client.hangup(), None);
    for audio in [&[1][..], &[], &[0; 65_536]] {
        assert_eq!(client.send_audio(audio), Err(SendError::NoCall));
    }
    assert_eq!(client.send_error(ErrorFlags(0)), Err(SendError::NoCall));
    let key = DtmfDigit::new(b'1').expect("a key");
    assert_eq!(client.send_dtmf(key), Err(SendError::NoCall));
    assert_eq!(client.poll_transmit(), Transmit::Close);
}
