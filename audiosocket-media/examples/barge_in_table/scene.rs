//! Calls of a caller and a bot: what the bot plays, and what comes from the caller, through a line with µ-law.

use audiosocket_media::Law;

use crate::sounds::{self, Random, add, at_level, gain, samples};

/// A call of some seconds, at 8 kHz.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) played: Vec<i16>,
    pub(crate) caller: Vec<i16>,
    /// Where the caller's speech begins and ends.
    pub(crate) speech: Option<(usize, usize)>,
}

/// The path of an echo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    pub(crate) milliseconds: u32,
    /// The level of the echo, relative to the prompt.
    pub(crate) level: f32,
}

/// A scene in the making.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) random: Random,
    pub(crate) prompt: &'a [f32],
    pub(crate) prompt_level: f32,
    pub(crate) echo: Option<Echo>,
}

impl Line<'_> {
    /// Adds the echo, the noise of the line and the sound of the caller, which begins at `at`.
    pub(crate) fn scene(
        mut self,
        sound: &[f32],
        at: usize,
        speech: Option<(usize, usize)>,
    ) -> Scene {
        let prompt = at_level(self.prompt.to_vec(), self.prompt_level);
        let len = prompt
            .len()
            .max(speech.map_or(0, |(_, end)| end + samples(0.7)));
        let mut caller: Vec<f32> = sounds::white(&mut self.random, len);
        caller.iter_mut().for_each(|at| *at *= gain(-66.0));
        if let Some(echo) = self.echo {
            let path = self.path();
            let mut returned = vec![0.0; prompt.len()];
            for (tap, factor) in path.iter().enumerate() {
                for (target, source) in returned[tap..].iter_mut().zip(&prompt) {
                    *target += factor * source;
                }
            }
            let difference = sounds::power(&prompt) / sounds::power(&returned);
            let factor = difference.sqrt() * gain(echo.level);
            returned.iter_mut().for_each(|at| *at *= factor);
            add(&mut caller, echo.milliseconds as usize * 8, &returned);
        }
        add(&mut caller, at, sound);
        let mut played: Vec<i16> = prompt.iter().map(|at| to_sample(*at)).collect();
        played.resize(len, 0);
        let through = |at: &f32| Law::Mu.decode_sample(Law::Mu.encode_sample(to_sample(*at)));
        Scene {
            played,
            caller: caller.iter().map(through).collect(),
            speech,
        }
    }

    /// Half of the paths are a delay alone. The others have reflections within 4 ms, as a hybrid has.
    fn path(&mut self) -> Vec<f32> {
        let mut path = vec![1.0];
        if self.random.between(0.0, 1.0) < 0.5 {
            let reflection = |at: u16| self.random.white() * 0.8 * (-f32::from(at) / 10.0).exp();
            path.extend((1..32).map(reflection));
        }
        path
    }
}

fn to_sample(at: f32) -> i16 {
    (at * 32_768.0).round() as i16
}

/// Where speech begins and ends: the first and the last 10 ms that are at most 20 dB below the loudest 10 ms.
pub(crate) fn bounds(sound: &[f32]) -> (usize, usize) {
    let powers = sound.chunks(80).map(sounds::power);
    let least = powers.clone().fold(0.0, f32::max) / 100.0;
    let loud = |power: f32| power >= least;
    let first = powers.clone().position(loud).unwrap_or(0);
    let last = powers
        .collect::<Vec<_>>()
        .into_iter()
        .rposition(loud)
        .unwrap_or(0);
    (first * 80, (last + 1) * 80)
}
