use std::time::Duration;

/// What may interrupt the bot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interrupters {
    /// Nothing. Speech is still reported.
    Nothing,
    /// Keys.
    Keys,
    /// Speech.
    Speech,
    /// Keys and speech.
    #[default]
    Any,
}

impl Interrupters {
    /// Returns whether speech may interrupt.
    #[must_use]
    pub const fn speech(self) -> bool {
        matches!(self, Self::Speech | Self::Any)
    }

    /// Returns whether keys may interrupt.
    #[must_use]
    pub const fn keys(self) -> bool {
        matches!(self, Self::Keys | Self::Any)
    }
}

/// Options of [`BargeIn`](super::BargeIn): what interrupts, when, and what counts as speech.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BargeInOptions {
    /// What may interrupt. The default is [`Interrupters::Any`].
    pub interrupters: Interrupters,
    /// Nothing interrupts until this much audio was played on the call. The default is 0. Speech that goes on at the end
    /// of this time interrupts then.
    pub protect: Duration,
    /// How long the score must reach the threshold, in steps of 10 ms. The default is 50 ms. Time below the threshold is
    /// subtracted. The network takes about 100 ms more, because a score is for the last 240 ms. With less, more coughs
    /// interrupt.
    pub least_speech: Duration,
    /// How long silence must last before the end of speech is reported. The default is 500 ms.
    pub hang_over: Duration,
    /// Audio below this level is never speech, in dB of full scale. The default is -60 dB.
    pub quietest: f32,
    /// The score of the network, or of the detector, from which audio is speech, from 0 to 1. The default is 0.9.
    pub threshold: f32,
    /// How much audio before the start of speech [`BargeIn::pre_roll`](super::BargeIn::pre_roll) returns. The default is
    /// 250 ms. The audio from there up to now is at most 3 s, so use 2 s at most.
    pub pre_roll: Duration,
}

impl Default for BargeInOptions {
    fn default() -> Self {
        Self {
            interrupters: Interrupters::Any,
            protect: Duration::ZERO,
            least_speech: Duration::from_millis(50),
            hang_over: Duration::from_millis(500),
            quietest: -60.0,
            threshold: 0.9,
            pre_roll: Duration::from_millis(250),
        }
    }
}

impl BargeInOptions {
    /// Sets [`interrupters`](Self::interrupters).
    #[must_use]
    pub const fn interrupters(mut self, interrupters: Interrupters) -> Self {
        self.interrupters = interrupters;
        self
    }

    /// Sets [`protect`](Self::protect).
    #[must_use]
    pub const fn protect(mut self, protect: Duration) -> Self {
        self.protect = protect;
        self
    }

    /// Sets [`least_speech`](Self::least_speech).
    #[must_use]
    pub const fn least_speech(mut self, least_speech: Duration) -> Self {
        self.least_speech = least_speech;
        self
    }

    /// Sets [`hang_over`](Self::hang_over).
    #[must_use]
    pub const fn hang_over(mut self, hang_over: Duration) -> Self {
        self.hang_over = hang_over;
        self
    }

    /// Sets [`quietest`](Self::quietest).
    #[must_use]
    pub const fn quietest(mut self, quietest: f32) -> Self {
        self.quietest = quietest;
        self
    }

    /// Sets [`threshold`](Self::threshold).
    #[must_use]
    pub const fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets [`pre_roll`](Self::pre_roll).
    #[must_use]
    pub const fn pre_roll(mut self, pre_roll: Duration) -> Self {
        self.pre_roll = pre_roll;
        self
    }
}
