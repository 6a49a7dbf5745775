//! The cases of the table, and how their calls are made.

use crate::Material;
use crate::scene::{Echo, Line, Scene, bounds};
use crate::sounds::{self, Random, TONES, add, at_level, samples};

/// What the caller's side sends.
#[derive(Clone, Copy, Debug)]
enum Sound {
    /// Only the echo and the noise of the line.
    Quiet,
    Slam,
    /// Recorded doors, steps and hits.
    Hits,
    Cough,
    White,
    Pink,
    Babble,
    Hum,
    Tone,
    Keys,
    Music,
    /// Speech with this level.
    Speech(f32),
    /// Speech at -25 dB, with noise behind it that is 15 dB quieter.
    SpeechInNoise,
}

/// A sound, where it begins, and where speech in it begins and ends.
type Made = (Vec<f32>, usize, Option<(usize, usize)>);

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The issue has a limit for this case.
    pub(crate) has_limit: bool,
    sound: Sound,
    /// The level of the echo, relative to the prompt.
    echo: Option<f32>,
}

pub(crate) fn all() -> Vec<Case> {
    let case = |name: String, sound, echo| Case {
        name,
        has_limit: !matches!(
            sound,
            Sound::Hits | Sound::Babble | Sound::Music | Sound::SpeechInNoise
        ),
        sound,
        echo,
    };
    let mut cases = Vec::new();
    for level in [-10.0, -15.0, -20.0, -25.0, -30.0, -35.0] {
        let name = format!("own echo at {level} dB");
        cases.push(case(name, Sound::Quiet, Some(level)));
    }
    for (name, sound) in [
        ("slam", Sound::Slam),
        ("recorded hits", Sound::Hits),
        ("cough", Sound::Cough),
        ("white noise", Sound::White),
        ("pink noise", Sound::Pink),
        ("hum, 50 and 60 Hz", Sound::Hum),
        ("tones", Sound::Tone),
        ("keys as sound", Sound::Keys),
        ("music", Sound::Music),
        ("babble at -35 dB and below", Sound::Babble),
    ] {
        cases.push(case(name.to_owned(), sound, None));
        if !matches!(sound, Sound::Babble) {
            let name = format!("{name}, echo at -20 dB");
            cases.push(case(name, sound, Some(-20.0)));
        }
    }
    for level in [-45.0, -40.0, -35.0, -30.0, -25.0, -20.0, -15.0, -10.0] {
        let name = format!("speech at {level} dB");
        cases.push(case(name, Sound::Speech(level), None));
    }
    cases.push(case(
        "speech at -25 dB in noise".to_owned(),
        Sound::SpeechInNoise,
        None,
    ));
    for echo in [-10.0, -20.0, -30.0] {
        for level in [-35.0, -25.0, -15.0] {
            let name = format!("speech at {level} dB, echo at {echo} dB");
            cases.push(case(name, Sound::Speech(level), Some(echo)));
        }
    }
    cases
}

impl Case {
    /// Returns whether the calls of this case have speech.
    pub(crate) const fn is_speech(&self) -> bool {
        matches!(self.sound, Sound::Speech(_) | Sound::SpeechInNoise)
    }

    /// Makes a call of this case.
    pub(crate) fn scene(&self, material: &Material, number: u64) -> Scene {
        let mut random = Random::new(number * 7_919 + 17);
        let len = samples(8.0);
        let mut prompt = Vec::new();
        while prompt.len() < len {
            let next = random.one_of(&material.prompts);
            prompt.extend_from_slice(next);
            prompt.resize(prompt.len() + samples(0.3), 0.0);
        }
        prompt.truncate(len);
        let echo = self.echo.map(|level| Echo {
            milliseconds: *random.one_of(&[20, 40, 80, 150, 450, 600]),
            level,
        });
        let (sound, at, speech) = self.sound(material, &mut random, len);
        let prompt_level = random.between(-26.0, -18.0);
        let line = Line {
            random,
            prompt: &prompt,
            prompt_level,
            echo,
        };
        line.scene(&sound, at, speech)
    }

