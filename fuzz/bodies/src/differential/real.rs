//! Runs the core, and converts its results to the types of the reference.

use audiosocket_proto::client::{ClientEnd, ClientEvent, ClientSession};
use audiosocket_proto::{
    Audio, Decoder, DtmfDigit, End, ErrorFlags, Event, PeerError, SampleRate, SendError, Session,
    SessionConfig, Timestamp, Transmit, Uuid,
};

use super::expected::{After, Expected, Offer, Refusal};
use super::script::{ClientStep, Step};
use super::spec::{AsteriskEvent, CallEnd, ServerEvent};
use crate::cuts::Cuts;

/// Runs `steps` on a session, and asserts the expected state after each step. The stream arrives in pieces.
pub(super) fn run_server(
    config: SessionConfig,
    start: u64,
    steps: &[Step],
    cuts: &Cuts<'_>,
    expected: &Expected<ServerEvent>,
) {
    let mut now = Timestamp::from_nanos(start);
    let mut session = Session::new(config, now);
    let mut decoder = Decoder::new();
    let mut events_before = 0;
    for (step, after) in steps.iter().zip(&expected.after) {
        let mut events = Vec::new();
        let mut refused = None;
        let event = match *step {
            Step::Arrive(ref bytes) => {
                for piece in cuts.apply(bytes) {
                    let mut input = piece;
                    while let Some(event) = session.receive(now, &mut decoder, &mut input) {
                        events.push(server_event(event));
                    }
                    assert!(input.is_empty(), "the session did not read all input");
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
                // An adapter calls this only after `Transmit::HalfClose`.
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
        events.extend(event.map(server_event));
        assert_eq!(refused, after.refused, "{step:?}");
        assert_eq!(
            events,
            expected.events[events_before..after.events],
            "{step:?}"
        );
        events_before = after.events;
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
    let count = |event: &ServerEvent| u64::from(matches!(event, ServerEvent::Audio(..)));
    let received: u64 = expected.events.iter().map(count).sum();
    assert_eq!(session.stats().audio_frames_received, received);
}

/// Does the same as [`run_server`], for Asterisk's side.
pub(super) fn run_client(
    uuid: [u8; 16],
    rate: u32,
    steps: &[ClientStep],
    cuts: &Cuts<'_>,
    expected: &Expected<AsteriskEvent>,
) {
    let mut client = ClientSession::new(Uuid::from_bytes(uuid), of_hz(rate));
    let mut decoder = Decoder::new();
    let mut events_before = 0;
    for (step, after) in steps.iter().zip(&expected.after) {
        let mut events = Vec::new();
        let mut sent = Ok(());
        match *step {
            ClientStep::Arrive(ref bytes) => {
                for piece in cuts.apply(bytes) {
                    let mut input = piece;
                    while let Some(event) = client.receive(&mut decoder, &mut input) {
                        events.push(asterisk_event(event));
                    }
                    assert!(input.is_empty(), "the client did not read all input");
                }
            }
            ClientStep::Audio { fill, len } => sent = client.send_audio(&vec![fill; len]),
            ClientStep::Key(key) => {
                sent = DtmfDigit::new(key).map_or(Ok(()), |digit| client.send_dtmf(digit));
            }
            ClientStep::Error(flags) => sent = client.send_error(ErrorFlags(flags)),
            ClientStep::Take(most) => client.transmitted(client.unsent().min(most)),
            ClientStep::Eof => events.extend(client.handle_eof(&decoder).map(asterisk_event)),
            ClientStep::Hangup => events.extend(client.hangup().map(asterisk_event)),
        }
        assert_eq!(sent.err().map(refusal), after.refused, "{step:?}");
        assert_eq!(
            events,
            expected.events[events_before..after.events],
            "{step:?}"
        );
        events_before = after.events;
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

fn server_event(event: Event<'_>) -> ServerEvent {
    match event {
        Event::Started(uuid) => ServerEvent::Uuid(uuid.into_bytes()),
        Event::Audio(audio) => ServerEvent::Audio(audio.rate().hz(), audio.to_vec()),
        Event::Dtmf(digit) => ServerEvent::Key(digit.as_byte()),
        Event::Ignored(frame) => ServerEvent::Ignored(frame.kind.0, frame.payload.to_vec()),
        Event::Exception(PeerError::DtmfMalformed) => ServerEvent::BadKey,
        Event::Exception(PeerError::Reported { flags }) => ServerEvent::Error(flags.0),
        Event::Ended(end) => ServerEvent::End(call_end(end)),
        other => panic!("unexpected event: {other:?}"),
    }
}

fn call_end(end: End) -> CallEnd {
    match end {
        End::Closed => CallEnd::Closed,
        End::HangupReceived => CallEnd::PeerHungUp,
        End::HungUp => CallEnd::HungUp,
        End::MaxDuration => CallEnd::TooLong,
        End::Reset => CallEnd::Reset,
        End::ConnectionLost => CallEnd::Lost,
        End::Failed(error) => match error {
            PeerError::UuidExpected { kind } => CallEnd::NotUuid(kind.0),
            PeerError::UuidLength { len } => CallEnd::UuidLength(len),
            PeerError::UuidRepeated => CallEnd::SecondUuid,
            PeerError::UuidTimeout => CallEnd::NoUuid,
            PeerError::Truncated { received } => CallEnd::Cut(received),
            PeerError::Reported { flags } => CallEnd::Error(flags.0),
            PeerError::WriteStalled => CallEnd::Stalled,
            PeerError::IdleTimeout => CallEnd::Idle,
            other => panic!("a session cannot end with {other:?}"),
        },
        other => panic!("a session without a server cannot end with {other:?}"),
    }
}

fn asterisk_event(event: ClientEvent<'_>) -> AsteriskEvent {
    match event {
        ClientEvent::Audio(audio) => AsteriskEvent::Audio(audio.rate().hz(), audio.to_vec()),
        ClientEvent::Ended(ClientEnd::ServerHungUp) => AsteriskEvent::HungUp,
        ClientEvent::Ended(ClientEnd::Rejected { kind }) => AsteriskEvent::Rejected(kind.0),
        ClientEvent::Ended(ClientEnd::ServerClosed) => AsteriskEvent::Closed,
        ClientEvent::Ended(ClientEnd::Truncated) => AsteriskEvent::Cut,
        ClientEvent::Ended(ClientEnd::CallerHungUp) => AsteriskEvent::CallerHungUp,
        other => panic!("unexpected client event: {other:?}"),
    }
}

fn refusal(error: SendError) -> Refusal {
    match error {
        SendError::EmptyAudio => Refusal::Empty,
        SendError::AudioTooLong { len } => Refusal::TooLong(len),
        SendError::QueueFull => Refusal::Full,
        SendError::NoCall => Refusal::NoCall,
        other => panic!("a session without a server cannot refuse with {other:?}"),
    }
}

fn of_hz(hz: u32) -> SampleRate {
    let rate = SampleRate::ALL.into_iter().find(|rate| rate.hz() == hz);
    rate.unwrap_or_else(|| panic!("AudioSocket has no rate of {hz} Hz"))
}
