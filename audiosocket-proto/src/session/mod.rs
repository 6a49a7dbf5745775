//! One call on the server's side: its states, its deadlines and its send buffer.

mod deadlines;
mod first_frame;
mod snapshot;

use crate::buffer::SendBuffer;
use crate::config::SessionLimits;
use crate::time::CompactDuration;
use crate::wire::frame;
use crate::{
    Audio, Decoder, End, ErrorFlags, Event, Frame, HEADER_LEN, Message, PeerError, SendError,
    SessionConfig, SessionStats, Timestamp, Transmit, encoder,
};

pub use snapshot::SessionSnapshot;

/// One call on the server's side. It has no socket and no clock.
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
/// Its driver does these things, in any order:
///
/// - It passes the bytes that it reads to [`receive`](Self::receive), until that returns `None`.
/// - It passes the end of the stream to [`handle_eof`](Self::handle_eof), and errors of the connection to
///   [`handle_reset`](Self::handle_reset), [`handle_write_closed`](Self::handle_write_closed) or
///   [`handle_connection_lost`](Self::handle_connection_lost).
/// - It carries out each [`Transmit`] that [`poll_transmit`](Self::poll_transmit) returns.
/// - It calls [`handle_timeout`](Self::handle_timeout) at the time that
///   [`poll_timeout`](Self::poll_timeout) returns. An earlier call does nothing.
/// - It calls [`send`](Self::send) and [`hangup`](Self::hangup) for the application.
///
/// The results of `poll_transmit` and `poll_timeout` are valid until the next call of a `&mut self` method.
/// If the time runs backwards between two calls, deadlines come late, and nothing else happens.
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
    /// The time of the last whole frame. It is updated only with an idle timeout.
    last_received: Timestamp,
    /// The time at which bytes were last written, or at which the send buffer was last empty. This time has no meaning
    /// while the send buffer is empty.
    last_progress: Timestamp,
    /// Nothing can be written any more. The send buffer stays empty.
    write_closed: bool,
}

/// Data that only one state needs is in that state.
#[derive(Clone, Copy, Debug)]
enum SessionState {
    /// The `Ended` event has not come, as in `Active`.
    AwaitingUuid {
        until: Timestamp,
        max_duration: Option<CompactDuration>,
    },
    Active {
        /// The end of [`SessionConfig::max_duration`].
        ends_at: Option<Timestamp>,
    },
    /// The `Ended` event has come, as in `Closed`.
    Closing {
        since: Timestamp,
        half_closed: bool,
        peer_closed: bool,
    },
    Closed,
}

impl Session {
    /// Creates a session for a connection that came at `now`.
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

    /// Takes the next frame off `input` and returns its event. Returns `None` once `input` is used up.
    ///
    /// `decoder` is the decoder of this connection. It is not a part of the session, because the event borrows
    /// from it. Once the call is over, it discards all input.
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
                // A peer that does not begin with a UUID is refused by its first header, before its
                // payload takes memory.
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

    /// Reports that the peer closed its side. Returns the `Ended` event, if there was none before. The end is
    /// [`PeerError::Truncated`] if `decoder` holds an incomplete frame.
    ///
    /// Continue to write unsent bytes: the peer may have closed that side only.
    pub fn handle_eof(&mut self, now: Timestamp, decoder: &Decoder) -> Option<Event<'static>> {
        let event = self.end_of_stream(now, decoder, End::Closed);
        if let SessionState::Closing { peer_closed, .. } = &mut self.state {
            *peer_closed = true;
        }
        self.close_if_done();
        event
    }

    /// Reports that the peer reset the connection. Returns the `Ended` event, if there was none before. The end
    /// is [`PeerError::Truncated`] if `decoder` holds an incomplete frame.
    pub fn handle_reset(&mut self, now: Timestamp, decoder: &Decoder) -> Option<Event<'static>> {
        let event = self.end_of_stream(now, decoder, End::Reset);
        self.close();
        event
    }

    /// Reports that a write failed because the connection is closed (`EPIPE`, `ECONNRESET`). The session then
    /// sends nothing more. Frames of the peer may still wait to be read, so the call ends only when a read
    /// reports the end too.
    pub fn handle_write_closed(&mut self) {
        self.write_closed = true;
        self.send_buffer.clear();
        self.half_closed();
        self.close_if_done();
    }

    /// Reports that a read or a write failed in another way. The connection cannot be used any more. Returns the
    /// `Ended` event, if there was none before.
    pub fn handle_connection_lost(&mut self, now: Timestamp) -> Option<Event<'static>> {
        let event = (!self.is_over()).then(|| self.end(now, End::ConnectionLost));
        self.close();
        event
    }

    /// Returns the next action of the write side.
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

    /// Reports that the connection took the first `written` of the bytes that
    /// [`poll_transmit`](Self::poll_transmit) returned.
    ///
    /// # Panics
    ///
    /// If `written` is more than [`unsent`](Self::unsent) returns.
    #[inline]
    pub fn transmitted(&mut self, now: Timestamp, written: usize) {
        self.send_buffer.advance(written);
        if written > 0 {
            self.last_progress = now;
        }
        self.close_if_done();
    }

    /// Reports that the write side was closed, as [`Transmit::HalfClose`] asked.
    pub fn half_closed(&mut self) {
        if let SessionState::Closing { half_closed, .. } = &mut self.state {
            *half_closed = true;
        }
    }

    /// Sends `audio` as one frame, now.
    ///
    /// # Errors
    ///
    /// - [`SendError::EmptyAudio`] or [`SendError::AudioTooLong`] if `audio` does not fit one frame.
    /// - [`SendError::QueueFull`] if [`SessionConfig::max_unsent`] bytes would wait. The frame is dropped and
    ///   counted.
    /// - [`SendError::NoCall`] before the UUID, after the end, and if the peer has closed its read side.
    #[inline]
    pub fn send(&mut self, now: Timestamp, audio: Audio<'_>) -> Result<(), SendError> {
        if !matches!(self.state, SessionState::Active { .. }) || self.write_closed {
            return Err(SendError::NoCall);
        }
        audio.check_len()?;
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

    /// Ends the call from this side. Returns the `Ended` event, if there was none before.
    ///
    /// The session sends a hangup frame, half-closes, and keeps reading until the peer closes or
    /// [`SessionConfig::linger`] is over. If it closed at once with unread audio, the kernel would send a reset,
    /// and the peer could lose the hangup frame.
    pub fn hangup(&mut self, now: Timestamp) -> Option<Event<'static>> {
        (!self.is_over()).then(|| self.end(now, End::HungUp))
    }

    /// Sets the linger to zero: the session closes at once when the call is over. The peer may lose the hangup frame.
    pub fn do_not_linger(&mut self) {
        self.limits.linger = CompactDuration::ZERO;
    }

    /// Returns whether the call is over. After [`Event::Ended`], only the connection has to be closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(
            self.state,
            SessionState::Closing { .. } | SessionState::Closed
        )
    }

    /// Returns the number of unsent bytes, headers included.
    #[must_use]
    #[inline]
    pub fn unsent(&self) -> usize {
        self.send_buffer.unsent().len()
    }

    /// Returns whether more than half of [`SessionConfig::max_unsent`] waits to be written.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.unsent() > self.limits.max_unsent / 2
    }

    /// Returns the counters of this session.
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

    /// Ends the call, because nothing more can be read. The end is `between` if no frame is incomplete.
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

    /// Ends the call. Every end comes through here, so there is exactly one `Ended` event, and nothing is sent
    /// after the hangup frame.
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

    #[inline]
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
