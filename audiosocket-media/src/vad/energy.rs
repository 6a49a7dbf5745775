use std::time::Duration;

use crate::SampleRate;
use crate::vad::{Hysteresis, Timing, VadEvent};

/// What is quieter cannot be told from digital silence, in dB of full scale.
const QUIETEST: f32 = -96.0;

/// How much of the way down to a quieter window the noise goes at once.
const FALL: f32 = 0.2;

/// Tells when a caller speaks by how loud it is: louder than the noise by a margin begins speech,
/// and no longer by a smaller margin ends it.
///
/// ```
/// use audiosocket_media::SampleRate;
/// use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};
///
/// let mut vad = EnergyVad::new(SampleRate::Hz8000, EnergyOptions::default());
/// let mut events = Vec::new();
/// vad.push(&[0; 800], &mut events);
/// assert_eq!(events, []);
/// let loud = [3_000, -3_000].repeat(400);
/// vad.push(&loud, &mut events);
/// // In a voice bot: stop the prompt that is playing (barge-in).
/// assert!(matches!(events[..], [VadEvent::SpeechStarted { at: 800, .. }]));
/// ```
///
/// The noise is learned on the way. It follows what is quieter at once, and what is louder slowly
/// ([`EnergyOptions::rise`]): between syllables speech is as quiet as the line, so that it does not
/// raise the noise for long, while a machine that is switched on is speech at first and noise after
/// some seconds.
///
/// Latency: a start is told [`Timing::attack`] after it, an end [`Timing::hang_over`] after it,
/// both rounded up to 10 ms. Cost: see the [table](crate#what-it-costs); nothing allocates but an
/// event that does not fit the caller's buffer. Events do not depend on how audio is cut.
#[derive(Clone, Debug)]
pub struct EnergyVad {
    options: EnergyOptions,
    hysteresis: Hysteresis,
    /// 10 ms, in samples.
    window_len: u64,
    window: Window,
    /// In dB of full scale.
    noise: f32,
}

impl EnergyVad {
    /// A detector for one call's audio at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate, options: EnergyOptions) -> Self {
        let window_len = rate.samples_in(Duration::from_millis(10));
        Self {
            hysteresis: Hysteresis::new(options.timing, rate, window_len),
            window_len,
            window: Window::default(),
            // So that a caller who speaks at once is heard.
            noise: options.quietest - options.start_margin,
            options,
        }
    }

    /// Takes any number of samples, and appends what happened in them to `events`.
    pub fn push(&mut self, samples: &[i16], events: &mut Vec<VadEvent>) {
        let mut rest = samples;
        while !rest.is_empty() {
            let missing = (self.window_len - self.window.len) as usize;
            let (now, later) = rest.split_at(missing.min(rest.len()));
            rest = later;
            self.window.add(now);
            if self.window.len == self.window_len {
                let window = std::mem::take(&mut self.window);
                events.extend(self.judge(window.level()));
            }
        }
    }

    /// Whether the caller speaks, as of the last event.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.hysteresis.speaking
    }

    /// What is taken for noise now, in dB of full scale (a square wave; a sine is 3 dB below).
    #[must_use]
    pub const fn noise(&self) -> f32 {
        self.noise
    }

    fn judge(&mut self, level: f32) -> Option<VadEvent> {
        let options = &self.options;
        let margin = if self.hysteresis.speaking {
            options.end_margin
        } else {
            options.start_margin
        };
        let active = level >= options.quietest && level >= self.noise + margin;
        if level < self.noise {
            self.noise += (level - self.noise) * FALL;
        } else {
            // Per window of 10 ms.
            self.noise = level.min(self.noise + options.rise / 100.0);
        }
        let turn = self.hysteresis.next(active)?;
        Some(turn.at(|window| window * self.window_len))
    }
}

/// How loud speech has to be, and how long. Levels are in dB of full scale, where a square wave
/// has 0 and a sine -3; speech on the telephone has -35 to -15.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EnergyOptions {
    /// How far above the noise speech begins: 10 dB unless set.
    pub start_margin: f32,
    /// How far above the noise speech still goes on: 5 dB unless set.
    pub end_margin: f32,
    /// What is quieter is never speech: -48 dB unless set.
    pub quietest: f32,
    /// How fast the noise is taken to rise, in dB per second: 4 unless set. With faster a long
    /// vowel ends speech, with slower a noise is speech for longer.
    pub rise: f32,
    /// How long both must last.
    pub timing: Timing,
}

impl Default for EnergyOptions {
    fn default() -> Self {
        Self {
            start_margin: 10.0,
            end_margin: 5.0,
            quietest: -48.0,
            rise: 4.0,
            timing: Timing::default(),
        }
    }
}

impl EnergyOptions {
    /// With other [`start_margin`](Self::start_margin) and [`end_margin`](Self::end_margin), the
    /// second of which should be the smaller one.
    #[must_use]
    pub const fn margins(mut self, start: f32, end: f32) -> Self {
        self.start_margin = start;
        self.end_margin = end;
        self
    }

    /// With another [`quietest`](Self::quietest).
    #[must_use]
    pub const fn quietest(mut self, quietest: f32) -> Self {
        self.quietest = quietest;
        self
    }

    /// With another [`rise`](Self::rise).
    #[must_use]
    pub const fn rise(mut self, rise: f32) -> Self {
        self.rise = rise;
        self
    }

    /// With another [`timing`](Self::timing).
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }
}

/// What there is so far of 10 ms. In whole numbers, so that it does not matter in what pieces it
/// comes.
#[derive(Clone, Debug, Default)]
struct Window {
    len: u64,
    sum: i64,
    squares: i64,
}

impl Window {
    fn add(&mut self, samples: &[i16]) {
        self.len += samples.len() as u64;
        self.sum += samples.iter().map(|sample| i64::from(*sample)).sum::<i64>();
        let squares = samples.iter().map(|sample| i64::from(*sample).pow(2));
        self.squares += squares.sum::<i64>();
    }

    /// The power around the mean, in dB of full scale: some lines have a DC offset.
    fn level(&self) -> f32 {
        let len = self.len as f64;
        let mean = self.sum as f64 / len;
        let power = self.squares as f64 / len - mean * mean;
        let full_scale = f64::from(1 << 15).powi(2);
        let level = 10.0 * (power / full_scale).log10();
        // Also for the logarithm of 0, or of a little less by rounding.
        (level as f32).max(QUIETEST)
    }
}
