//! When audio came and left on a call.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use audiosocket_proto::{Audio, Timestamp};

/// Samples up to this value are silence: 66 dB below full scale. The quietest sound of A-law is 8, the noise of a quiet
/// room is louder.
const SILENCE: u16 = 16;

/// The number of samples that are compared at a time.
const CHUNK: usize = 16;

/// The most chunks of a frame that are compared: all samples of 20 ms at 8 kHz, and evenly spread ones of wider audio.
const MAX_CHUNKS: usize = 16;

/// When audio came and left on a call, in time since the connection came. The precision is a millisecond.
///
/// Sound is audio with samples beyond 66 dB below full scale. Of frames with more than 256 samples, some samples are
/// compared only. Audio that is not linear counts as sound: its silence is not zero.
///
/// [`Diagnosis::of`](crate::Diagnosis::of) finds the likely fault of a call in these times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct CallTimes {
    /// When the last audio frame of the caller came. `None` if none came.
    pub last_received: Option<Duration>,
    /// When the last audio frame of the caller with sound came. `None` if none came.
    pub last_sound_received: Option<Duration>,
    /// When the last audio frame with sound was queued for sending. `None` if there was none.
    pub last_sound_sent: Option<Duration>,
    /// When the longest time began in which bytes for the peer waited to be written. `None` if no bytes waited.
    pub blocked_since: Option<Duration>,
    /// The longest time in which bytes for the peer waited to be written: the peer did not read.
    pub blocked_for: Duration,
    /// When the first audio frame of the caller was dropped because the handler, or the task that takes the events, was too
    /// slow. `None` if none was dropped.
    pub lagged_since: Option<Duration>,
    /// How many such frames were dropped.
    pub lagged_frames: u64,
    /// When the first frame left that counts as [late](audiosocket_proto::PlayoutStats::late).
    pub first_late: Option<Duration>,
    /// When the first gap ended that counts as an [underrun](audiosocket_proto::PlayoutStats::underruns).
    pub first_underrun: Option<Duration>,
}

/// Audio of the caller that was dropped because the handler was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct LaggedAudio {
    /// The time of the first drop since the connection came.
    pub(crate) since: Duration,
    pub(crate) frames: u64,
}

/// The [`CallTimes`] that the connection writes and other threads read, without those of the playout.
///
/// They are here and not in the connection, because the task of a connection has a limit of its size.
#[derive(Debug)]
pub(crate) struct AtomicTimes {
    accepted_at: Timestamp,
    last_received: AtomicMillis,
    last_sound_received: AtomicMillis,
    last_sound_sent: AtomicMillis,
    /// The time from which on bytes wait to be written. Nothing if none wait.
    waiting_since: AtomicMillis,
    blocked_since: AtomicMillis,
    blocked_until: AtomicMillis,
}

impl AtomicTimes {
    /// Creates the times of a connection that came at `accepted_at`.
    pub(crate) fn new(accepted_at: Timestamp) -> Self {
        Self {
            accepted_at,
            last_received: AtomicMillis::default(),
            last_sound_received: AtomicMillis::default(),
            last_sound_sent: AtomicMillis::default(),
            waiting_since: AtomicMillis::default(),
            blocked_since: AtomicMillis::default(),
            blocked_until: AtomicMillis::default(),
        }
    }

    /// Notes a frame of the caller.
    #[inline]
    pub(crate) fn received(&self, now: Timestamp, audio: Audio<'_>) {
        let millis = self.millis(now);
        self.last_received.store(millis);
        if has_sound(audio) {
            self.last_sound_received.store(millis);
        }
    }

    /// Notes a frame that was queued for sending.
    #[inline]
    pub(crate) fn sent(&self, now: Timestamp, audio: Audio<'_>) {
        if has_sound(audio) {
            self.last_sound_sent.store(self.millis(now));
        }
    }

    /// Notes whether bytes wait to be written. Call it before each step of the connection.
    #[inline]
    pub(crate) fn waiting(&self, now: Timestamp, unsent: usize) {
        if unsent == 0 {
            self.waiting_since.clear();
        } else {
            self.still_waiting(now);
        }
    }

    fn still_waiting(&self, now: Timestamp) {
        let now = self.millis(now);
        let since = self.waiting_since.load().unwrap_or(now);
        self.waiting_since.store(since);
        let (from, until) = (self.blocked_since.load(), self.blocked_until.load());
        // The times of another process can be wrong.
        let longest = until.unwrap_or(0).saturating_sub(from.unwrap_or(0));
        if now.saturating_sub(since) > longest {
            self.blocked_since.store(since);
            self.blocked_until.store(now);
        }
    }

    pub(crate) fn load(&self) -> CallTimes {
        let duration = |at: &AtomicMillis| at.load().map(|at| Duration::from_millis(at.into()));
        let blocked_since = duration(&self.blocked_since);
        let blocked_until = duration(&self.blocked_until).unwrap_or_default();
        CallTimes {
            last_received: duration(&self.last_received),
            last_sound_received: duration(&self.last_sound_received),
            last_sound_sent: duration(&self.last_sound_sent),
            blocked_since,
            blocked_for: blocked_until.saturating_sub(blocked_since.unwrap_or_default()),
            ..CallTimes::default()
        }
    }

