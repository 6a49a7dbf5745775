//! A session with its decoder, a clock that the test moves, and a record of all events and bytes.

use std::time::Duration;

use audiosocket_proto::{
    Audio, Decoder, End, Event, PeerError, SampleRate, SendError, Session, SessionConfig,
    Timestamp, Transmit, Uuid,
};

use crate::call::uuid_frame;
use crate::emitted::assert_asterisk_accepts;
use crate::wire;

/// An owned [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Started(Uuid),
    Audio(SampleRate, Vec<u8>),
    Dtmf(char),
    /// Kind and payload.
    Ignored(u8, Vec<u8>),
    Exception(PeerError),
    Ended(End),
}

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) decoder: Decoder,
    pub(crate) now: Timestamp,
    seen: Vec<Seen>,
    /// Everything that was written.
    sent: Vec<u8>,
}

impl Rig {
    /// A connection that was just accepted, with the default deadlines.
    pub(crate) fn new() -> Self {
        Self::with(|config| config)
    }

    pub(crate) fn with(configure: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        let config = configure(SessionConfig::default());
        // Not zero, so that a deadline that counts from the epoch fails a test.
        let now = Timestamp::from_nanos(77_000_000_000);
        Self {
            session: Session::new(config, now),
            decoder: Decoder::new(),
            now,
            seen: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// A call that has begun. Its `Started` event is already taken.
    pub(crate) fn active() -> Self {
        Self::active_with(|config| config)
    }

    pub(crate) fn active_with(configure: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        let mut rig = Self::with(configure);
        rig.receive(&uuid_frame());
        assert_eq!(rig.seen(), [Seen::Started(Uuid::from_u128(wire::UUID))]);
        rig
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(event) = self
            .session
            .receive(self.now, &mut self.decoder, &mut input)
        {
            self.seen.push(own(event));
        }
        assert!(input.is_empty(), "all input is used up");
    }

    pub(crate) fn eof(&mut self) {
        let event = self.session.handle_eof(self.now, &self.decoder);
        self.seen.extend(event.map(own));
    }

    pub(crate) fn reset(&mut self) {
        let event = self.session.handle_reset(self.now, &self.decoder);
        self.seen.extend(event.map(own));
    }

    pub(crate) fn lost(&mut self) {
        let event = self.session.handle_connection_lost(self.now);
        self.seen.extend(event.map(own));
    }

    pub(crate) fn hangup(&mut self) {
        let event = self.session.hangup(self.now);
        self.seen.extend(event.map(own));
    }

    /// Moves the clock, without `handle_timeout`.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Moves the clock, then calls `handle_timeout`.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.pass(time);
        let event = self.session.handle_timeout(self.now);
        self.seen.extend(event.map(own));
    }

    /// The time until the next deadline.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let deadline = self.session.poll_timeout()?;
        Some(deadline.saturating_since(self.now))
    }

    pub(crate) fn send(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let audio = Audio::new(SampleRate::Hz8000, payload);
        self.session.send(self.now, audio)
    }

    /// Writes up to `most` bytes. Returns how many.
    pub(crate) fn write(&mut self, most: usize) -> usize {
        let Transmit::Bytes(bytes) = self.session.poll_transmit() else {
            return 0;
        };
        let written = bytes.len().min(most);
        self.sent.extend_from_slice(&bytes[..written]);
        self.session.transmitted(self.now, written);
        written
    }

    /// Writes all unsent bytes, and returns them.
    pub(crate) fn flush(&mut self) -> Vec<u8> {
        let before = self.sent.len();
        self.write(usize::MAX);
        self.sent[before..].to_vec()
    }

    pub(crate) fn transmit(&self) -> Transmit<'_> {
        self.session.poll_transmit()
    }

    /// Takes the events since the last call.
    pub(crate) fn seen(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    /// Asserts that the call has just ended, and that nothing else happened.
    #[track_caller]
    pub(crate) fn assert_ended(&mut self, end: End) {
        assert_eq!(self.seen(), [Seen::Ended(end)]);
        assert!(self.session.is_over());
    }

    /// Tries everything that could cause a second `Ended` event or bytes after the end. Asserts that
    /// the session then closes.
    #[track_caller]
    pub(crate) fn assert_stays_over(&mut self) {
        self.receive(&uuid_frame());
        self.receive(&wire::frame(0x10, &[1, 2]));
        self.receive(&wire::frame(0x00, &[]));
        self.hangup();
        assert_eq!(self.send(&[1, 2]), Err(SendError::NoCall));
        self.flush();
        self.session.half_closed();
        assert!(matches!(self.transmit(), Transmit::Idle | Transmit::Close));
        self.eof();
        assert_eq!(self.transmit(), Transmit::Close);
        assert_eq!(self.session.poll_timeout(), None);
        self.eof();
        self.reset();
        self.lost();
        self.hangup();
        self.session.handle_write_closed();
        self.wait(Duration::from_secs(100));
        assert_eq!(self.transmit(), Transmit::Close);
        assert_eq!(self.seen(), []);
        assert_asterisk_accepts(&self.sent);
    }
}

fn own(event: Event<'_>) -> Seen {
    match event {
        Event::Started(uuid) => Seen::Started(uuid),
        Event::Audio(audio) => Seen::Audio(audio.rate(), audio.to_vec()),
        Event::Dtmf(digit) => Seen::Dtmf(digit.as_char()),
        Event::Ignored(frame) => Seen::Ignored(frame.kind.0, frame.payload.to_vec()),
        Event::Exception(error) => Seen::Exception(error),
        Event::Ended(end) => Seen::Ended(end),
        other => panic!("an event that no test knows: {other:?}"),
    }
}
