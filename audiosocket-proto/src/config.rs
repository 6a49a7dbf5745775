use core::time::Duration;

use crate::Ptime;
use crate::time::CompactDuration;

/// Deadlines and bounds of a [`Session`](crate::Session). Start from the default and change what you need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How long a connection may take to send its UUID. Asterisk sends it at once, so whoever
    /// takes longer is not an Asterisk. A server gives those that came at once up one after the other, 500 µs
    /// apart (closer if they are very many) and so up to half as long again later: the calls that there are
    /// have their turns in between.
    /// Default: 5 s.
    pub uuid_timeout: Duration,
    /// How long to wait, once the call is over, for unsent bytes to leave and for the peer to
    /// close its side. Default: 1 s: Asterisk closes as soon as it has the hangup, so that this is for
    /// the way there and back and one packet sent again; and whoever does not close costs no more.
    pub linger: Duration,
    /// How long the peer may take nothing of what waits for it. Default: 30 s: longer than a network takes
    /// to find another way, or a machine to be moved, and by then the caller has heard nothing for so long
    /// that there is no call left to save. What waits meanwhile is bounded by `max_unsent`.
    pub write_timeout: Duration,
    /// How long the peer may send no whole frame. Default: `None`, since a call with comfort noise, DTX
    /// or hold is silent for minutes and healthy; TCP keepalive finds the dead ones.
    pub idle_timeout: Option<Duration>,
    /// How long a call may last, from its UUID on; it is then hung up. Default: `None`. What bounds the
    /// cost of a call that both sides forgot.
    pub max_duration: Option<Duration>,
    /// Bytes that may wait to be sent, headers included. A frame that would go past it is dropped
    /// and counted in [`SessionStats::frames_dropped`](crate::SessionStats::frames_dropped). A frame takes up to 65,538 bytes. Default:
    /// 128 KiB, which is eight seconds at 8 kHz and a third of one at 192 kHz: what is older
    /// would answer nobody, and the longest frame still fits behind a few seconds. The kernel holds more
    /// ahead of it.
    pub max_unsent: usize,
    /// Bytes that may wait, headers included, for a handler that blocks. Of what goes past it, the
    /// oldest audio is dropped and told of. Only an adapter that
    /// reads while a handler blocks needs it, which is `audiosocket-blocking`. Not less than the longest
    /// frame, 65,538 bytes. Default: 128 KiB, as above.
    pub max_unread: usize,
    /// How much audio is in a frame that is [played](crate::Playout). Default: 20 ms.
    pub ptime: Ptime,
    /// How much audio may wait to be played. A piece that would make it more is refused, unless
    /// nothing waits. Default: 30 s, since a speech model delivers seven seconds in two.
    pub max_playout: Duration,
    /// Whether to send silence when there is nothing to say, from the UUID on. Without it, a call to
    /// which nothing is sent can be silent both ways: while Asterisk waits for a frame from us, its
    /// own sending can starve (asterisk/asterisk#2089). Default: true.
    pub fill_silence: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            uuid_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(1),
            write_timeout: Duration::from_secs(30),
            idle_timeout: None,
            max_duration: None,
            max_unsent: 128 * 1024,
            max_unread: 128 * 1024,
            ptime: Ptime::default(),
            max_playout: Duration::from_secs(30),
            fill_silence: true,
        }
    }
}

/// What of that a session keeps to its end, in little memory: there can be thousands of them.
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
