use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use audiosocket_proto::{FrameKind, PlayoutStats, SampleRate, SessionStats};

use crate::HandlerEvent;

/// Counters of a call since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct CallStats {
    /// Counters of the session: frames and bytes, received and sent.
    pub session: SessionStats,
    /// Counters of the playout.
    pub playout: PlayoutStats,
    /// The sample rate of the last audio frame that was queued for sending, silence included. `None` if there was none.
    pub rate_sent: Option<SampleRate>,
    /// How many TCP segments the kernel sent again, because the network lost packets. It is counted at most once a second,
    /// while the call sends, and when the peer ends the call. `None` until then, on other systems than Linux, and for a
    /// stream that is not plain TCP.
    pub retransmissions: Option<u32>,
}

impl CallStats {
    /// Adds the counters of another call. The rate and the retransmissions stay the same.
    pub(crate) fn add(&mut self, other: &Self) {
        self.session.add(&other.session);
        self.playout.add(&other.playout);
    }
}

/// The kind of an event of a call, without its content: see [`CallHandle::last_event`](crate::CallHandle::last_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum LastEvent {
    /// The call was accepted.
    Started,
    /// The caller pressed a key.
    Key,
    /// The playout reached a mark.
    Mark,
    /// An exception came.
    Exception,
    /// The server announced its shutdown to the call.
    ShuttingDown,
}

impl LastEvent {
    const ALL: [Self; 5] = [
        Self::Started,
        Self::Key,
        Self::Mark,
        Self::Exception,
        Self::ShuttingDown,
    ];

    /// Returns the name that the reports use: `shutting_down`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Key => "key",
            Self::Mark => "mark",
            Self::Exception => "exception",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// Returns the kind of an event that is worth a report. Audio is not: it comes all the time.
    #[inline]
    pub(crate) fn of(event: &HandlerEvent<'_>) -> Option<Self> {
        match event {
            HandlerEvent::Audio(_)
            | HandlerEvent::Ignored(_)
            | HandlerEvent::Resume
            | HandlerEvent::End(_) => None,
            HandlerEvent::Start => Some(Self::Started),
            HandlerEvent::Dtmf(_) => Some(Self::Key),
            HandlerEvent::Mark(..) => Some(Self::Mark),
            HandlerEvent::Exception(_) => Some(Self::Exception),
            HandlerEvent::Shutdown => Some(Self::ShuttingDown),
        }
    }
}

/// A [`LastEvent`] that one thread writes and other threads read: in the lowest byte its place in [`LastEvent::ALL`] and
/// one, above it the milliseconds. 0 for none.
#[derive(Debug, Default)]
pub(crate) struct AtomicEvent(AtomicU64);

impl AtomicEvent {
    pub(crate) fn store(&self, event: LastEvent, at: Duration) {
        let millis = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.0
            .store(millis << 8 | (event as u64 + 1), Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Option<(LastEvent, Duration)> {
        let stored = self.0.load(Ordering::Relaxed);
        let place = usize::try_from(stored & 0xff).ok()?.checked_sub(1)?;
        let event = LastEvent::ALL.get(place)?;
        Some((*event, Duration::from_millis(stored >> 8)))
    }
}

/// [`SessionStats`] that one thread writes and other threads read. Each counter is atomic by itself.
#[derive(Debug, Default)]
pub(crate) struct AtomicStats([AtomicU64; 6]);

impl AtomicStats {
    #[inline]
    pub(crate) fn store(&self, stats: &SessionStats) {
        let values = [
            stats.frames_received,
            stats.audio_frames_received,
            stats.audio_bytes_received,
            stats.audio_frames_sent,
            stats.audio_bytes_sent,
            stats.frames_dropped,
        ];
        for (counter, value) in self.0.iter().zip(values) {
            counter.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn load(&self) -> SessionStats {
        let [
            frames_received,
            audio_frames_received,
            audio_bytes_received,
            audio_frames_sent,
            audio_bytes_sent,
            frames_dropped,
        ] = self
            .0
            .each_ref()
            .map(|counter| counter.load(Ordering::Relaxed));
        let mut stats = SessionStats::default();
        stats.frames_received = frames_received;
        stats.audio_frames_received = audio_frames_received;
        stats.audio_bytes_received = audio_bytes_received;
        stats.audio_frames_sent = audio_frames_sent;
        stats.audio_bytes_sent = audio_bytes_sent;
        stats.frames_dropped = frames_dropped;
        stats
    }
}

/// A sample rate that one thread writes and other threads read: its frame kind, or 0 for none.
#[derive(Debug, Default)]
pub(crate) struct AtomicRate(AtomicU8);

impl AtomicRate {
    #[inline]
    pub(crate) fn store(&self, rate: Option<SampleRate>) {
        let kind = rate.map_or(0, |rate| rate.kind().0);
        self.0.store(kind, Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Option<SampleRate> {
        SampleRate::from_kind(FrameKind(self.0.load(Ordering::Relaxed)))
    }
}

/// A count that one thread writes and other threads read: the count and one, or 0 for none. It takes no memory of a call, in
/// the padding of the rates.
#[derive(Debug, Default)]
pub(crate) struct AtomicCount(AtomicU32);

impl AtomicCount {
    pub(crate) fn store(&self, count: u32) {
        self.0.store(count.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn load(&self) -> Option<u32> {
        self.0.load(Ordering::Relaxed).checked_sub(1)
    }
}
