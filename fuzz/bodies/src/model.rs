//! A session, and a model of the bytes that it received and must send.

use audiosocket_proto::{
    Audio, Decoder, End, ErrorFlags, Event, PeerError, SampleRate, SendError, Session,
    SessionConfig, Timestamp, Transmit, Uuid,
};

use crate::emitted::assert_asterisk_accepts;
use crate::op::Op;
use crate::reference::{self, RawFrame};

const HANGUP: [u8; 3] = [0x00, 0x00, 0x00];

/// The event of a frame.
#[derive(Debug)]
enum FrameEvent {
    Started(Uuid),
    Audio(SampleRate, Vec<u8>),
    Dtmf(u8),
    Ignored(RawFrame),
    Malformed,
    Reported(ErrorFlags),
}

pub(crate) struct Model {
    session: Session,
    decoder: Decoder,
    config: SessionConfig,
    now: Timestamp,
    /// The bytes that arrived before the end.
    received: Vec<u8>,
    /// The events of their frames, without the frame that ended the session.
    events: Vec<FrameEvent>,
    /// The bytes of the frames that the session accepted for sending, then the hangup.
    owed: Vec<u8>,
    /// The number of bytes of `owed` that were written.
    written: usize,
    /// Writing was closed, so nothing is owed.
    write_closed: bool,
    half_closed: bool,
    peer_closed: bool,
    /// The connection broke or a deadline passed, so unsent bytes are dropped.
    given_up: bool,
    sent: (u64, u64),
    dropped: u64,
    ended: Option<End>,
}

impl Model {
    pub(crate) fn new(config: SessionConfig, start: u64) -> Self {
        let now = Timestamp::from_nanos(start);
        Self {
            session: Session::new(config, now),
            decoder: Decoder::new(),
            config,
            now,
            received: Vec::new(),
            events: Vec::new(),
            owed: Vec::new(),
            written: 0,
            write_closed: false,
            half_closed: false,
            peer_closed: false,
            given_up: false,
            sent: (0, 0),
            dropped: 0,
            ended: None,
        }
    }

    /// The UUID arrives.
    pub(crate) fn begin(&mut self) {
        self.receive(b"\x01\x00\x10sixteen bytes !!");
    }

    /// Replaces the session and the decoder by those from their snapshots, as another process does.
    pub(crate) fn restore(&mut self) {
        if let Some(snapshot) = self.session.snapshot() {
            self.session = Session::restore(self.config, &snapshot);
            let mut decoder = Decoder::new();
            assert!(decoder.decode(&mut self.decoder.partial()).is_none());
            self.decoder = decoder;
        }
    }

    pub(crate) fn apply(&mut self, op: &Op<'_>) {
        match *op {
            Op::Bytes(bytes) => self.receive(bytes),
            Op::Frame { kind, len } => {
                let mut frame = vec![kind, (len >> 8) as u8, len as u8];
                frame.resize(3 + usize::from(len), kind ^ 0x31);
                self.receive(&frame);
            }
            Op::Send { rate, len } => self.send(rate, len),
            Op::Write(most) => self.write(most),
            Op::Wait(time) => {
                self.now = self.now + time;
                self.act_on_deadline();
            }
            Op::Due => {
                self.now = self
                    .session
                    .poll_timeout()
                    .unwrap_or(self.now)
                    .max(self.now);
                self.act_on_deadline();
            }
            Op::HalfClosed => self.half_closed(),
            Op::Hangup => self.hangup(),
            Op::Eof => {
                let event = self.session.handle_eof(self.now, &self.decoder);
                self.peer_closed = true;
                self.note(event);
            }
            Op::Reset => {
                let event = self.session.handle_reset(self.now, &self.decoder);
                self.given_up = true;
                self.note(event);
            }
            Op::WriteClosed => {
                self.session.handle_write_closed();
                self.write_closed = true;
            }
            Op::Lost => {
                let event = self.session.handle_connection_lost(self.now);
                self.given_up = true;
                self.note(event);
            }
        }
        self.check();
    }