    /// Returns the time at which the connection came.
    #[inline]
    pub(crate) fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }

    /// Returns the state that [`restore`](Self::restore) takes.
    #[cfg(all(feature = "handover", unix))]
    pub(crate) fn snapshot(&self) -> [u32; 6] {
        self.all().map(|at| at.0.load(Ordering::Relaxed))
    }

    /// Goes on with the times of another process.
    #[cfg(all(feature = "handover", unix))]
    pub(crate) fn restore(&self, times: &[u32; 6]) {
        for (at, time) in self.all().into_iter().zip(times) {
            at.0.store(*time, Ordering::Relaxed);
        }
    }

    #[cfg(all(feature = "handover", unix))]
    fn all(&self) -> [&AtomicMillis; 6] {
        [
            &self.last_received,
            &self.last_sound_received,
            &self.last_sound_sent,
            &self.waiting_since,
            &self.blocked_since,
            &self.blocked_until,
        ]
    }

    /// Returns the time since the connection came.
    pub(crate) fn since_accept(&self, at: Timestamp) -> Duration {
        at.saturating_since(self.accepted_at)
    }

    #[inline]
    fn millis(&self, now: Timestamp) -> u32 {
        let nanos = now.as_nanos().saturating_sub(self.accepted_at.as_nanos());
        u32::try_from(nanos / 1_000_000).unwrap_or(u32::MAX)
    }
}

/// Milliseconds plus one, and 0 for nothing. One thread writes. The range is 49 days.
#[derive(Debug, Default)]
struct AtomicMillis(AtomicU32);

impl AtomicMillis {
    #[inline]
    fn store(&self, millis: u32) {
        self.0.store(millis.saturating_add(1), Ordering::Relaxed);
    }

    #[inline]
    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn load(&self) -> Option<u32> {
        self.0.load(Ordering::Relaxed).checked_sub(1)
    }
}

/// Returns whether `audio` is more than silence.
///
/// A frame with sound is known by its first chunk, in some ten instructions. Only silence takes more: 20 ms at 8 kHz have
/// ten chunks, and no frame has more than [`MAX_CHUNKS`].
#[inline]
fn has_sound(audio: Audio<'_>) -> bool {
    let (samples, _odd) = audio.payload().as_chunks::<2>();
    let step = samples.len().div_ceil(CHUNK * MAX_CHUNKS).max(1);
    samples.chunks(CHUNK).step_by(step).any(|chunk| {
        let loudest = |loudest: u16, sample: &[u8; 2]| {
            loudest.max(i16::from_le_bytes(*sample).unsigned_abs())
        };
        chunk.iter().fold(0, loudest) > SILENCE
    })
}

#[cfg(test)]
mod tests {
    use audiosocket_proto::{AudioBuf, SampleRate};

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_nanos(5_000_000_000 + millis * 1_000_000)
    }

    fn times() -> AtomicTimes {
        AtomicTimes::new(at(0))
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn sounds(rate: SampleRate, samples: &[i16]) -> bool {
        has_sound(AudioBuf::from_samples(rate, samples).as_audio())
    }

    #[test]
    fn silence_is_up_to_16_and_sound_is_beyond() {
        for quiet in [0, -1, 8, -16, 16] {
            assert!(!sounds(SampleRate::Hz8000, &[quiet; 160]), "{quiet}");
        }
        for loud in [17, -17, i16::MIN, i16::MAX] {
            assert!(sounds(SampleRate::Hz8000, &[loud; 160]), "{loud}");
        }
        assert!(!sounds(SampleRate::Hz8000, &[]));
    }

    #[test]
    fn each_sample_of_20_ms_at_8_khz_is_compared() {
        for place in 0..160 {
            let mut samples = [0; 160];
            samples[place] = 1000;
            assert!(sounds(SampleRate::Hz8000, &samples), "sample {place}");
        }
    }

    #[test]
    fn a_sixteenth_of_wide_audio_is_enough() {
        // 20 ms at 192 kHz. The sound takes 1.3 ms.
        for start in (0..3840 - 256).step_by(7) {
            let mut samples = vec![0; 3840];
            samples[start..start + 256].fill(1000);
            assert!(sounds(SampleRate::Hz192000, &samples), "from {start}");
        }
    }

    #[test]
    fn the_last_frames_have_times() {
        let times = times();
        assert_eq!(times.load(), CallTimes::default());
        let sound = AudioBuf::from_samples(SampleRate::Hz8000, &[500; 160]);
        let silence = AudioBuf::from_samples(SampleRate::Hz8000, &[0; 160]);
        times.received(at(0), sound.as_audio());
        times.received(at(70), silence.as_audio());
        times.sent(at(40), sound.as_audio());
        times.sent(at(60), silence.as_audio());
        let loaded = times.load();
        assert_eq!(loaded.last_received, Some(millis(70)));
        assert_eq!(loaded.last_sound_received, Some(millis(0)));
        assert_eq!(loaded.last_sound_sent, Some(millis(40)));
    }

    #[test]
    fn the_longest_wait_of_unsent_bytes_is_kept() {
        let times = times();
        let steps = [(0, 0), (10, 323), (10, 0)];
        let waits = [(100, 323), (400, 3), (450, 0)];
        let longer = [(1000, 1), (1200, 646), (2500, 969), (2600, 0)];
        let shorter = [(3000, 5), (3600, 5), (3700, 0)];
        for (now, unsent) in [&steps[..], &waits, &longer, &shorter].concat() {
            times.waiting(at(now), unsent);
        }
        let loaded = times.load();
        assert_eq!(loaded.blocked_since, Some(millis(1000)));
        assert_eq!(loaded.blocked_for, millis(1500));
    }
}
