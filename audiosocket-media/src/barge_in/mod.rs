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
//! 2. Sound is what is louder than the noise and than the rest of the echo. Tones, hum and steady noise do not count: their
//!    spectrum or level does not change. After 30 ms of sound, [`BargeInEvent::Suspected`] comes.
//! 3. A small neural network gives the sound of the last 240 ms a score. A [`SpeechDetector`] can take its place.
//! 4. After [`BargeInOptions::least_speech`] with a high score, it is speech. [`BargeInEvent::Dismissed`] comes after
//!    350 ms of silence, after 550 ms without a sign of speech, or 850 ms after the suspicion if no high score counts any more.
//!
//! The guide has the figures: how often each decision is right, beside those of a detector alone.

mod audio_clock;
mod echo;
mod event;
mod judge;
mod options;
mod played_audio;
mod pre_roll;
mod resampled_stream;
mod sound;
mod steady_level;
mod transform;
mod voice;

use std::time::{Duration, Instant};

use audiosocket_proto::Audio;

use crate::SampleRate;
use crate::vad::SpeechDetector;
use audio_clock::AudioClock;
use echo::EchoGuard;
use judge::{Judge, Judged};
use pre_roll::PreRoll;
use resampled_stream::ResampledStream;
use sound::Sound;

pub use event::BargeInEvent;
pub use options::{BargeInOptions, Interrupters};
pub use played_audio::PlayedAudio;

/// The rate at which everything is decided.
const RATE: SampleRate = SampleRate::Hz8000;

/// The samples of a block: 10 ms.
const BLOCK: usize = 80;
const BLOCK_TIME: Duration = Duration::from_millis(10);

/// The blocks of sound in which a search finds an echo.
const SEARCHABLE: u32 = 13;

/// Speech starts at most this number of blocks before the decision.
const LONGEST_START: u32 = 50;

/// Decides whether a caller interrupts the bot. See the [module](self).
///
/// It has no clock and no thread. A call needs one, and about 80 kB of memory. See the [table](crate#what-it-costs) for the
/// CPU time.
#[derive(Debug)]
pub struct BargeIn {
    options: BargeInOptions,
    clock: AudioClock,
    played: ResampledStream,
    played_samples: u64,
    caller: ResampledStream,
    echo: EchoGuard,
    judge: Judge,
    pre_roll: PreRoll,
    state: SpeechState,
    /// The number of blocks so far.
    blocks: u32,
}

#[derive(Debug, Clone, Copy)]
enum SpeechState {
    Quiet,
    Sound(Sound),
    Speaking {
        interrupted: bool,
        start: u32,
        /// The block after the last one with speech.
        end: u32,
    },
}

impl BargeIn {
    /// Makes a decider for one call, with the neural network.
    #[must_use]
    pub fn new(options: BargeInOptions) -> Self {
        Self::with_judge(options, Judge::new(None))
    }

    /// Makes a decider for one call, with a detector for audio at 8 kHz in place of the network.
    #[must_use]
    pub fn with_detector(options: BargeInOptions, detector: impl SpeechDetector + 'static) -> Self {
        Self::with_judge(options, Judge::new(Some(Box::new(detector))))
    }