    /// Ends the session and closes it. The peer sends nothing.
    pub(crate) fn finish(mut self) {
        self.hangup();
        self.check();
        for _ in 0..2 {
            self.write(usize::MAX);
            self.half_closed();
            if let Some(deadline) = self.session.poll_timeout() {
                self.now = deadline.max(self.now);
                self.act_on_deadline();
            }
            self.check();
        }
        assert_eq!(self.session.poll_transmit(), Transmit::Close);
        assert_eq!(self.session.poll_timeout(), None);
        assert!(self.ended.is_some());
        assert_asterisk_accepts(&self.owed[..self.written]);
        self.check_received();
    }

    fn receive(&mut self, bytes: &[u8]) {
        if self.ended.is_none() {
            self.received.extend_from_slice(bytes);
        }
        let mut input = bytes;
        while let Some(event) = self
            .session
            .receive(self.now, &mut self.decoder, &mut input)
        {
            assert_eq!(self.ended, None, "an event came after the end: {event:?}");
            self.events.push(match event {
                Event::Started(uuid) => FrameEvent::Started(uuid),
                Event::Audio(audio) => FrameEvent::Audio(audio.rate(), audio.to_vec()),
                Event::Dtmf(digit) => FrameEvent::Dtmf(digit.as_byte()),
                Event::Ignored(frame) => {
                    FrameEvent::Ignored((frame.kind.0, frame.payload.to_vec()))
                }
                Event::Exception(PeerError::DtmfMalformed) => FrameEvent::Malformed,
                Event::Exception(PeerError::Reported { flags }) => FrameEvent::Reported(flags),
                Event::Ended(end) => {
                    self.ended = Some(end);
                    self.owe_hangup(end);
                    continue;
                }
                other => panic!("unexpected event: {other:?}"),
            });
        }
        assert!(input.is_empty(), "the session did not read all input");
    }

    fn send(&mut self, rate: SampleRate, len: usize) {
        let payload = vec![len as u8; len];
        let unsent = self.unsent().len();
        match self.session.send(self.now, Audio::new(rate, &payload)) {
            Ok(()) => {
                assert!(self.started() && self.ended.is_none() && !self.write_closed);
                let kind = rate.kind().0;
                self.owed.extend([kind, (len >> 8) as u8, len as u8]);
                self.owed.extend(payload);
                self.sent = (self.sent.0 + 1, self.sent.1 + len as u64);
            }
            Err(SendError::EmptyAudio) => assert_eq!(len, 0),
            Err(SendError::AudioTooLong { len: reported }) => {
                assert_eq!(reported, len);
                assert!(len > 65_535);
            }
            Err(SendError::QueueFull) => {
                assert!(
                    (1..=65_535).contains(&len),
                    "QueueFull for audio that fits no frame"
                );
                assert!(unsent + 3 + len > self.config.max_unsent);
                self.dropped += 1;
            }
            Err(SendError::NoCall) => {
                assert!(!self.started() || self.ended.is_some() || self.write_closed);
            }
            Err(other) => panic!("unexpected error: {other:?}"),
        }
    }

    fn write(&mut self, most: usize) {
        let written = self.unsent().len().min(most);
        if written > 0 {
            self.session.transmitted(self.now, written);
            self.written += written;
        }
    }

    fn half_closed(&mut self) {
        // An adapter calls this only after `Transmit::HalfClose`.
        if self.session.poll_transmit() == Transmit::HalfClose {
            self.session.half_closed();
            self.half_closed = true;
        }
    }

    fn hangup(&mut self) {
        let event = self.session.hangup(self.now);
        assert_eq!(event.is_some(), self.ended.is_none());
        self.note(event);
    }

