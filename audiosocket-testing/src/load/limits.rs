//! Limits that received audio must keep.

use std::time::Duration;

/// Limits of the received audio, in [`LoadTest::limits`](super::LoadTest::limits). `None` is no limit.
///
/// This machine can be late to read audio, and to send the audio whose echo is expected. Each limit is raised by its own
/// delay: the maximum of [`self_latency_us`](super::Report::self_latency_us), and for echoes the lateness of the latest sent
/// frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a caller sets the fields, and a new limit is a breaking change"
)]
pub struct AudioLimits {
    /// The longest delay of a frame after the one before it.
    pub lateness: Option<Duration>,
    /// The longest time between the arrival of a frame and its due time after the first one.
    pub drift: Option<Duration>,
    /// The most audio in frames that come less than 5 ms after each other.
    pub burst: Option<Duration>,
    /// The longest pause without audio to play. A pause of 60 ms or less counts as none.
    pub gap: Option<Duration>,
    /// The longest time from a frame to its echo.
    pub latency: Option<Duration>,
}

impl AudioLimits {
    /// Returns the limits that a telephone with a jitter buffer of 60 ms needs.
    pub const TELEPHONE: Self = Self {
        lateness: Some(Duration::from_millis(60)),
        drift: Some(Duration::from_millis(60)),
        burst: Some(Duration::from_millis(80)),
        gap: Some(Duration::from_millis(60)),
        latency: Some(Duration::from_millis(150)),
    };
}
