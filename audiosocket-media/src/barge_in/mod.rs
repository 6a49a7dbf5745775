//! Decide when a caller interrupts a bot (barge-in).
//!
//! Much that is loud on a telephone line is no speech: doors, coughs, noise, tones, and the bot's own voice, which phones
//! and gateways return as an echo. [`BargeIn`] takes the caller's audio and the audio that was played, and returns what
//! happened:
//!
//! ```
//! use audiosocket_media::SampleRate;
//! use audiosocket_media::barge_in::{BargeIn, BargeInEvent, BargeInOptions, PlayedAudio};
//! use audiosocket_proto::AudioBuf;
//! use std::time::{Duration, Instant};
//!
//! let mut barge_in = BargeIn::new(BargeInOptions::default().protect(Duration::from_secs(2)));
//! let (mut playing, mut events) = (PlayedAudio::new(), Vec::new());
//! playing.queue(AudioBuf::from_samples(SampleRate::Hz8000, &[0; 8_000])); // and `call.try_play`
//!
//! // For each frame of the caller. `depth` is `call.stats().playout.depth`.
//! let mut on_audio = |samples: &[i16], depth: Duration| {
//!     let now = Instant::now();
//!     for left in playing.left(depth) {
//!         barge_in.played(left.as_audio(), now);
//!     }
//!     barge_in.push(SampleRate::Hz8000, samples, now, &mut events);
//!     for event in events.drain(..) {
//!         if event == BargeInEvent::Interrupted {
//!             // `call.clear()`, and `barge_in.pre_roll()` goes to the recogniser.
//!         }
//!     }
//! };
//! on_audio(&[0; 160], Duration::from_millis(980));
//! ```
//!
//! # How it decides
//!
//! 1. The echo guard searches the caller's audio for what was played up to 660 ms before, and subtracts it.
//! 2. A [`SpeechDetector`] gives the rest a score. With the feature `earshot` it is a neural network, and else the energy.
//! 3. Tones, hum and steady noise do not count: their spectrum or level does not change.
//! 4. After [`BargeInOptions::least_speech`], it is speech.
//!
//! The guide has the figures: how often each decision is right, beside those of a detector alone.

mod audio_clock;
mod canceller;
mod delay;
mod echo;
mod event;
mod history;
mod options;
mod played_audio;
mod pre_roll;
mod resampled_stream;
mod spectrum;
mod steady_level;
mod transform;

use std::time::{Duration, Instant};

use audiosocket_proto::Audio;

use crate::SampleRate;
use crate::vad::SpeechDetector;
use audio_clock::AudioClock;
use echo::EchoGuard;
use pre_roll::PreRoll;
use resampled_stream::ResampledStream;
use spectrum::{Features, Spectrum};
use steady_level::SteadyLevel;

pub use event::BargeInEvent;
pub use options::{BargeInOptions, Interrupters};
pub use played_audio::PlayedAudio;

/// The rate at which everything is decided.
const RATE: SampleRate = SampleRate::Hz8000;

/// The samples of a block: 10 ms.
const BLOCK: usize = 80;
const BLOCK_TIME: Duration = Duration::from_millis(10);

/// Speech exceeds the noise by this margin, in dB.
const MARGIN: f32 = 6.0;

/// From this tonality on, a block is a tone. No vowel has its power in two tones.
const TONE: f32 = 0.97;

/// Vowels can have this tonality, but they change more than a tone, in dB.
const STEADY_TONE: f32 = 0.9;
const STEADY_TONE_CHANGE: f32 = 1.5;

/// The spectrum of hum changes less, in dB.
const LEAST_CHANGE: f32 = 0.5;

/// The evidence of a block whose score is at least the threshold. A neural network has such scores about 100 ms after the
/// start of speech.
const CERTAIN: u32 = 3;

/// The blocks of sound in which a search finds an echo.
const SEARCHABLE: u32 = 13;

/// The voicing of vowels, and the voicing that is evidence although the score is still low.
const VOICED: f32 = 0.5;
const CLEARLY_VOICED: f32 = 0.7;

/// Speech has voiced blocks: two of them. Noise, doors and breath have none.
const LEAST_VOICED: u32 = 4;

/// Decides whether a caller interrupts the bot. See the [module](self).
///
/// It has no clock and no thread. A call needs one, and about 80 kB of memory. See the [table](crate#what-it-costs) for the
/// CPU time.
#[derive(Debug)]
pub struct BargeIn {
    options: BargeInOptions,
    detector: Box<dyn SpeechDetector>,
    clock: AudioClock,
    played: ResampledStream,
    played_samples: u64,
    caller: ResampledStream,
    echo: EchoGuard,
    spectrum: Spectrum,
    pre_roll: PreRoll,
    state: SpeechState,
    /// The number of blocks so far.
    blocks: u32,
    /// The level of the noise of the line, in dB of full scale.
    noise: f32,
    steady: SteadyLevel,
    /// Two for each block with a voice, minus one for each block without evidence.
    voiced: u32,
}

