use std::time::Duration;

use crate::SampleRate;
use crate::vad::{Hysteresis, SpeechDetector, Timing, VadEvent};

/// The lowest level, in dB of full scale. It stands for digital silence.
const QUIETEST: f32 = -96.0;

/// When a window is quieter than the noise, the noise falls by this part of the distance.
const FALL: f32 = 0.2;

/// Detects speech by its loudness. Speech starts when the level exceeds the noise by a margin. It ends when the level no
/// longer exceeds the noise by a smaller margin.
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
/// // A voice bot now stops its prompt (barge-in).
/// assert!(matches!(events[..], [VadEvent::SpeechStarted { at: 800, .. }]));
/// ```
///
/// The detector learns the noise level during the call. The level falls fast and rises slowly ([`EnergyOptions::rise`]).
/// Speech has quiet gaps between its syllables, so it does not raise the noise for long. A machine that starts in the
/// background is speech at first, and noise after some seconds.
///
/// A start is reported [`Timing::attack`] after it, and an end [`Timing::hang_over`] after it. Both times are rounded up
/// to 10 ms. For the cost, see the [table](crate#what-it-costs). A push allocates only if an event does not fit the buffer
/// of the caller. The events do not depend on how the audio is cut.
#[derive(Clone, Debug)]
pub struct EnergyVad {
    options: EnergyOptions,
    hysteresis: Hysteresis,
    /// The number of samples in 10 ms.
    window_len: u64,
    window: Window,
    /// The noise level, in dB of full scale.
    noise: f32,
    /// The last window was loud.
    is_loud: bool,
}

impl EnergyVad {
    /// Makes a detector for the audio of one call, at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate, options: EnergyOptions) -> Self {
        let window_len = rate.samples_in(Duration::from_millis(10));
        Self {
            hysteresis: Hysteresis::new(options.timing, rate, window_len),
            window_len,
            window: Window::default(),
            // This start value detects a caller who speaks at once.
            noise: options.quietest - options.start_margin,
            is_loud: false,
            options,
        }
    }

    /// Pushes any number of samples, and appends the events in them to `events`.
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

    /// Returns true between a [`VadEvent::SpeechStarted`] and its [`VadEvent::SpeechEnded`].
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.hysteresis.speaking
    }

    /// Returns the noise level, in dB of full scale. A square wave at full scale has 0 dB, a sine -3 dB.
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
        self.is_loud = active;
        if level < self.noise {
            self.noise += (level - self.noise) * FALL;
        } else {
            // A window is 10 ms, so a second has 100.
            self.noise = level.min(self.noise + options.rise / 100.0);
        }
        let change = self.hysteresis.next(active)?;
        Some(change.at(|window| window * self.window_len))
    }
}

/// The score is 1 for audio that is loud, and 0 for the rest.
impl SpeechDetector for EnergyVad {
    fn score(&mut self, samples: &[i16]) -> f32 {
        self.push(samples, &mut Vec::new());
        f32::from(u8::from(self.is_loud))
    }
}

/// Options of [`EnergyVad`]: how loud speech must be, and how long.
///
/// Levels are in dB of full scale: a square wave has 0 dB, a sine -3 dB, speech on the telephone -35 to -15 dB.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EnergyOptions {
    /// Speech starts at this margin above the noise. The default is 10 dB.
    pub start_margin: f32,
    /// Speech continues while the level is at least this margin above the noise. The default is 5 dB.
    pub end_margin: f32,
    /// Audio below this level is never speech. The default is -48 dB.
    pub quietest: f32,
    /// The maximum rise of the noise level, in dB per second. The default is 4. With a higher value, a long vowel can end
    /// speech. With a lower value, new noise is speech for longer.
    pub rise: f32,
    /// How long speech and silence must last.
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
    /// Sets [`start_margin`](Self::start_margin) and [`end_margin`](Self::end_margin). The second should be smaller.
    #[must_use]
    pub const fn margins(mut self, start: f32, end: f32) -> Self {
        self.start_margin = start;
        self.end_margin = end;
        self
    }

    /// Sets [`quietest`](Self::quietest).
    #[must_use]
    pub const fn quietest(mut self, quietest: f32) -> Self {
        self.quietest = quietest;
        self
    }

    /// Sets [`rise`](Self::rise).
    #[must_use]
    pub const fn rise(mut self, rise: f32) -> Self {
        self.rise = rise;
        self
    }

    /// Sets [`timing`](Self::timing).
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }
}

/// Sums over a window of 10 ms. They are integers, so the result does not depend on how the audio is cut.
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

    /// Returns the power around the mean, in dB of full scale. Some lines have a DC offset, so the mean is subtracted.
    fn level(&self) -> f32 {
        let len = self.len as f64;
        let mean = self.sum as f64 / len;
        let power = self.squares as f64 / len - mean * mean;
        let full_scale = f64::from(1 << 15).powi(2);
        let level = 10.0 * (power / full_scale).log10();
        // The power can be 0, or less than 0 by rounding.
        (level as f32).max(QUIETEST)
    }
}
