//! One call as the server sees it: states, deadlines and the output buffer.

mod deadlines;
mod first_frame;

use crate::buffer::SendBuffer;
use crate::config::SessionLimits;
use crate::time::CompactDuration;
use crate::wire::frame;
use crate::{
    Audio, Decoder, End, ErrorFlags, Event, Frame, HEADER_LEN, Message, PeerError, SendError,
    SessionConfig, SessionStats, Timestamp, Transmit, encoder,
};

/// One call, without a socket and without a clock.
///
/// ```text
///                    UUID                     hangup, end of stream, fatal error
/// new --> AwaitingUuid --> Active ---------------------------------------.
///              |                                                          v
///              '----- no UUID, not a UUID, hangup, end of stream -----> Closing --> Closed
///                                                                        flush, half-close,
///                                                                        read to the end or 1 s
/// ```
///
/// A driver does these things, in any order:
///
/// - It passes the bytes that it reads to [`receive`](Self::receive) until that returns `None`; the
///   end of the stream to [`handle_eof`](Self::handle_eof); errors of the connection to
///   [`handle_reset`](Self::handle_reset), [`handle_write_closed`](Self::handle_write_closed) or
///   [`handle_connection_lost`](Self::handle_connection_lost).
/// - It writes what [`poll_transmit`](Self::poll_transmit) returns.
/// - It calls [`handle_timeout`](Self::handle_timeout) at the time that
///   [`poll_timeout`](Self::poll_timeout) returns. An earlier call does no harm.
/// - It calls [`send`](Self::send) and [`hangup`](Self::hangup) for the application.
///
/// The answers of `poll_transmit` and `poll_timeout` hold until the next call of a `&mut self` method.
/// If time runs backwards from call to call, deadlines come late and nothing else happens.
///
/// # Example: an echo
///
/// ```
/// use audiosocket_proto::{Decoder, End, Event, Session, SessionConfig, Timestamp, Transmit};
///
/// let now = Timestamp::ZERO;
/// let mut session = Session::new(SessionConfig::default(), now);
/// let mut decoder = Decoder::new();
///
/// let mut read: Vec<u8> = vec![0x01, 0, 16];
/// read.extend(*b"sixteen bytes !!");
/// read.extend([0x10, 0, 2, 0x34, 0x12]);
///
/// let mut input = &read[..];
/// while let Some(event) = session.receive(now, &mut decoder, &mut input) {
///     if let Event::Audio(audio) = event {
///         session.send(now, audio)?;
///     }
/// }
/// assert_eq!(session.poll_transmit(), Transmit::Bytes(&[0x10, 0, 2, 0x34, 0x12]));
/// session.transmitted(now, 5);
///
/// assert_eq!(session.handle_eof(now, &decoder), Some(Event::Ended(End::Closed)));
/// # Ok::<(), audiosocket_proto::SendError>(())
/// ```
#[derive(Debug)]
pub struct Session {
    state: SessionState,
    limits: SessionLimits,
    send_buffer: SendBuffer,
    stats: SessionStats,
    /// When the last whole frame came, if `limits.idle_timeout` needs it.
    last_received: Timestamp,
    /// When the peer last took bytes, or had none to take. Has no meaning while the send buffer is
    /// empty.
    last_progress: Timestamp,
    /// The peer takes nothing more; the send buffer stays empty.
    write_closed: bool,
}

/// Data of one state is kept in it, so that it takes memory only once.
#[derive(Clone, Copy, Debug)]
enum SessionState {
    /// No `Ended` event so far, here and in `Active`.
    AwaitingUuid {
        until: Timestamp,
        max_duration: Option<CompactDuration>,
    },
    Active {
        /// By [`SessionConfig::max_duration`].
        ends_at: Option<Timestamp>,
    },
    /// After the `Ended` event, as is `Closed`.
    Closing {
        since: Timestamp,
        half_closed: bool,
        peer_closed: bool,
    },
    Closed,
}

impl Session {
    /// A session for a connection that was accepted at `now`.
    #[must_use]
    pub fn new(config: SessionConfig, now: Timestamp) -> Self {
        Self {
            state: SessionState::AwaitingUuid {
                until: now + config.uuid_timeout,
                max_duration: config.max_duration.map(CompactDuration::from),
            },
            limits: SessionLimits::of(&config),
            send_buffer: SendBuffer::default(),
            stats: SessionStats::default(),
            last_received: now,
            last_progress: now,
            write_closed: false,
        }
    }

