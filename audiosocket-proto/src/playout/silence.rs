use core::time::Duration;

use crate::{AudioBuf, Ptime, SampleRate, Timestamp};

/// The time between the end of sent audio and the beginning of silence. An echo sends at the pace of the caller's
/// frames, which have jitter. Without this delay, silence would come between its frames.
const SILENCE_AFTER_SENDING: Duration = Duration::from_millis(200);

static SILENCE: [u8; Ptime::MAX.frame_len(SampleRate::Hz192000)] =
    [0; Ptime::MAX.frame_len(SampleRate::Hz192000)];

/// Returns a frame of silence.
pub(super) fn frame(ptime: Ptime, rate: SampleRate) -> AudioBuf {
    AudioBuf::new(rate, &SILENCE[..ptime.frame_len(rate)])
}

/// Returns when silence begins after audio of `duration` was sent at `now`: 200 ms after the end of all sent
/// audio. `before` is the result for the audio that was sent earlier.
#[must_use]
#[inline]
pub fn silence_after(before: Timestamp, now: Timestamp, duration: Duration) -> Timestamp {
    before.max(now + SILENCE_AFTER_SENDING) + duration
}
