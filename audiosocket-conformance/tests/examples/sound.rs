//! Sounds to say, and what there is in what was heard. All is counted in samples of 8 kHz.

/// What is quieter is silence.
const LOUD: u16 = 400;

/// One uninterrupted sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Where it begins, in milliseconds.
    pub(crate) at: usize,
    /// How long it is, in milliseconds, rounded to 10.
    pub(crate) ms: usize,
    /// How high it is, in Hz, rounded to 20.
    pub(crate) hz: usize,
}

impl Sound {
    pub(crate) fn end(&self) -> usize {
        self.at + self.ms
    }
}

/// The sounds in `heard`, between which there are at least 20 ms of silence.
pub(crate) fn sounds(heard: &[i16]) -> Vec<Sound> {
    let loud = |at: &usize| heard[*at].unsigned_abs() > LOUD;
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for at in (0..heard.len()).filter(loud) {
        match runs.last_mut() {
            Some((_, end)) if at - *end < 160 => *end = at,
            _ => runs.push((at, at)),
        }
    }
    let sound = |(start, end): (usize, usize)| {
        let samples = &heard[start..=end];
        let signs = samples.windows(2);
        let crossings = signs.filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        let hz = crossings * 8_000 / 2 / samples.len();
        Sound {
            at: start / 8,
            ms: (samples.len() + 40) / 80 * 10,
            hz: (hz + 10) / 20 * 20,
        }
    };
    runs.into_iter().map(sound).collect()
}

/// `sounds` by the pauses of at least so many milliseconds between them.
pub(crate) fn groups(sounds: &[Sound], pause: usize) -> Vec<&[Sound]> {
    sounds
        .chunk_by(|one, next| next.at - one.end() < pause)
        .collect()
}

/// A tone at 8 kHz.
pub(crate) fn tone(hz: u32, ms: u32) -> Vec<i16> {
    let step = std::f64::consts::TAU * f64::from(hz) / 8_000.0;
    let samples = 0..8 * ms;
    samples
        .map(|at| ((f64::from(at) * step).sin() * 8_000.0) as i16)
        .collect()
}

/// Noise, the same for the same seed, and never 0.
pub(crate) fn noise(len: usize, seed: u32) -> Vec<i16> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as i16 / 4) | 1
    };
    std::iter::repeat_with(next).take(len).collect()
}