#[derive(Debug, Clone, Copy)]
enum SpeechState {
    Quiet {
        /// The evidence of the blocks with speech, minus the number of the others.
        evidence: u32,
        /// The block at which the evidence started.
        since: u32,
        suspected: bool,
    },
    Speaking {
        interrupted: bool,
        start: u32,
        /// The block after the last one with speech.
        end: u32,
    },
}

const QUIET: SpeechState = SpeechState::Quiet {
    evidence: 0,
    since: 0,
    suspected: false,
};

impl BargeIn {
    /// Makes a decider for one call, with the detector of the features: `SpeechVad` with
    /// `earshot`, and else [`EnergyVad`](crate::vad::EnergyVad).
    #[must_use]
    pub fn new(options: BargeInOptions) -> Self {
        #[cfg(feature = "earshot")]
        let detector = crate::vad::SpeechVad::new(RATE, crate::vad::SpeechOptions::default());
        #[cfg(not(feature = "earshot"))]
        let detector = crate::vad::EnergyVad::new(RATE, crate::vad::EnergyOptions::default());
        Self::with_detector(options, detector)
    }

    /// Makes a decider for one call, with a detector for audio at 8 kHz.
    #[must_use]
    pub fn with_detector(options: BargeInOptions, detector: impl SpeechDetector + 'static) -> Self {
        Self {
            options,
            detector: Box::new(detector),
            clock: AudioClock::default(),
            played: ResampledStream::new(),
            played_samples: 0,
            caller: ResampledStream::new(),
            echo: EchoGuard::new(),
            spectrum: Spectrum::new(),
            pre_roll: PreRoll::default(),
            state: QUIET,
            blocks: 0,
            noise: -70.0,
            steady: SteadyLevel::default(),
            voiced: 0,
        }
    }

    /// Takes audio that had left at `at`, for the echo guard and for [`BargeInOptions::protect`]. Push audio that leaves
    /// between two frames of the caller before the second frame. [`PlayedAudio`] returns it. Gaps are silence.
    pub fn played(&mut self, audio: Audio<'_>, at: Instant) {
        let samples: Vec<i16> = audio.samples().collect();
        self.played.push(audio.rate(), &samples);
        self.played_samples += self.played.waiting.len() as u64;
        let (len, end) = (self.played.waiting.len() as i64, self.echo.played_end());
        let start = self.clock.played(at, len, end);
        if start != end {
            self.echo.jump(start);
        }
        self.echo.played(&self.played.waiting);
        self.played.waiting.clear();
    }

    /// Takes the caller's next audio, which came at `at`, and appends what happened to `events`. The rate may change.
    pub fn push(
        &mut self,
        rate: SampleRate,
        samples: &[i16],
        at: Instant,
        events: &mut Vec<BargeInEvent>,
    ) {
        self.pre_roll.push(rate, samples);
        let before = self.caller.waiting.len();
        self.caller.push(rate, samples);
        let waiting = std::mem::take(&mut self.caller.waiting);
        let end = self.echo.caller_end() + before as i64;
        let start = self.clock.came(at, (waiting.len() - before) as i64, end);
        if start != end {
            self.echo.jump_caller(start - before as i64);
        }
        let (blocks, rest) = waiting.as_chunks::<BLOCK>();
        for block in blocks {
            self.block(block, events);
        }
        let done = waiting.len() - rest.len();
        self.caller.waiting = waiting;
        self.caller.waiting.drain(..done);
    }

    fn block(&mut self, block: &[i16; BLOCK], events: &mut Vec<BargeInEvent>) {
        let rest = self
            .echo
            .next(&block.map(|sample| f32::from(sample) / 32_768.0));
        let features = self.spectrum.push(&rest);
        let score = self
            .detector
            .score(&rest.map(|sample| (sample * 32_768.0) as i16));
        let points = self.points(&features, score);
        self.blocks += 1;
        if points == 0 {
            self.voiced = self.voiced.saturating_sub(1);
        } else if features.voicing > VOICED {
            self.voiced += 2;
        }
        self.decide(points, events);
    }

