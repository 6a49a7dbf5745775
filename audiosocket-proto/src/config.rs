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
    /// How long a connection may take to send its UUID. Default: 5 s. Asterisk sends it at once.
    ///
    /// A server spreads the timeouts of connections that came at the same time: 500 µs apart, closer if
    /// there are very many, and up to half as long again later. Calls are served in between.
    pub uuid_timeout: Duration,
    /// How long to wait, once the call is over, for unsent bytes to leave and for the peer to close its
    /// side. Default: 1 s. Asterisk closes as soon as it has the hangup, so this is for the way there
    /// and back and one packet sent again.
    pub linger: Duration,
    /// How long the peer may take none of the bytes that wait for it. Default: 30 s, which is longer
    /// than a network takes to find another way, or a machine to be moved. `max_unsent` limits the
    /// bytes that wait meanwhile.
    pub write_timeout: Duration,
    /// How long the peer may send no whole frame. Default: `None`. A call with comfort noise, DTX or
    /// hold is silent for minutes and healthy; TCP keepalive finds the dead ones.
    pub idle_timeout: Option<Duration>,
    /// How long a call may last, from its UUID on. The server then hangs up. Default: `None`. Set it to
    /// limit the cost of a call that both sides forgot.
    pub max_duration: Option<Duration>,
    /// Bytes that may wait to be sent, headers included. A frame that does not fit is dropped and
    /// counted in [`SessionStats::frames_dropped`](crate::SessionStats::frames_dropped). A frame takes up
    /// to 65,538 bytes. Default: 128 KiB, which is eight seconds at 8 kHz and a third of a second at
    /// 192 kHz. The kernel holds more ahead of these bytes.
    pub max_unsent: usize,
    /// How much audio is in a frame that is [played](crate::Playout). Default: 20 ms.
    pub ptime: Ptime,
    /// How much audio may wait to be played. A piece that does not fit is refused, unless nothing
    /// waits. Default: 30 s, since a speech model delivers seven seconds in two.
    pub max_playout: Duration,
    /// Whether to send silence when there is nothing else to send, from the UUID on. Default: true.
    ///
    /// Without it, a call to which nothing is sent can be silent both ways: while Asterisk waits for a
    /// frame from the server, its own sending can starve (asterisk/asterisk#2089).
    pub fill_silence: bool,
}

impl SessionConfig {
    /// The defaults.
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
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The part of a configuration that a session keeps to its end, in little memory: there can be
/// thousands of sessions.
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