    fn act_on_deadline(&mut self) {
        let deadline = self.session.poll_timeout();
        let closed = self.session.poll_transmit() == Transmit::Close;
        let over = self.session.is_over();
        let event = self.session.handle_timeout(self.now);
        self.note(event);
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            // A timeout must change the state. It never only extends a deadline.
            let closes = !closed && self.session.poll_transmit() == Transmit::Close;
            self.given_up |= closes;
            assert!(
                closes || self.session.is_over() != over,
                "a due deadline changed nothing"
            );
        } else {
            assert_eq!(event, None);
            assert_eq!(self.session.poll_timeout(), deadline);
        }
    }

    fn note(&mut self, event: Option<Event<'static>>) {
        match event {
            Some(Event::Ended(end)) => {
                assert_eq!(self.ended, None, "the session ended twice: {end:?}");
                self.ended = Some(end);
                self.owe_hangup(end);
            }
            None => {}
            Some(other) => panic!("unexpected event: {other:?}"),
        }
    }

    /// Adds the hangup to `owed`. A peer that has closed or does not read gets no hangup.
    fn owe_hangup(&mut self, end: End) {
        let gets_hangup = match end {
            End::HungUp | End::MaxDuration => true,
            End::Failed(PeerError::Truncated { .. } | PeerError::WriteStalled) => false,
            End::Failed(_) => true,
            End::Closed | End::HangupReceived | End::Reset | End::ConnectionLost => false,
            other => panic!("a session without a server cannot end with {other:?}"),
        };
        if gets_hangup && !self.write_closed {
            self.owed.extend(HANGUP);
        }
    }

    fn check(&self) {
        assert_eq!(self.session.is_over(), self.ended.is_some());
        let owed = match self.write_closed || self.given_up {
            true => &[],
            false => &self.owed[self.written..],
        };
        let over = self.ended.is_some();
        let hangup = if over { HANGUP.len() } else { 0 };
        assert!(owed.len() <= self.config.max_unsent + hangup);
        // First all owed bytes, then the half-close, then the session waits for the peer.
        let expected = match owed {
            _ if self.given_up => Transmit::Close,
            [] if over && self.peer_closed => Transmit::Close,
            [] if over && !self.half_closed && !self.write_closed => Transmit::HalfClose,
            [] => Transmit::Idle,
            owed => Transmit::Bytes(owed),
        };
        assert_eq!(self.session.poll_transmit(), expected);
        let stats = self.session.stats();
        assert_eq!((stats.audio_frames_sent, stats.audio_bytes_sent), self.sent);
        assert_eq!(stats.frames_dropped, self.dropped);
        assert!(self.decoder.partial_len() <= self.received.len());
    }

    /// Asserts that each event matches its frame.
    fn check_received(&self) {
        let (frames, _cut) = reference::parse(&self.received);
        assert!(self.events.len() <= frames.len());
        let (mut audio_frames, mut audio_bytes) = (0, 0);
        for (i, (event, (kind, payload))) in self.events.iter().zip(&frames).enumerate() {
            assert_eq!(i == 0, matches!(event, FrameEvent::Started(_)));
            match event {
                FrameEvent::Started(uuid) => {
                    assert_eq!((*kind, &payload[..]), (0x01, &uuid.as_bytes()[..]));
                }
                FrameEvent::Audio(rate, audio) => {
                    assert_eq!((rate.kind().0, audio), (*kind, payload));
                    assert!(!audio.is_empty());
                    audio_frames += 1;
                    audio_bytes += audio.len() as u64;
                }
                FrameEvent::Dtmf(key) => assert_eq!((*kind, &payload[..]), (0x03, &[*key][..])),
                FrameEvent::Malformed => assert_eq!(*kind, 0x03),
                FrameEvent::Reported(flags) => {
                    assert_eq!(*kind, 0xff);
                    assert_eq!(flags.0, payload.first().copied().unwrap_or(0));
                    assert!(!flags.contains(ErrorFlags::HANGUP));
                }
                FrameEvent::Ignored(frame) => {
                    assert_eq!(frame, &(*kind, payload.clone()));
                    assert!(!matches!(kind, 0x00 | 0x01 | 0x03 | 0xff));
                    assert!(!matches!(kind, 0x10..=0x18) || payload.is_empty());
                }
            }
        }
        let stats = self.session.stats();
        assert_eq!(
            (stats.audio_frames_received, stats.audio_bytes_received),
            (audio_frames, audio_bytes)
        );
        let ended_by_frame = stats.frames_received - self.events.len() as u64;
        assert!(ended_by_frame <= 1);
    }

    fn started(&self) -> bool {
        matches!(self.events.first(), Some(FrameEvent::Started(_)))
    }

    fn unsent(&self) -> &[u8] {
        match self.session.poll_transmit() {
            Transmit::Bytes(bytes) => bytes,
            _ => &[],
        }
    }
}
