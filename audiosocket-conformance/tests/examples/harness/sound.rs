//! Makes audio for callers, and finds the sounds in received audio. All audio has 8 kHz.

/// The peak above which a sample belongs to a sound. All other samples are silence.
const LOUD: u16 = 400;

/// One uninterrupted sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Its start, in milliseconds.
    pub(crate) at: usize,
    /// Its duration, in milliseconds, rounded to 10.
    pub(crate) ms: usize,
    /// Its frequency, in Hz, rounded to 20.
    pub(crate) hz: usize,
}

impl Sound {
    pub(crate) fn end(&self) -> usize {
        self.at + self.ms
    }
}

/// Returns the sounds in `heard`. At least 20 ms of silence separate two sounds.
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

/// Whether a sound is one word of the stand-in for a synthesiser.
pub(crate) fn is_a_word(sound: &Sound) -> bool {
    (sound.ms, sound.hz) == (150, 600)
}

/// Whether `heard` ends with `ms` milliseconds of silence after a sound.
pub(crate) fn is_silent_for(heard: &[i16], ms: usize) -> bool {
    let last = sounds(heard).last().copied();
    last.is_some_and(|last| heard.len() / 8 > last.end() + ms)
}

/// Returns the number of words that `line` has after `mark`.
pub(crate) fn words_after(line: &str, mark: &str) -> usize {
    let (_, text) = line.split_once(mark).unwrap();
    text.split_whitespace().count()
}

/// Makes a tone.
pub(crate) fn tone(hz: u32, ms: u32) -> Vec<i16> {
    let step = std::f64::consts::TAU * f64::from(hz) / 8_000.0;
    let samples = 0..8 * ms;
    samples
        .map(|at| ((f64::from(at) * step).sin() * 8_000.0) as i16)
        .collect()
}

/// Makes noise without zeros. The same seed makes the same noise.
pub(crate) fn noise(len: usize, seed: u32) -> Vec<i16> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as i16 / 4) | 1
    };
    std::iter::repeat_with(next).take(len).collect()
}
