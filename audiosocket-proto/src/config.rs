use core::time::Duration;

use crate::Ptime;
use crate::time::CompactDuration;

/// Deadlines and limits of a [`Session`](crate::Session) and its [`Playout`](crate::Playout).
///
/// Each field has a method of the same name that sets it:
///
/// ```
/// # use audiosocket_proto::SessionConfig;
/// use std::time::Duration;
///
/// let config = SessionConfig::new()
///     .idle_timeout(Some(Duration::from_secs(60)))
///     .fill_silence(false);
/// assert_eq!(config.uuid_timeout, Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How long a connection may take to send its UUID. Asterisk sends it at once. Default: 5 s.
    ///
    /// A server adds up to half of this time, so that connections that came together do not time out together.
    /// Their timeouts are 500 µs apart, or less if there are very many connections.
    pub uuid_timeout: Duration,
    /// How long the session waits, once the call is over, until all bytes are written and the peer closes its
    /// side. Default: 1 s. Asterisk closes as soon as it has the hangup. One second is enough for a
    /// round trip and one retransmission.
    pub linger: Duration,
    /// How long unsent bytes may wait while the peer reads nothing. Then the call ends. Default: 30 s, longer
    /// than a network needs to change a route, or a virtual machine to be moved. `max_unsent` limits the
    /// bytes that wait.
    pub write_timeout: Duration,
    /// How long the peer may send no whole frame. Then the call ends. Default: `None`. A healthy call can be
    /// silent for minutes, with comfort noise, DTX or on hold. TCP keepalive finds dead connections.
    pub idle_timeout: Option<Duration>,
    /// How long a call may last, from its UUID. Then this side hangs up. Default: `None`. It limits the
    /// cost of a call that both sides forgot.
    pub max_duration: Option<Duration>,
    /// How many bytes may wait to be written, headers included. A frame that does not fit is dropped and
    /// counted in [`SessionStats::frames_dropped`](crate::SessionStats::frames_dropped). One frame takes up
    /// to 65,538 bytes. Default: 128 KiB, which is 8 s at 8 kHz and a third of a second at 192 kHz. The
    /// kernel's send buffer holds more bytes.
    pub max_unsent: usize,
    /// The duration of one frame of [played](crate::Playout) audio. Default: 20 ms.
    pub ptime: Ptime,
    /// How much audio may wait to be played. A piece that does not fit is refused. An empty queue takes a piece
    /// of any length. Default: 30 s. A speech model can deliver 7 s of audio in 2 s.
    pub max_playout: Duration,
    /// Whether to send silence, from the UUID on, when there is nothing else to send. Default: true.
    ///
    /// A server that sends nothing can make a call silent in both directions: while Asterisk waits for a frame
    /// from the server, it may not send the caller's audio (asterisk/asterisk#2089).
    pub fill_silence: bool,
    /// Whether a cut of played audio fades, so that it does not click. Default: true.
    ///
    /// [`clear`](crate::Playout::clear) and [`pause`](crate::Playout::pause) cut audio between two frames. With a fade,
    /// the frame after the cut begins with the next 5 ms of the audio, and their volume falls to zero. After a pause, the
    /// first 5 ms rise from zero. Switch it off to play audio that is not slin.
    pub fade_cuts: bool,
    /// How long silence follows the played audio before a [hangup after the playout](crate::Playout::hangup). Default:
    /// zero. In whole milliseconds, 65 s at most.
    ///
    /// A phone buffers about 60 ms of audio, and drops it when the call ends. With a tail of 100 ms, the caller hears the
    /// end of the audio.
    pub hangup_tail: Duration,
}

impl SessionConfig {
    /// Returns the default values.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            uuid_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(1),
            write_timeout: Duration::from_secs(30),
            idle_timeout: None,
            max_duration: None,
            max_unsent: 128 * 1024,
            ptime: Ptime::Ms20,
            max_playout: Duration::from_secs(30),
            fill_silence: true,
            fade_cuts: true,
            hangup_tail: Duration::ZERO,
        }
    }

    /// Sets [`uuid_timeout`](#structfield.uuid_timeout).
    #[must_use]
    pub const fn uuid_timeout(mut self, timeout: Duration) -> Self {
        self.uuid_timeout = timeout;
        self
    }

    /// Sets [`linger`](#structfield.linger).
    #[must_use]
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// Sets [`write_timeout`](#structfield.write_timeout).
    #[must_use]
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets [`idle_timeout`](#structfield.idle_timeout).
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets [`max_duration`](#structfield.max_duration).
    #[must_use]
    pub const fn max_duration(mut self, duration: Option<Duration>) -> Self {
        self.max_duration = duration;
        self
    }

    /// Sets [`max_unsent`](#structfield.max_unsent).
    #[must_use]
    pub const fn max_unsent(mut self, bytes: usize) -> Self {
        self.max_unsent = bytes;
        self
    }

    /// Sets [`ptime`](#structfield.ptime).
    #[must_use]
    pub const fn ptime(mut self, ptime: Ptime) -> Self {
        self.ptime = ptime;
        self
    }

    /// Sets [`max_playout`](#structfield.max_playout).
    #[must_use]
    pub const fn max_playout(mut self, duration: Duration) -> Self {
        self.max_playout = duration;
        self
    }

    /// Sets [`fill_silence`](#structfield.fill_silence).
    #[must_use]
    pub const fn fill_silence(mut self, fill: bool) -> Self {
        self.fill_silence = fill;
        self
    }

    /// Sets [`fade_cuts`](#structfield.fade_cuts).
    #[must_use]
    pub const fn fade_cuts(mut self, fade: bool) -> Self {
        self.fade_cuts = fade;
        self
    }

    /// Sets [`hangup_tail`](#structfield.hangup_tail).
    #[must_use]
    pub const fn hangup_tail(mut self, tail: Duration) -> Self {
        self.hangup_tail = tail;
        self
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The part of a configuration that a session keeps. It is small, because there can be thousands of sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    pub(crate) linger: CompactDuration,
    pub(crate) write_timeout: CompactDuration,
    pub(crate) idle_timeout: Option<CompactDuration>,
    pub(crate) max_unsent: usize,
}

impl SessionLimits {
    pub(crate) fn of(config: &SessionConfig) -> Self {
        Self {
            linger: config.linger.into(),
            write_timeout: config.write_timeout.into(),
            idle_timeout: config.idle_timeout.map(CompactDuration::from),
            max_unsent: config.max_unsent,
        }
    }
}
