use super::steady_level::SteadyLevel;
use super::voice::{Features, Spectrum, Voice};
use super::{BLOCK, BargeInOptions};
use crate::vad::SpeechDetector;

/// Sound exceeds the noise by this margin, in dB.
const MARGIN: f32 = 6.0;

/// From this tonality on, a block is a tone. No vowel has its power in two tones.
const TONE: f32 = 0.97;

/// Vowels can have this tonality, but they change more than a tone, in dB.
const STEADY_TONE: f32 = 0.9;
const STEADY_TONE_CHANGE: f32 = 1.5;

/// The spectrum of hum changes less, in dB.
const LEAST_CHANGE: f32 = 0.5;

/// Hum and the tones of a network repeat with this correlation. Vowels change more within 100 ms.
const REPETITION: f32 = 0.85;

/// A steady sound with a lower score is noise. A long vowel has a higher one.
const NOISE_SCORE: f32 = 0.3;

/// What a block of 10 ms is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judged {
    /// The block is louder than the noise and than the rest of an echo, and is no tone and no hum.
    pub(super) is_sound: bool,
    /// The sound of the last 250 ms is steady.
    pub(super) is_steady: bool,
    /// The score of the detector, or 0 if the block is no sound.
    pub(super) score: f32,
}

/// Judges the caller's audio without its echo, block by block.
#[derive(Debug)]
pub(super) struct Judge {
    /// It takes the place of the network.
    detector: Option<Box<dyn SpeechDetector>>,
    spectrum: Spectrum,
    voice: Voice,
    /// The level of the noise of the line, in dB of full scale.
    noise: f32,
    steady: SteadyLevel,
    latest: Judged,
}

impl Judge {
    pub(super) fn new(detector: Option<Box<dyn SpeechDetector>>) -> Self {
        Self {
            detector,
            spectrum: Spectrum::new(),
            voice: Voice::new(),
            noise: -70.0,
            steady: SteadyLevel::default(),
            latest: Judged::default(),
        }
    }

    /// Takes the audio of a block again, after an echo was found in it.
    pub(super) fn replace(&mut self, rest: &[f32; BLOCK], margin: f32) {
        let features = self.spectrum.push(rest);
        self.voice.push(&features, self.noise, margin);
    }

    /// Takes the next block. `margin` is the level relative to the echo that was subtracted, in dB.
    pub(super) fn push(
        &mut self,
        rest: &[f32; BLOCK],
        margin: f32,
        is_more_than_echo: bool,
        options: &BargeInOptions,
    ) -> Judged {
        let features = self.spectrum.push(rest);
        self.voice.push(&features, self.noise, margin);
        let level = features.level;
        let is_loud = level >= options.quietest && level >= self.noise + MARGIN;
        let is_sound = is_loud && is_more_than_echo && !is_tone(&features);
        let own = match &mut self.detector {
            Some(detector) => detector.score(&rest.map(|sample| (sample * 32_768.0) as i16)),
            None if is_sound => self.voice.score(),
            None => 0.0,
        };
        let score = if is_sound { own } else { 0.0 };
        self.learn_noise(level, score, features.repetition >= REPETITION);
        self.latest = Judged {
            is_sound,
            is_steady: self.steady.noise().is_some(),
            score,
        };
        self.latest
    }

    fn learn_noise(&mut self, level: f32, score: f32, repeats: bool) {
        self.steady.push(level);
        match self.steady.noise() {
            Some(noise) if score < NOISE_SCORE => self.noise = noise,
            _ if repeats => self.noise = self.noise.max(level),
            _ if level < self.noise => self.noise += (level - self.noise) * 0.1,
            _ => self.noise = level.min(self.noise + 0.03),
        }
    }

    /// The score of the latest block, if it is sound.
    pub(super) fn sound_score(&self) -> Option<f32> {
        self.latest.is_sound.then_some(self.latest.score)
    }

    /// What the network gets of the latest block.
    pub(super) const fn features(&self) -> &[f32] {
        self.voice.latest()
    }
}

fn is_tone(features: &Features) -> bool {
    features.tonality >= TONE
        || (features.tonality > STEADY_TONE && features.change < STEADY_TONE_CHANGE)
        || features.change <= LEAST_CHANGE
        || features.repetition >= REPETITION
}
