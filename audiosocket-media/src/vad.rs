//! Detect when a caller speaks. You need this module for barge-in, and to find the end of an utterance.
//!
//! The two detectors return the same events and take the same [`Timing`]:
//!
//! - [`EnergyVad`] compares the loudness with the noise of the line. Its cost is very low, and it works at every rate.
//!   Everything that is loud is speech for it: music on hold, a door, and the echo of the prompt if the network returns
//!   one.
#![cfg_attr(
    feature = "earshot",
    doc = "- [`SpeechVad`] uses the small neural network of the crate `earshot`. It ignores most noise and music."
)]
#![cfg_attr(
    not(feature = "earshot"),
    doc = "- `SpeechVad`, with the feature `earshot`, uses the small neural network of the crate `earshot`. \
           It ignores most noise and music."
)]
//!
//! `earshot` is pure Rust without dependencies, is maintained (2026), and has the licenses of this workspace. The
//! alternatives have disadvantages: `webrtc-vad` is C, is older, and takes much more noise for speech.
//! `voice_activity_detector` (Silero) downloads the ONNX runtime during the build.

mod energy;
#[cfg(feature = "earshot")]
mod speech;

use std::fmt;
use std::time::Duration;

use crate::SampleRate;

pub use energy::{EnergyOptions, EnergyVad};
#[cfg(feature = "earshot")]
pub use speech::{SpeechOptions, SpeechVad};

/// Gives audio a score: how likely it is speech. [`BargeIn`](crate::barge_in::BargeIn) pushes each block of a call.
///
/// Implement this trait for a detector of your own, such as another neural network. A detector that needs longer pieces
/// keeps the audio, and returns the score of the piece before.
pub trait SpeechDetector: fmt::Debug + Send {
    /// Takes the next samples, and returns the score of the latest audio, from 0 to 1. `BargeIn` pushes 10 ms at 8 kHz,
    /// from which the echo of the played audio is subtracted.
    fn score(&mut self, samples: &[i16]) -> f32;
}

/// An event of a detector: the caller started or stopped to speak.
///
/// Positions are in samples. The first sample that was pushed has the position 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VadEvent {
    /// Speech started. The detector returns the event [`Timing::attack`] after the start.
    #[non_exhaustive]
    SpeechStarted {
        /// The position of the first sample of speech.
        at: u64,
    },
    /// Speech ended. The detector returns the event [`Timing::hang_over`] after the end.
    #[non_exhaustive]
    SpeechEnded {
        /// The position of the first sample after speech.
        at: u64,
    },
}

/// How long speech and silence must last before a detector reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// How long speech must last before a detector reports it. Short pauses inside are subtracted. The default is 60 ms. A
    /// longer time ignores more clicks and coughs, and interrupts prompts later.
    pub attack: Duration,
    /// How long silence must last before a detector reports the end of speech. The default is 400 ms. With a shorter time,
    /// a bot answers sooner, and more pauses between words end the speech.
    pub hang_over: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            attack: Duration::from_millis(60),
            hang_over: Duration::from_millis(400),
        }
    }
}

impl Timing {
    /// Sets [`attack`](Self::attack).
    #[must_use]
    pub const fn attack(mut self, attack: Duration) -> Self {
        self.attack = attack;
        self
    }

    /// Sets [`hang_over`](Self::hang_over).
    #[must_use]
    pub const fn hang_over(mut self, hang_over: Duration) -> Self {
        self.hang_over = hang_over;
        self
    }
}

/// Converts the decision for each window into starts and ends of speech.
///
/// ```text
///            active minus inactive windows reach the attack
///   silence ----------------------------------------------------> speech
///           <----------------------------------------------------
///            inactive windows in a row reach the hang-over
/// ```
///
/// Positions are in windows.
#[derive(Clone, Debug)]
struct Hysteresis {
    /// In windows, at least 1 each.
    attack: u64,
    hang_over: u64,
    /// The number of windows so far.
    now: u64,
    speaking: bool,
    /// In silence: the number of active windows minus the number of inactive windows. In speech: the number of inactive
    /// windows in a row.
    evidence: u64,
    /// In silence: the window in which the evidence started. In speech: the end of the last active window.
    since: u64,
}

/// A start or end of speech, at a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Started(u64),
    Ended(u64),
}

impl Change {
    /// Returns the event. `position(n)` is the first sample of window `n`.
    fn at(self, position: impl Fn(u64) -> u64) -> VadEvent {
        match self {
            Self::Started(window) => VadEvent::SpeechStarted {
                at: position(window),
            },
            Self::Ended(window) => VadEvent::SpeechEnded {
                at: position(window),
            },
        }
    }
}

impl Hysteresis {
    /// Makes a state for windows of `len` samples at `rate`.
    fn new(timing: Timing, rate: SampleRate, len: u64) -> Self {
        let windows = |duration| rate.samples_in(duration).div_ceil(len).max(1);
        Self {
            attack: windows(timing.attack),
            hang_over: windows(timing.hang_over),
            now: 0,
            speaking: false,
            evidence: 0,
            since: 0,
        }
    }

    /// Adds the next window. The detector decides whether the window is active. Its threshold should be higher in silence
    /// than in speech.
    fn next(&mut self, active: bool) -> Option<Change> {
        let window = self.now;
        self.now += 1;
        if self.speaking {
            if active {
                self.evidence = 0;
                self.since = self.now;
                return None;
            }
            self.evidence += 1;
            return (self.evidence == self.hang_over)
                .then(|| self.apply(Change::Ended(self.since)));
        }
        if !active {
            self.evidence = self.evidence.saturating_sub(1);
            return None;
        }
        if self.evidence == 0 {
            self.since = window;
        }
        self.evidence += 1;
        (self.evidence == self.attack).then(|| {
            let since = std::mem::replace(&mut self.since, self.now);
            self.apply(Change::Started(since))
        })
    }

    fn apply(&mut self, change: Change) -> Change {
        self.speaking = !self.speaking;
        self.evidence = 0;
        change
    }
}
