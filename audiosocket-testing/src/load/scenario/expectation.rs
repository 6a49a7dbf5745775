//! What a caller expects of the server.

use std::fmt;
use std::time::Duration;

/// A shorter pause is part of speech. It is longer than the pauses between words, and shorter than the time until a bot
/// answers.
pub(in crate::load) const SPEECH_PAUSE: Duration = Duration::from_millis(500);

/// What a caller expects of the server, in a step of a [`Scenario`](super::Scenario).
///
/// The times begin with the step. Audio is what a telephone plays of at least -50 dB of full scale: speech, music and tones.
/// All else is silence. So audio that the server sends ahead of its time counts when it is played. Pauses of less than 500 ms
/// are part of the audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    expected: Expected,
    within: Duration,
    lasting: Duration,
}

/// The kind of an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum Expected {
    Audio,
    /// A tone of this frequency in Hz.
    Tone(u32),
    Silence,
    Hangup,
}

impl Expectation {
    /// Audio that begins within this time. Audio that is played already begins with the step.
    #[must_use]
    pub fn audio(within: Duration) -> Self {
        Self::new(Expected::Audio, within, Duration::ZERO)
    }

    /// A tone that begins within this time. At least half of the power of each frame is at `hz`, with an accuracy of 22 Hz for
    /// frames of 20 ms.
    #[must_use]
    pub fn tone(hz: u32, within: Duration) -> Self {
        Self::new(Expected::Tone(hz), within, Duration::ZERO)
    }

    /// Silence that begins within this time and lasts 500 ms. If the server ends the call within this time, it is silent.
    #[must_use]
    pub fn silence(within: Duration) -> Self {
        Self::new(Expected::Silence, within, SPEECH_PAUSE)
    }

    /// No audio for this time.
    #[must_use]
    pub fn quiet(time: Duration) -> Self {
        Self::new(Expected::Silence, Duration::ZERO, time)
    }

    /// The end of the call by the server within this time.
    #[must_use]
    pub fn hangup(within: Duration) -> Self {
        Self::new(Expected::Hangup, within, Duration::ZERO)
    }

    /// Sets how long the audio, the tone or the silence has to last. It has no effect on a hangup.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = time;
        self
    }

    fn new(expected: Expected, within: Duration, lasting: Duration) -> Self {
        Self {
            expected,
            within,
            lasting,
        }
    }

    pub(in crate::load) fn expected(&self) -> Expected {
        self.expected
    }

    pub(in crate::load) fn within(&self) -> Duration {
        self.within
    }

    pub(in crate::load) fn lasts(&self) -> Duration {
        self.lasting
    }

    /// The longest time until it is met or fails.
    pub(super) fn longest(&self) -> Duration {
        let all = self.within.saturating_add(self.lasting);
        all.saturating_add(SPEECH_PAUSE)
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected {
            Expected::Audio => f.write_str("expect audio")?,
            Expected::Tone(hz) => write!(f, "expect a tone of {hz} Hz")?,
            Expected::Silence => f.write_str("expect silence")?,
            Expected::Hangup => f.write_str("expect a hangup")?,
        }
        if !self.within.is_zero() {
            write!(f, " within {:?}", self.within)?;
        }
        match (self.expected, self.lasting) {
            (Expected::Hangup, _) | (_, Duration::ZERO) => Ok(()),
            (_, time) if self.within.is_zero() => write!(f, " for {time:?}"),
            (_, time) => write!(f, ", for {time:?}"),
        }
    }
}