    /// Returns what a block counts as evidence of speech.
    fn points(&mut self, features: &Features, score: f32) -> u32 {
        let options = &self.options;
        let level = features.level;
        let is_loud = level >= options.quietest && level >= self.noise + MARGIN;
        self.steady.push(level);
        if let Some(noise) = self.steady.noise() {
            self.noise = noise;
        } else if level < self.noise {
            self.noise += (level - self.noise) * 0.1;
        } else {
            self.noise = level.min(self.noise + 0.03);
        }
        let is_tone = features.tonality >= TONE
            || (features.tonality > STEADY_TONE && features.change < STEADY_TONE_CHANGE);
        let is_sound =
            is_loud && !is_tone && features.change > LEAST_CHANGE && self.echo.is_more_than_echo();
        if !is_sound {
            0
        } else if score >= options.threshold {
            CERTAIN
        } else if score >= options.threshold / 3.0 && features.voicing >= CLEARLY_VOICED {
            1
        } else {
            0
        }
    }

    fn decide(&mut self, points: u32, events: &mut Vec<BargeInEvent>) {
        let block = self.blocks - 1;
        let active = points > 0;
        match &mut self.state {
            SpeechState::Speaking {
                interrupted, end, ..
            } => {
                if active {
                    *end = block + 1;
                }
                let (interrupted, end) = (*interrupted, *end);
                if !interrupted && self.speech_may_interrupt() {
                    self.interrupt(events);
                }
                let hang_over = blocks_in(self.options.hang_over);
                if block + 1 - end >= hang_over {
                    self.state = QUIET;
                    events.push(BargeInEvent::SpeechEnded {
                        at: BLOCK_TIME * end,
                    });
                }
            }
            SpeechState::Quiet {
                evidence, since, ..
            } => {
                if !active {
                    *evidence = evidence.saturating_sub(1);
                    if *evidence == 0 {
                        self.dismiss(events);
                    }
                    return;
                }
                if *evidence == 0 {
                    *since = block;
                }
                *evidence += points;
                let (evidence, since) = (*evidence, *since);
                // A search needs some of the echo, if its delay is not known yet.
                let may_be_echo = self.echo.is_unknown() && block + 1 - since < SEARCHABLE;
                let decides = evidence >= blocks_in(self.options.least_speech)
                    && self.voiced >= LEAST_VOICED
                    && !may_be_echo;
                if self.echo.finds_echo(decides) {
                    self.dismiss(events);
                    return;
                }
                let may_interrupt = self.speech_may_interrupt();
                if let SpeechState::Quiet { suspected, .. } = &mut self.state
                    && !*suspected
                    && evidence >= 3
                    && may_interrupt
                {
                    *suspected = true;
                    events.push(BargeInEvent::Suspected);
                }
                if decides {
                    self.state = SpeechState::Speaking {
                        interrupted: false,
                        start: since,
                        end: block + 1,
                    };
                    events.push(BargeInEvent::SpeechStarted {
                        at: BLOCK_TIME * since,
                    });
                    if may_interrupt {
                        self.interrupt(events);
                    }
                }
            }
        }
    }

    fn dismiss(&mut self, events: &mut Vec<BargeInEvent>) {
        if let SpeechState::Quiet {
            suspected: true, ..
        } = self.state
        {
            events.push(BargeInEvent::Dismissed);
        }
        self.state = QUIET;
    }

    fn interrupt(&mut self, events: &mut Vec<BargeInEvent>) {
        if let SpeechState::Speaking { interrupted, .. } = &mut self.state {
            *interrupted = true;
        }
        events.push(BargeInEvent::Interrupted);
    }

    /// Returns whether a key that comes now interrupts.
    #[must_use]
    pub fn key_interrupts(&self) -> bool {
        self.options.interrupters.keys() && !self.is_protected()
    }

    /// Returns the caller's audio from [`BargeInOptions::pre_roll`] before the start of speech up to now, at the caller's
    /// rate. Give it to a recogniser at [`BargeInEvent::SpeechStarted`], so that it gets the first syllable. Without
    /// speech, it is the latest audio of this length. At most 3 s are kept.
    #[must_use]
    pub fn pre_roll(&self) -> Vec<i16> {
        let since = match self.state {
            SpeechState::Quiet {
                evidence: 1..,
                since,
                ..
            } => since,
            SpeechState::Speaking { start, .. } => start,
            SpeechState::Quiet { .. } => self.blocks,
        };
        let duration = BLOCK_TIME * (self.blocks - since) + self.options.pre_roll;
        self.pre_roll.last(duration)
    }

    fn is_protected(&self) -> bool {
        RATE.duration_of(self.played_samples) < self.options.protect
    }

    fn speech_may_interrupt(&self) -> bool {
        self.options.interrupters.speech() && !self.is_protected()
    }
}

fn blocks_in(duration: Duration) -> u32 {
    (RATE.samples_in(duration).div_ceil(BLOCK as u64) as u32).max(1)
}
