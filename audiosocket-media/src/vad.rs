//! When a caller speaks: for barge-in, and for the end of an utterance.
//!
//! Two detectors with the same events and the same [`Timing`]:
//!
//! - [`EnergyVad`] goes by how loud it is above the noise. It costs next to nothing, works at every
//!   rate, and takes everything that is loud for speech: music on hold, a door, and the echo of the
//!   prompt if the network returns one.
#![cfg_attr(
    feature = "earshot",
    doc = "- [`SpeechVad`] goes by what it sounds like, with the small neural network of the crate `earshot`."
)]
#![cfg_attr(
    not(feature = "earshot"),
    doc = "- `SpeechVad`, with the feature `earshot`, goes by what it sounds like, with the small neural network \
           of the crate of that name."
)]
//!
//! `earshot` was chosen among what there is: it is Rust alone without dependencies, of 2026, under
//! the licences of this workspace. `webrtc-vad` is C, older, and far weaker at telling noise from
//! speech; `voice_activity_detector` (Silero) is better known and brings the ONNX runtime, which is
//! downloaded when it is built.

mod energy;
#[cfg(feature = "earshot")]
mod speech;

use std::time::Duration;

use crate::SampleRate;

pub use energy::{EnergyOptions, EnergyVad};
#[cfg(feature = "earshot")]
pub use speech::{SpeechOptions, SpeechVad};

/// The caller began to speak, or stopped. Positions are in samples from the first that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VadEvent {
    /// Speech began `at` this sample; said [`Timing::attack`] later.
    #[non_exhaustive]
    SpeechStarted {
        /// The first sample of speech.
        at: u64,
    },
    /// Speech ended `at` this sample; said [`Timing::hang_over`] later.
    #[non_exhaustive]
    SpeechEnded {
        /// The first sample after speech.
        at: u64,
    },
}

/// How long something must last to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// How much there must be of speech before it counts, pauses between subtracted: 60 ms unless
    /// set. Longer is deaf to more clicks and coughs, and cuts prompts off later.
    pub attack: Duration,
    /// How long speech must be absent before it counts as ended: 400 ms unless set. Shorter
    /// answers sooner, and takes more pauses between words for the end.
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
    /// With another [`attack`](Self::attack).
    #[must_use]
    pub const fn attack(mut self, attack: Duration) -> Self {
        self.attack = attack;
        self
    }

    /// With another [`hang_over`](Self::hang_over).
    #[must_use]
    pub const fn hang_over(mut self, hang_over: Duration) -> Self {
        self.hang_over = hang_over;
        self
    }
}

/// From what each window seemed to be to what is believed.
///
/// ```text
///            active windows less inactive ones reach the attack
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
    /// Windows seen.
    now: u64,
    speaking: bool,
    /// In silence active windows less inactive ones, in speech inactive ones in a row.
    evidence: u64,
    /// In silence where the evidence began, in speech where the last active window ended.
    since: u64,
}

/// What a [`Hysteresis`] came to believe, in windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Started(u64),
    Ended(u64),
}

impl Turn {
    /// As an event, if window `n` begins at sample `position(n)`.
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
    /// For windows of `len` samples at `rate`.
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

    /// Takes the next window. What is active is for the caller to say, who should want more of it
    /// in silence than in speech.
    fn next(&mut self, active: bool) -> Option<Turn> {
        let window = self.now;
        self.now += 1;
        if self.speaking {
            if active {
                self.evidence = 0;
                self.since = self.now;
                return None;
            }
            self.evidence += 1;
            return (self.evidence == self.hang_over).then(|| self.turn(Turn::Ended(self.since)));
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
            self.turn(Turn::Started(since))
        })
    }

    fn turn(&mut self, turn: Turn) -> Turn {
        self.speaking = !self.speaking;
        self.evidence = 0;
        turn
    }
}
