//! The likely fault of a call whose audio was bad.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use crate::{CallStats, CallTimes};

/// A side from which no sound came during the whole call is a fault after this time.
const SILENT: Duration = Duration::from_secs(2);

/// A caller whose frames end this long before the call is a fault. Shorter pauses are usual: phones with comfort noise
/// send nothing while the bot speaks.
const STOPPED: Duration = Duration::from_secs(5);

/// A server that sent no sound for this long at the end of the call is a fault, if the caller spoke in this time.
const UNANSWERED: Duration = Duration::from_secs(15);

/// Bytes that waited this long to be written are a fault.
const BLOCKED: Duration = Duration::from_secs(1);

/// The number of gaps in speech from which on they are a fault. One or two can be two answers, one soon after the other.
const GAPS: u64 = 3;

/// The number of late frames from which on they are a fault, if they are at least one of [`PLAYED_PER_LATE`].
const LATE: u64 = 5;
const PLAYED_PER_LATE: u64 = 100;

/// The likely fault of a call that was silent one way, or whose audio had gaps.
///
/// It is found in the counters and times of the call, so it costs nothing before. Use it at the end of a call, or at any
/// time on a call that goes on. A healthy call can have a diagnosis too: a caller on hold, or one who only listens.
///
/// ```
/// use audiosocket_server::{Call, Diagnosis, Handler};
/// use audiosocket_proto::End;
///
/// struct Bot;
///
/// impl Handler for Bot {
///     fn on_end(&mut self, call: &mut Call<'_>, _: End) {
///         let (stats, times) = (call.stats(), call.times());
///         if let Some(diagnosis) = Diagnosis::of(&stats, &times, call.duration()) {
///             println!("{}: {diagnosis}; {}", call.uuid(), diagnosis.fault.likely_cause());
///         }
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Diagnosis {
    /// What was wrong.
    pub fault: AudioFault,
    /// When it began, since the connection came.
    pub since: Duration,
    /// The number of dropped frames, of gaps or of late frames. 0 for the faults that are silence.
    pub count: u64,
}

/// A fault in the audio of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum AudioFault {
    /// The peer did not read for a second, or frames were dropped because it did not read.
    PeerNotReading,
    /// Audio of the caller was dropped because the handler, or the task that takes the events, was too slow.
    HandlerTooSlow,
    /// The server sent no audio frame, not even silence, for 2 s or more.
    NothingSent,
    /// No audio frame came from the caller, for 2 s or more.
    NothingReceived,
    /// All audio of the caller was silence, for 2 s or more.
    SilenceReceived,
    /// The last audio frame of the caller came 5 s or more before the end.
    ReceivingStopped,
    /// The server sent no sound for 2 s or more, or none in the last 15 s while the caller spoke.
    SilenceSent,
    /// Speech of the server had three gaps or more, because its audio was queued too late.
    Starved,
    /// Of the frames of the server, five or more and at least one in a hundred left late.
    LateFrames,
}

/// The source of bad audio: the caller with everything before the server, or the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a call has two sides")]
pub enum CallSide {
    /// The caller, the network, or Asterisk.
    Caller,
    /// The server.
    Server,
}

impl Diagnosis {
    /// Returns the most likely fault of a call. `stats` and `times` are those of the call, and `duration` is the time since
    /// the connection came. Returns `None` for a call without a fault.
    #[must_use]
    pub fn of(stats: &CallStats, times: &CallTimes, duration: Duration) -> Option<Self> {
        Self::all(stats, times, duration).next()
    }

    /// Returns all faults of a call, the most likely one first. Use it if one fault is intended: a server that only records
    /// sends silence.
    pub fn all(
        stats: &CallStats,
        times: &CallTimes,
        duration: Duration,
    ) -> impl Iterator<Item = Self> + use<> {
        let evidence = Evidence {
            stats: *stats,
            times: *times,
            duration,
        };
        AudioFault::ALL
            .into_iter()
            .filter_map(move |fault| evidence.find(fault))
    }
}

/// What is known of a call.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    stats: CallStats,
    times: CallTimes,
    duration: Duration,
}

impl Evidence {
    /// Returns the diagnosis if the call has this fault.
    fn find(&self, fault: AudioFault) -> Option<Diagnosis> {
        let Self {
            stats,
            times,
            duration,
        } = self;
        let (session, playout) = (&stats.session, &stats.playout);
        let is_long = *duration >= SILENT;
        let in_tail = |at: Duration, tail: Duration| duration.saturating_sub(at) < tail;
        let (found, since, count) = match fault {
            AudioFault::PeerNotReading => (
                session.frames_dropped > 0 || times.blocked_for >= BLOCKED,
                times.blocked_since,
                session.frames_dropped,
            ),
            AudioFault::HandlerTooSlow => (
                times.lagged_frames > 0,
                times.lagged_since,
                times.lagged_frames,
            ),
            AudioFault::NothingSent => (is_long && session.audio_frames_sent == 0, None, 0),
            AudioFault::NothingReceived => (is_long && times.last_received.is_none(), None, 0),
            AudioFault::SilenceReceived => (
                is_long && times.last_received.is_some() && times.last_sound_received.is_none(),
                None,
                0,
            ),
            AudioFault::ReceivingStopped => (
                times.last_received.is_some_and(|at| !in_tail(at, STOPPED)),
                times.last_received,
                0,
            ),
            AudioFault::SilenceSent => (
                match times.last_sound_sent {
                    None => is_long,
                    Some(sent) => {
                        let spoke = times.last_sound_received;
                        !in_tail(sent, UNANSWERED)
                            && spoke.is_some_and(|at| in_tail(at, UNANSWERED))
                    }
                },
                times.last_sound_sent,
                0,
            ),
            AudioFault::Starved => (
                playout.underruns >= GAPS,
                times.first_underrun,
                playout.underruns,
            ),
            AudioFault::LateFrames => (
                playout.late >= LATE && playout.late * PLAYED_PER_LATE >= playout.frames,
                times.first_late,
                playout.late,
            ),
        };
        found.then(|| Diagnosis {
            fault,
            since: since.unwrap_or_default(),
            count,
        })
    }
}