    fn sound(&self, material: &Material, random: &mut Random, len: usize) -> Made {
        let at = samples(random.between(1.0, 5.0));
        let loud = random.between(-30.0, -10.0);
        let steady = |sound, level| at_level(sound, level);
        match self.sound {
            Sound::Quiet => (Vec::new(), 0, None),
            Sound::Slam => {
                let mut sound = sounds::slam(random);
                if random.between(0.0, 1.0) < 0.3 {
                    let second = sounds::slam(random);
                    let after = samples(random.between(0.15, 0.5));
                    sound.resize(samples(1.2), 0.0);
                    add(&mut sound, after, &second);
                }
                (steady(sound, random.between(-20.0, -8.0)), at, None)
            }
            Sound::Hits => {
                let sound = repeated(random, len - at, (1.0, 5.0), (0.1, 0.8), |random| {
                    random.one_of(&material.hits).clone()
                });
                (steady(sound, random.between(-25.0, -8.0)), at, None)
            }
            Sound::Cough => {
                let mut sound = sounds::cough(random);
                for _ in 0..*random.one_of(&[0, 0, 1, 2]) {
                    sound.resize(sound.len() + samples(random.between(0.1, 0.3)), 0.0);
                    sound.extend(sounds::cough(random));
                }
                (steady(sound, loud), at, None)
            }
            Sound::White => {
                // Half of the noise is there from the first sample on.
                let at = *random.one_of(&[0, at]);
                let level = random.between(-45.0, -20.0);
                let sound = steady(sounds::white(random, len), level);
                (sound, at, None)
            }
            Sound::Pink => {
                let at = *random.one_of(&[0, at]);
                let level = random.between(-45.0, -20.0);
                (steady(sounds::pink(random, len), level), at, None)
            }
            Sound::Hum => {
                let at = *random.one_of(&[0, at]);
                let hz = *random.one_of(&[50.0, 60.0]);
                let level = random.between(-40.0, -15.0);
                (steady(sounds::hum(random, hz, len), level), at, None)
            }
            Sound::Tone => {
                let (_, hz, on, off) = *random.one_of(&TONES);
                let at = *random.one_of(&[0, at]);
                (steady(sounds::tone(hz, on, off, len), loud), at, None)
            }
            Sound::Keys => (steady(sounds::keys(random, len), loud), at, None),
            Sound::Music => {
                let piece = random.one_of(&material.music);
                let start = random.between(0.0, (piece.len() - len) as f32) as usize;
                (steady(piece[start..start + len].to_vec(), loud), 0, None)
            }
            Sound::Babble => {
                let level = random.between(-50.0, -35.0);
                (steady(babble(material, random, len), level), 0, None)
            }
            Sound::Speech(level) => speech(material, random, level, at, None),
            Sound::SpeechInNoise => {
                let noise = match *random.one_of(&[0, 1, 2]) {
                    0 => sounds::white(random, len),
                    1 => sounds::pink(random, len),
                    _ => babble(material, random, len),
                };
                speech(material, random, -25.0, at, Some(at_level(noise, -40.0)))
            }
        }
    }
}

fn speech(
    material: &Material,
    random: &mut Random,
    level: f32,
    at: usize,
    noise: Option<Vec<f32>>,
) -> Made {
    let sound = at_level(random.one_of(&material.callers).clone(), level);
    let (start, end) = bounds(&sound);
    let bounds = Some((at + start, at + end));
    match noise {
        None => (sound, at, bounds),
        Some(mut noise) => {
            add(&mut noise, at, &sound);
            (noise, 0, bounds)
        }
    }
}

/// Makes a sound some times. `count` and the pauses in seconds are between two numbers.
pub(crate) fn repeated(
    random: &mut Random,
    len: usize,
    count: (f32, f32),
    pause: (f32, f32),
    make: impl Fn(&mut Random) -> Vec<f32>,
) -> Vec<f32> {
    let (mut sound, mut at) = (vec![0.0; len], 0);
    for _ in 0..random.between(count.0, count.1) as u32 {
        let one = make(random);
        add(&mut sound, at, &one);
        at += one.len() / 2 + samples(random.between(pause.0, pause.1));
    }
    sound
}

/// Six people at once.
fn babble(material: &Material, random: &mut Random, len: usize) -> Vec<f32> {
    let mut babble = vec![0.0; len];
    for _ in 0..6 {
        let mut at = 0;
        while at < len {
            let voice = at_level(random.one_of(&material.prompts).clone(), -25.0);
            add(&mut babble, at, &voice);
            at += voice.len();
        }
    }
    babble
}
