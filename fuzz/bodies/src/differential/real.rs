//! The core, and what it did in the words of the reference.

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{
    Audio, Decoder, DtmfDigit, End, ErrorFlags, Event, PeerError, SampleRate, SendError, Session,
    SessionConfig, Timestamp, Transmit, Uuid,
};

use super::naive::{After, Expected, Offer, Refusal};
use super::script::{ClientStep, Step};
use super::spec::{Heard, Over, Told};
use crate::cuts::Cuts;

/// Lets `steps` happen to a session; what arrives, in pieces. Each has to do what is expected.
pub(super) fn run_server(
    config: SessionConfig,
    start: u64,
    steps: &[Step],
    cuts: &Cuts<'_>,
    expected: &Expected<Told>,
) {
    let mut now = Timestamp::from_nanos(start);
    let mut session = Session::new(config, now);
    let mut decoder = Decoder::new();
    let mut told_before = 0;
    for (step, after) in steps.iter().zip(&expected.after) {
        let mut told = Vec::new();
        let mut refused = None;
        let event = match *step {
            Step::Arrive(ref bytes) => {
                for piece in cuts.apply(bytes) {
                    let mut input = piece;
                    while let Some(event) = session.receive(now, &mut decoder, &mut input) {
                        told.push(told_by(event));
                    }
                    assert!(input.is_empty(), "all input is taken");
                }
                None
            }
            Step::Send { rate, fill, len } => {
                let payload = vec![fill; len];
                let audio = Audio::new(of_hz(rate), &payload);
                refused = session.send(now, audio).err().map(refusal);
                None
            }
            Step::Take(most) => {
                let taken = session.unsent().min(most);
                session.transmitted(now, taken);
                None
            }
            Step::Wait(time) => {
                now = Timestamp::from_nanos(now.as_nanos().saturating_add(time));
                session.handle_timeout(now)
            }
            Step::Due => {
                now = session.poll_timeout().unwrap_or(now).max(now);
                session.handle_timeout(now)
            }
            Step::HalfClosed => {
                // An adapter reports it only when it was asked for.
                if session.poll_transmit() == Transmit::HalfClose {
                    session.half_closed();
                }
                None
            }
            Step::Hangup => session.hangup(now),
            Step::Eof => session.handle_eof(now, &decoder),
            Step::Reset => session.handle_reset(now, &decoder),
            Step::WriteClosed => {
                session.handle_write_closed();
                None
            }
            Step::Lost => session.handle_connection_lost(now),
        };
        told.extend(event.map(told_by));
        assert_eq!(refused, after.refused, "{step:?}");
        assert_eq!(told, expected.told[told_before..after.told], "{step:?}");
        told_before = after.told;
        let due = session.poll_timeout().map(Timestamp::as_nanos);
        assert_eq!(due, after.due, "{step:?}");
        assert_offered(&session.poll_transmit(), after, &expected.owed);
        assert_eq!(session.is_over(), after.held.is_none());
        let behind = 2 * session.unsent() > config.max_unsent;
        assert_eq!(session.is_behind(), behind);
        if let Some(held) = after.held {
            assert_eq!(decoder.partial_len(), held, "{step:?}");
        }
    }
    let count = |told: &Told| u64::from(matches!(told, Told::Audio(..)));
    let heard: u64 = expected.told.iter().map(count).sum();
    assert_eq!(session.stats().audio_frames_received, heard);
}

/// As [`run_server`] for Asterisk's side.
pub(super) fn run_client(
    uuid: [u8; 16],
    rate: u32,
    steps: &[ClientStep],
    cuts: &Cuts<'_>,
    expected: &Expected<Heard>,
) {
    let mut client = ClientSession::new(Uuid::from_bytes(uuid), of_hz(rate));
    let mut decoder = Decoder::new();
    let mut heard_before = 0;
    for (step, after) in steps.iter().zip(&expected.after) {
        let mut heard = Vec::new();
        let mut sent = Ok(());
        match *step {
            ClientStep::Arrive(ref bytes) => {
                for piece in cuts.apply(bytes) {
                    let mut input = piece;
                    while let Some(event) = client.receive(&mut decoder, &mut input) {
                        heard.push(heard_in(event));
                    }
                    assert!(input.is_empty(), "all input is taken");
                }
            }
            ClientStep::Audio { fill, len } => sent = client.send_audio(&vec![fill; len]),
            ClientStep::Key(key) => {
                sent = DtmfDigit::new(key).map_or(Ok(()), |digit| client.send_dtmf(digit));
            }
            ClientStep::Error(flags) => sent = client.send_error(ErrorFlags(flags)),
            ClientStep::Take(most) => client.transmitted(client.unsent().min(most)),
            ClientStep::Eof => heard.extend(client.handle_eof(&decoder).map(heard_in)),
            ClientStep::Hangup => heard.extend(client.hangup().map(heard_in)),
        }
        assert_eq!(sent.err().map(refusal), after.refused, "{step:?}");
        assert_eq!(heard, expected.told[heard_before..after.told], "{step:?}");
        heard_before = after.told;
        assert_offered(&client.poll_transmit(), after, &expected.owed);
        if let Some(held) = after.held {
            assert_eq!(decoder.partial_len(), held, "{step:?}");
        }
    }
}