    /// Takes the next frame out of `input` and returns its meaning; `None` once `input` is used up.
    ///
    /// `decoder` is that of this connection. It is apart because the event borrows from it. Once the
    /// session is over, input is discarded.
    #[inline]
    pub fn receive<'d, 'i: 'd>(
        &mut self,
        now: Timestamp,
        decoder: &'d mut Decoder,
        input: &mut &'i [u8],
    ) -> Option<Event<'d>> {
        match self.state {
            SessionState::Active { .. } => {}
            SessionState::AwaitingUuid { .. } => {
                // A peer that does not begin with a UUID is refused by its first three bytes, before
                // it can send a payload that has to be kept.
                if let Some(error) = decoder.peek(input).and_then(first_frame::uuid_error) {
                    *input = &[];
                    return Some(self.end(now, End::Failed(error)));
                }
            }
            SessionState::Closing { .. } | SessionState::Closed => {
                *input = &[];
                return None;
            }
        }
        let frame = decoder.decode(input)?;
        Some(self.handle_frame(now, frame))
    }

    /// The peer closed its side; `decoder` knows whether that was between two frames.
    ///
    /// Unsent bytes are still offered to the peer, which may have closed only that side.
    pub fn handle_eof(&mut self, now: Timestamp, decoder: &Decoder) -> Option<Event<'static>> {
        let event = self.end_of_stream(now, decoder, End::Closed);
        if let SessionState::Closing { peer_closed, .. } = &mut self.state {
            *peer_closed = true;
        }
        self.close_if_done();
        event
    }

    /// The peer reset the connection; `decoder` knows whether that was between two frames.
    pub fn handle_reset(&mut self, now: Timestamp, decoder: &Decoder) -> Option<Event<'static>> {
        let event = self.end_of_stream(now, decoder, End::Reset);
        self.close();
        event
    }

    /// Writing met the end of the connection (`EPIPE`, `ECONNRESET`). Frames of the peer may still wait
    /// to be read, so the call ends only when reading meets the end too. Until then everything that
    /// would be sent is discarded.
    pub fn handle_write_closed(&mut self) {
        self.write_closed = true;
        self.send_buffer.clear();
        self.half_closed();
        self.close_if_done();
    }

    /// Reading or writing failed otherwise. The connection cannot be used any more.
    ///
    /// As with a reset, there is no event on a call that is over already: Asterisk closes at once when
    /// it gets a hangup, and bytes that cross it meet an error.
    pub fn handle_connection_lost(&mut self, now: Timestamp) -> Option<Event<'static>> {
        let event = (!self.is_over()).then(|| self.end(now, End::ConnectionLost));
        self.close();
        event
    }

    /// What the write side has to do now.
    #[must_use]
    #[inline]
    pub fn poll_transmit(&self) -> Transmit<'_> {
        if !self.send_buffer.is_empty() {
            return Transmit::Bytes(self.send_buffer.unsent());
        }
        match self.state {
            SessionState::Closing {
                half_closed: false, ..
            } => Transmit::HalfClose,
            SessionState::Closed => Transmit::Close,
            _ => Transmit::Idle,
        }
    }

    /// The connection took the first `written` of the bytes offered last.
    ///
    /// # Panics
    ///
    /// If `written` is more than was offered: an error of the caller that would lose audio.
    #[inline]
    pub fn transmitted(&mut self, now: Timestamp, written: usize) {
        self.send_buffer.advance(written);
        if written > 0 {
            self.last_progress = now;
        }
        self.close_if_done();
    }

    /// The write side has been closed, as [`Transmit::HalfClose`] asked.
    pub fn half_closed(&mut self) {
        if let SessionState::Closing { half_closed, .. } = &mut self.state {
            *half_closed = true;
        }
    }

    /// Sends `audio` as one frame, now.
    ///
    /// # Errors
    ///
    /// [`SendError::EmptyAudio`] or [`SendError::AudioTooLong`] for what cannot be one frame,
    /// [`SendError::QueueFull`] if the peer is too far behind (the frame is dropped and counted),
    /// [`SendError::NoCall`] before the UUID and after the end, or if the peer has closed its
    /// reading side.
    #[inline]
    pub fn send(&mut self, now: Timestamp, audio: Audio<'_>) -> Result<(), SendError> {
        if !matches!(self.state, SessionState::Active { .. }) || self.write_closed {
            return Err(SendError::NoCall);
        }
        encoder::check(audio)?;
        let unsent = self.unsent();
        if unsent + HEADER_LEN + audio.len() > self.limits.max_unsent {
            self.stats.frames_dropped += 1;
            return Err(SendError::QueueFull);
        }
        frame::put(
            audio.rate().kind(),
            audio.payload(),
            self.send_buffer.tail(),
        );
        if unsent == 0 {
            self.last_progress = now;
        }
        self.stats.audio_frames_sent += 1;
        self.stats.audio_bytes_sent += audio.len() as u64;
        Ok(())
    }

    /// Ends the call from this side: sends a hangup frame, half-closes, and keeps reading until
    /// the peer closes or [`SessionConfig::linger`] is over. To close at once would make the
    /// kernel answer unread audio with a reset, which can destroy the hangup on its way.
    ///
    /// Returns the `Ended` event; `None` if there was one before.
    pub fn hangup(&mut self, now: Timestamp) -> Option<Event<'static>> {
        (!self.is_over()).then(|| self.end(now, End::HungUp))
    }

    /// Closes at once when the call is over, which may destroy the hangup on its way.
    pub fn do_not_linger(&mut self) {
        self.limits.linger = CompactDuration::ZERO;
    }

    /// Whether the call is over: after [`Event::Ended`], only the connection is left to be closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(
            self.state,
            SessionState::Closing { .. } | SessionState::Closed
        )
    }

    /// Bytes that wait for the peer to take them, headers included.
    #[must_use]
    #[inline]
    pub fn unsent(&self) -> usize {
        self.send_buffer.unsent().len()
    }

    /// Whether more than half of [`SessionConfig::max_unsent`] waits for the peer to take it.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.unsent() > self.limits.max_unsent / 2
    }

    /// Counters of this session, from its start.
    #[must_use]
    #[inline]
    pub fn stats(&self) -> &SessionStats {
        &self.stats
    }

    #[inline]
    fn handle_frame<'f>(&mut self, now: Timestamp, frame: Frame<'f>) -> Event<'f> {
        self.stats.frames_received += 1;
        if self.limits.idle_timeout.is_some() {
            self.last_received = now;
        }
        let message = match Message::parse(frame) {
            Ok(message) => message,
            Err(error @ PeerError::DtmfMalformed) => return Event::Exception(error),
            Err(error) => return self.end(now, End::Failed(error)),
        };
        match message {
            Message::Audio(audio) if audio.is_empty() => Event::Ignored(frame),
            Message::Audio(audio) => {
                self.stats.audio_frames_received += 1;
                self.stats.audio_bytes_received += audio.len() as u64;
                Event::Audio(audio)
            }
            Message::Dtmf(digit) => Event::Dtmf(digit),
            Message::Uuid(uuid) => {
                let SessionState::AwaitingUuid { max_duration, .. } = self.state else {
                    return self.end(now, End::Failed(PeerError::UuidRepeated));
                };
                let ends_at = max_duration.map(|longest| now + longest);
                self.state = SessionState::Active { ends_at };
                Event::Started(uuid)
            }
            Message::Hangup | Message::Error(ErrorFlags::HANGUP) => {
                self.end(now, End::HangupReceived)
            }
            Message::Error(flags) => {
                let error = PeerError::Reported { flags };
                if flags.contains(ErrorFlags::HANGUP) {
                    self.end(now, End::Failed(error))
                } else {
                    Event::Exception(error)
                }
            }
            Message::Silence | Message::Unknown(_) => Event::Ignored(frame),
        }
    }

    /// Nothing more can be read: `between` if that came between two frames.
    fn end_of_stream(
        &mut self,
        now: Timestamp,
        decoder: &Decoder,
        between: End,
    ) -> Option<Event<'static>> {
        let end = match decoder.partial_len() {
            0 => between,
            received => End::Failed(PeerError::Truncated { received }),
        };
        (!self.is_over()).then(|| self.end(now, end))
    }

    /// The one way out of `AwaitingUuid` and `Active`, except by `Started`. So there is one `Ended`
    /// event, and only the hangup follows the bytes in the send buffer.
    fn end(&mut self, now: Timestamp, end: End) -> Event<'static> {
        debug_assert!(!self.is_over());
        let peer_has_left = matches!(
            end,
            End::Closed
                | End::HangupReceived
                | End::Reset
                | End::ConnectionLost
                | End::Failed(PeerError::Truncated { .. })
        );
        if !peer_has_left && !self.write_closed {
            encoder::encode_hangup(self.send_buffer.tail());
        }
        let half_closed = self.write_closed;
        self.state = SessionState::Closing {
            since: now,
            half_closed,
            peer_closed: false,
        };
        Event::Ended(end)
    }

    fn close_if_done(&mut self) {
        if self.send_buffer.is_empty()
            && let SessionState::Closing {
                peer_closed: true, ..
            } = self.state
        {
            self.close();
        }
    }

    fn close(&mut self) {
        self.send_buffer.clear();
        self.state = SessionState::Closed;
    }
}
