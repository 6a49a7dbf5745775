use std::time::Duration;

/// What [`BargeIn`](super::BargeIn) found. Times are the duration of the caller's audio from the first sample that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BargeInEvent {
    /// The caller may have started to speak: 30 ms of sound came. A bot pauses or lowers its voice now. Comes only if speech
    /// may interrupt. [`Interrupted`](Self::Interrupted) or [`Dismissed`](Self::Dismissed) follows.
    Suspected,
    /// It was no speech: for 350 ms there was no sound, for 550 ms no score was a sign of speech, or there was no evidence
    /// 850 ms after [`Suspected`](Self::Suspected). It comes earlier for an echo and for steady noise. A bot that has paused
    /// plays on. The sound can go on, and can be speech later.
    Dismissed,
    /// The caller speaks.
    #[non_exhaustive]
    SpeechStarted {
        /// The start of the speech.
        at: Duration,
    },
    /// Speech interrupts the bot: clear the playout. Comes with [`SpeechStarted`](Self::SpeechStarted), or later if the
    /// [protected time](super::BargeInOptions::protect) ends while the caller speaks.
    Interrupted,
    /// The caller stopped speaking.
    #[non_exhaustive]
    SpeechEnded {
        /// The end of the speech.
        at: Duration,
    },
}