impl AudioFault {
    /// All faults. The cause of other faults comes before them.
    pub const ALL: [Self; 9] = [
        Self::PeerNotReading,
        Self::HandlerTooSlow,
        Self::NothingSent,
        Self::NothingReceived,
        Self::SilenceReceived,
        Self::ReceivingStopped,
        Self::SilenceSent,
        Self::Starved,
        Self::LateFrames,
    ];

    /// Returns the side that is the likely source of the fault.
    #[must_use]
    pub const fn side(self) -> CallSide {
        match self {
            Self::PeerNotReading
            | Self::NothingReceived
            | Self::SilenceReceived
            | Self::ReceivingStopped => CallSide::Caller,
            Self::HandlerTooSlow
            | Self::NothingSent
            | Self::SilenceSent
            | Self::Starved
            | Self::LateFrames => CallSide::Server,
        }
    }

    /// Returns whether one side was silent: no frames, or frames of silence, for 2 s or more. The other faults are gaps.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        matches!(
            self,
            Self::NothingSent
                | Self::NothingReceived
                | Self::SilenceReceived
                | Self::ReceivingStopped
                | Self::SilenceSent
        )
    }

    /// Returns the name of the fault, such as `silence_received`, for metrics and other programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerNotReading => "peer_not_reading",
            Self::HandlerTooSlow => "handler_too_slow",
            Self::NothingSent => "nothing_sent",
            Self::NothingReceived => "nothing_received",
            Self::SilenceReceived => "silence_received",
            Self::ReceivingStopped => "receiving_stopped",
            Self::SilenceSent => "silence_sent",
            Self::Starved => "starved",
            Self::LateFrames => "late_frames",
        }
    }

    /// Returns what usually causes the fault.
    #[must_use]
    pub const fn likely_cause(self) -> &'static str {
        match self {
            Self::PeerNotReading => "Asterisk or the network did not take the audio in time",
            Self::HandlerTooSlow => {
                "the handler takes audio slower than it comes: the recogniser is too slow, or a call blocks"
            }
            Self::NothingSent => "fill_silence is off, so that Asterisk sends nothing either",
            Self::NothingReceived => {
                "the caller is on hold, no RTP reaches Asterisk, or the dialplan does not answer"
            }
            Self::SilenceReceived => "the caller is muted, or the frames carry another codec",
            Self::ReceivingStopped => {
                "the caller is on hold or sends comfort noise, or RTP stopped"
            }
            Self::SilenceSent => "nothing was played: the bot gave no answer, or play failed",
            Self::Starved => "the audio was queued too late: the synthesiser is slower than speech",
            Self::LateFrames => "this machine is overloaded, or a handler blocks its thread",
        }
    }

    /// Returns the anchor of the fault in the page `troubleshooting.md` of the guide.
    #[must_use]
    pub const fn guide_anchor(self) -> &'static str {
        match self {
            Self::PeerNotReading => "the-peer-did-not-read",
            Self::HandlerTooSlow => "audio-of-the-caller-was-dropped",
            Self::NothingSent => "the-server-sent-nothing",
            Self::NothingReceived => "no-audio-came-from-the-caller",
            Self::SilenceReceived => "only-silence-came-from-the-caller",
            Self::ReceivingStopped => "the-audio-of-the-caller-stopped",
            Self::SilenceSent => "the-server-sent-only-silence",
            Self::Starved => "speech-of-the-server-had-gaps",
            Self::LateFrames => "frames-left-late",
        }
    }
}

impl fmt::Display for AudioFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PeerNotReading => "the peer did not read",
            Self::HandlerTooSlow => "audio of the caller was dropped",
            Self::NothingSent => "the server sent nothing",
            Self::NothingReceived => "no audio came from the caller",
            Self::SilenceReceived => "only silence came from the caller",
            Self::ReceivingStopped => "the audio of the caller stopped",
            Self::SilenceSent => "the server sent only silence",
            Self::Starved => "speech of the server had gaps",
            Self::LateFrames => "frames left late",
        })
    }
}

impl fmt::Display for CallSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "caller",
            Self::Server => "server",
        })
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, since {:.3} s", self.fault, self.since.as_secs_f64())?;
        if self.count > 0 {
            write!(f, ", {} times", self.count)?;
        }
        Ok(())
    }
}