fn assert_offered(transmit: &Transmit<'_>, after: &After, owed: &[u8]) {
    let expected = match &after.offer {
        Offer::Nothing => Transmit::Idle,
        Offer::Bytes(part) => Transmit::Bytes(&owed[part.clone()]),
        Offer::HalfClose => Transmit::HalfClose,
        Offer::Close => Transmit::Close,
    };
    assert_eq!(*transmit, expected);
}

fn told_by(event: Event<'_>) -> Told {
    match event {
        Event::Started(uuid) => Told::Uuid(uuid.into_bytes()),
        Event::Audio(audio) => Told::Audio(audio.rate().hz(), audio.to_vec()),
        Event::Dtmf(digit) => Told::Key(digit.as_byte()),
        Event::Ignored(frame) => Told::Ignored(frame.kind.0, frame.payload.to_vec()),
        Event::Exception(PeerError::DtmfMalformed) => Told::BadKey,
        Event::Exception(PeerError::Reported { flags }) => Told::Error(flags.0),
        Event::Ended(end) => Told::Over(over(end)),
        other => panic!("a session does not survive, or never tells, {other:?}"),
    }
}

fn over(end: End) -> Over {
    match end {
        End::Closed => Over::Closed,
        End::HangupReceived => Over::PeerHungUp,
        End::HungUp => Over::HungUp,
        End::MaxDuration => Over::TooLong,
        End::Reset => Over::Reset,
        End::ConnectionLost => Over::Lost,
        End::Failed(error) => match error {
            PeerError::UuidExpected { kind } => Over::NotUuid(kind.0),
            PeerError::UuidLength { len } => Over::UuidLength(len),
            PeerError::UuidRepeated => Over::SecondUuid,
            PeerError::UuidTimeout => Over::NoUuid,
            PeerError::Truncated { received } => Over::Cut(received),
            PeerError::Reported { flags } => Over::Error(flags.0),
            PeerError::WriteStalled => Over::Stalled,
            PeerError::IdleTimeout => Over::Idle,
            other => panic!("a session does not end by {other:?}"),
        },
        other => panic!("a session alone does not end by {other:?}"),
    }
}

fn heard_in(event: ClientEvent<'_>) -> Heard {
    match event {
        ClientEvent::Audio(audio) => Heard::Audio(audio.rate().hz(), audio.to_vec()),
        ClientEvent::Ended(ClientEnd::ServerHungUp) => Heard::HungUp,
        ClientEvent::Ended(ClientEnd::Rejected { kind }) => Heard::Rejected(kind.0),
        ClientEvent::Ended(ClientEnd::ServerClosed) => Heard::Closed,
        ClientEvent::Ended(ClientEnd::Truncated) => Heard::Cut,
        ClientEvent::Ended(ClientEnd::CallerHungUp) => Heard::CallerHungUp,
        other => panic!("a client never tells {other:?}"),
    }
}

fn refusal(error: SendError) -> Refusal {
    match error {
        SendError::EmptyAudio => Refusal::Empty,
        SendError::AudioTooLong { len } => Refusal::TooLong(len),
        SendError::QueueFull => Refusal::Full,
        SendError::NoCall => Refusal::NoCall,
        other => panic!("a session alone does not refuse by {other:?}"),
    }
}

fn of_hz(hz: u32) -> SampleRate {
    let rate = SampleRate::ALL.into_iter().find(|rate| rate.hz() == hz);
    rate.unwrap_or_else(|| panic!("no rate of {hz} Hz"))
}