    fn with_judge(options: BargeInOptions, judge: Judge) -> Self {
        Self {
            options,
            clock: AudioClock::default(),
            played: ResampledStream::new(),
            played_samples: 0,
            caller: ResampledStream::new(),
            echo: EchoGuard::new(),
            judge,
            pre_roll: PreRoll::default(),
            state: SpeechState::Quiet,
            blocks: 0,
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
        let (margin, is_more) = (self.echo.margin(), self.echo.is_more_than_echo());
        let judged = self.judge.push(&rest, margin, is_more, &self.options);
        self.blocks += 1;
        match self.state {
            SpeechState::Speaking {
                interrupted,
                start,
                end,
            } => self.speaking(judged, interrupted, start, end, events),
            SpeechState::Sound(sound) => self.sound(judged, sound, events),
            SpeechState::Quiet if judged.is_sound => {
                let sound = Sound::starting_at(self.blocks - 1);
                self.sound(judged, sound, events);
            }
            SpeechState::Quiet => {}
        }
    }

    /// Decides about a block after the start of speech.
    fn speaking(
        &mut self,
        judged: Judged,
        interrupted: bool,
        start: u32,
        end: u32,
        events: &mut Vec<BargeInEvent>,
    ) {
        let is_speech = judged.score >= self.options.threshold / 2.0;
        let end = if is_speech { self.blocks } else { end };
        self.state = SpeechState::Speaking {
            interrupted,
            start,
            end,
        };
        if !interrupted && self.speech_may_interrupt() {
            self.interrupt(events);
        }
        if self.blocks - end >= blocks_in(self.options.hang_over) {
            self.state = SpeechState::Quiet;
            let at = BLOCK_TIME * end;
            events.push(BargeInEvent::SpeechEnded { at });
        }
    }

    /// Decides about a block of sound, or of a pause in it.
    fn sound(&mut self, judged: Judged, mut sound: Sound, events: &mut Vec<BargeInEvent>) {
        let now = self.blocks;
        sound.add(judged, now, &self.options);
        let decides = sound.is_speech(&self.options) && !self.may_be_echo(&sound);
        if (judged.is_sound || decides) && self.echo.finds_echo(decides) {
            for (rest, margin) in self.echo.last_rests() {
                self.judge.replace(&rest, margin);
            }
            self.end_sound(&sound, events);
            return;
        }
        let may_interrupt = self.speech_may_interrupt();
        if decides {
            let start = sound.since.max(now.saturating_sub(LONGEST_START));
            self.state = SpeechState::Speaking {
                interrupted: false,
                start,
                end: now,
            };
            let at = BLOCK_TIME * start;
            events.push(BargeInEvent::SpeechStarted { at });
            if may_interrupt {
                self.interrupt(events);
            }
            return;
        }
        if sound.suspected.is_none() && sound.is_suspicious() && may_interrupt {
            sound.suspected = Some(now);
            events.push(BargeInEvent::Suspected);
        }
        if sound.is_over(judged, now) {
            self.end_sound(&sound, events);
            return;
        }
        if sound.is_too_doubtful(now) {
            self.end_sound(&sound, events);
            sound.suspected = None;
            sound.doubtful = true;
        }
        self.state = SpeechState::Sound(sound);
    }

    /// A search needs some of the echo, if its delay is not known yet.
    fn may_be_echo(&self, sound: &Sound) -> bool {
        self.echo.is_unknown() && self.blocks - sound.since < SEARCHABLE
    }

    fn end_sound(&mut self, sound: &Sound, events: &mut Vec<BargeInEvent>) {
        if sound.suspected.is_some() {
            events.push(BargeInEvent::Dismissed);
        }
        self.state = SpeechState::Quiet;
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

    /// Returns whether the caller speaks: [`BargeInEvent::SpeechStarted`] came, and [`BargeInEvent::SpeechEnded`] did not.
    /// A bot that begins to play now gets no [`BargeInEvent::Interrupted`] for this speech if it came before. So a bot
    /// checks this first, and waits for the end of speech.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        matches!(self.state, SpeechState::Speaking { .. })
    }

    /// Returns the caller's audio from [`BargeInOptions::pre_roll`] before the start of speech up to now, at the caller's
    /// rate. Give it to a recogniser at [`BargeInEvent::SpeechStarted`], so that it gets the first syllable. Without
    /// speech, it is the latest audio of this length. At most 3 s are kept.
    #[must_use]
    pub fn pre_roll(&self) -> Vec<i16> {
        let since = match self.state {
            SpeechState::Sound(sound) => sound.since,
            SpeechState::Speaking { start, .. } => start,
            SpeechState::Quiet => self.blocks,
        };
        let duration = BLOCK_TIME * (self.blocks - since) + self.options.pre_roll;
        self.pre_roll.last(duration)
    }

    /// What the network gets of the latest block, its score if it is sound, and whether the delay of an echo is unknown.
    #[doc(hidden)]
    #[must_use]
    pub fn network_features(&self) -> (&[f32], Option<f32>, bool) {
        let score = self.judge.sound_score();
        (self.judge.features(), score, self.echo.is_unknown())
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
