use core::time::Duration;

use crate::{AudioBuf, Ptime, SampleRate, Timestamp};

/// How long after the end of audio that was sent by other means silence begins. Such a call is paced
/// by the sender, often by the caller's own frames, which come with jitter. Silence that began at
/// once would be inserted again and again.
const SILENCE_AFTER_SENDING: Duration = Duration::from_millis(200);

static SILENCE: [u8; Ptime::MAX.frame_len(SampleRate::Hz192000)] =
    [0; Ptime::MAX.frame_len(SampleRate::Hz192000)];

/// A frame of silence.
pub(super) fn frame(ptime: Ptime, rate: SampleRate) -> AudioBuf {
    AudioBuf::new(rate, &SILENCE[..ptime.frame_len(rate)])
}

/// When silence begins after audio of length `duration` was sent at `now`, if it would have begun at
/// `before` without that: 200 ms after the end of all that was sent.
#[must_use]
#[inline]
pub fn silence_after(before: Timestamp, now: Timestamp, duration: Duration) -> Timestamp {
    before.max(now + SILENCE_AFTER_SENDING) + duration
}
