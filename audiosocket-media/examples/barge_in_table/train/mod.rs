//! Trains the network of barge-in, with the voices of `train`. The table has neither these voices nor the
//! sounds of [`noises`].

mod network;
mod noises;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_media::barge_in::{BargeIn, BargeInOptions};
use audiosocket_media::vad::SpeechDetector;
use audiosocket_proto::AudioBuf;

use crate::Material;
use crate::scene::{Echo, Line, Scene, bounds};
use crate::sounds::{Random, add, at_level, samples};
use network::{Layer, Network, SCALE};

/// These are the numbers of `src/barge_in/voice/mod.rs`.
const FRAMES: usize = 12;
const STEP: usize = 2;
const HIDDEN: [usize; 2] = [48, 16];

const BLOCK: usize = 80;
const PASSES: usize = 12;

/// One scene of this number tests the result.
const TESTS: u64 = 10;

/// The features of a call, and the blocks of it that are examples.
#[derive(Debug)]
struct Call {
    features: Vec<Vec<f32>>,
    examples: Vec<Example>,
}

#[derive(Clone, Copy, Debug)]
struct Example {
    block: usize,
    wanted: f32,
    weight: f32,
}

impl Call {
    fn inputs(&self, block: usize, inputs: &mut Vec<f32>) {
        inputs.clear();
        for frame in 0..FRAMES {
            match block.checked_sub(frame * STEP) {
                Some(at) => inputs.extend(&self.features[at]),
                None => inputs.resize(inputs.len() + self.features[0].len(), 0.0),
            }
        }
    }
}

/// Writes the weights to `target`.
pub(crate) fn train(material: &Material, scenes: u64, target: &Path) {
    let mut random = Random::new(4_711);
    let calls: Vec<_> = (0..scenes)
        .map(|_| {
            let (scene, has_echo) = scene(material, &mut random);
            call(&scene, has_echo)
        })
        .collect();
    let (tests, calls) = calls.split_at((scenes / TESTS) as usize);
    let mut examples: Vec<(usize, Example)> = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        examples.extend(call.examples.iter().map(|example| (number, *example)));
    }
    eprintln!("{} examples", examples.len());
    let inputs_len = calls[0].features[0].len() * FRAMES;
    let mut network = Network::new([
        Layer::new(inputs_len, HIDDEN[0], &mut random),
        Layer::new(HIDDEN[0], HIDDEN[1], &mut random),
        Layer::new(HIDDEN[1], 1, &mut random),
    ]);
    let mut inputs = Vec::new();
    for pass in 0..PASSES {
        for at in (1..examples.len()).rev() {
            let other = random.between(0.0, at as f32 + 0.99) as usize;
            examples.swap(at, other.min(at));
        }
        for (number, batch) in examples.chunks(64).enumerate() {
            for (call, example) in batch {
                calls[*call].inputs(example.block, &mut inputs);
                network.learn(&inputs, example.wanted, example.weight / 64.0);
            }
            let done =
                (pass * examples.len() + number * 64) as f32 / (PASSES * examples.len()) as f32;
            network.step(2e-3 * (1.0 - done).powi(2) + 2e-5);
        }
        report(&network, tests);
    }
    network.round();
    report(&network, tests);
    std::fs::write(target, source(&network)).expect("the weights");
}

/// Prints how many blocks of speech and of other sound have a high score.
fn report(network: &Network, tests: &[Call]) {
    let (mut counts, mut all) = ([[0_u32; 4]; 2], [0_u32; 2]);
    let mut inputs = Vec::new();
    for call in tests {
        for example in &call.examples {
            call.inputs(example.block, &mut inputs);
            let (score, kind) = (network.score(&inputs), usize::from(example.wanted > 0.5));
            all[kind] += 1;
            for (count, least) in counts[kind].iter_mut().zip([0.5, 0.75, 0.9, 0.97]) {
                *count += u32::from(score >= least);
            }
        }
    }
    let share =
        |kind: usize| counts[kind].map(|count| f64::from(count) / f64::from(all[kind].max(1)));
    eprintln!("speech {:.3?}, other sound {:.4?}", share(1), share(0));
}

/// Makes a call of speech, other sound, or an echo alone. Returns whether it has an echo.
fn scene(material: &Material, random: &mut Random) -> (Scene, bool) {
    let len = samples(5.0);
    let prompt: &Vec<f32> = random.one_of(&material.prompts);
    let start = random.between(0.0, prompt.len() as f32 / 2.0) as usize;
    let mut prompt: Vec<f32> = prompt[start..].iter().copied().take(len).collect();
    prompt.resize(len, 0.0);
    let kind = *random.one_of(&[0, 0, 0, 0, 1, 1, 1, 1, 2]);
    let has_echo = kind == 2 || random.between(0.0, 1.0) < 0.4;
    let echo = has_echo.then(|| Echo {
        milliseconds: random.between(5.0, 640.0) as u32,
        level: random.between(-38.0, -8.0),
    });
    let (mut sound, mut speech) = (vec![0.0; len], None);
    if kind == 1 || (kind == 0 && random.between(0.0, 1.0) < 0.4) {
        let noise = noises::noise(material, random, len);
        let highest = if kind == 1 { -8.0 } else { -40.0 };
        let noise = at_level(noise, random.between(-50.0, highest));
        let at = samples(random.between(-2.0, 4.0).max(0.0));
        add(&mut sound, at, &noise);
    }
    if kind == 0 {
        let voice: &Vec<f32> = random.one_of(&material.callers);
        let voice = noises::varied(voice, random);
        let voice = at_level(voice, random.between(-46.0, -8.0));
        let (start, end) = bounds(&voice);
        let at = samples(random.between(0.05, 4.0));
        sound.resize(len.max(at + voice.len()), 0.0);
        add(&mut sound, at, &voice);
        speech = Some((at + start, at + end));
    }
    let line = Line {
        random: random.clone(),
        prompt: &prompt,
        prompt_level: random.between(-30.0, -14.0),
        echo,
    };
    (line.scene(&sound, 0, speech), has_echo)
}

/// Takes the place of the network, so that the examples do not depend on its weights.
#[derive(Debug)]
struct NoSpeech;

impl SpeechDetector for NoSpeech {
    fn score(&mut self, _: &[i16]) -> f32 {
        0.0
    }
}

/// Runs a call through the component, which decides nothing.
fn call(scene: &Scene, has_echo: bool) -> Call {
    let rate = SampleRate::Hz8000;
    let mut barge_in = BargeIn::with_detector(BargeInOptions::default(), NoSpeech);
    let (begin, mut events) = (Instant::now(), Vec::new());
    let mut call = Call {
        features: Vec::new(),
        examples: Vec::new(),
    };
    let blocks = scene
        .played
        .chunks_exact(BLOCK)
        .zip(scene.caller.chunks_exact(BLOCK));
    for (block, (played, caller)) in blocks.enumerate() {
        let at = begin + Duration::from_millis(10) * (block as u32 + 1);
        barge_in.played(AudioBuf::from_samples(rate, played).as_audio(), at);
        barge_in.push(rate, caller, at, &mut events);
        let (features, score, is_unknown) = barge_in.network_features();
        call.features.push(features.to_vec());
        // An echo before its delay is found is speech for the network.
        if score.is_some() && !(has_echo && is_unknown) {
            call.examples.extend(example(block, scene.speech));
        }
    }
    call
}

/// The first 60 ms of speech and the 300 ms after it are no examples. The first 400 ms count most.
fn example(block: usize, speech: Option<(usize, usize)>) -> Option<Example> {
    let (wanted, weight) = match speech {
        None => (0.0, 1.0),
        Some((start, end)) => {
            let (start, end) = (start / BLOCK, end / BLOCK);
            match block {
                _ if block < start => (0.0, 1.0),
                _ if block < start + 6 => return None,
                _ if block < end => (1.0, if block < start + 40 { 2.0 } else { 0.5 }),
                _ if block < end + 30 => return None,
                _ => (0.0, 1.0),
            }
        }
    };
    Some(Example {
        block,
        wanted,
        weight,
    })
}

/// Returns the source of the weights.
fn source(network: &Network) -> String {
    let mut source = String::from(
        "//! The weights of the network. The example `barge_in_table` writes this file: see `train`.\n\n\
         /// The step of a weight.\n",
    );
    let _ = writeln!(source, "pub(super) const SCALE: f32 = {SCALE:?};");
    for (name, layer) in ["FIRST", "SECOND", "THIRD"].iter().zip(&network.layers) {
        let (rows, biases) = layer.rows();
        let biases: Vec<_> = biases.iter().map(|bias| format!("{bias:.3}")).collect();
        let (to, from) = (rows.len(), rows[0].len());
        let _ = write!(
            source,
            "\n#[rustfmt::skip]\npub(super) const {name}_BIAS: [f32; {to}] = [{}];\n\
             #[rustfmt::skip]\npub(super) const {name}: [[i8; {from}]; {to}] = [\n",
            biases.join(", ")
        );
        for row in rows {
            let numbers: Vec<_> = row.iter().map(ToString::to_string).collect();
            let lines: Vec<_> = numbers.chunks(24).map(|line| line.join(", ")).collect();
            let _ = writeln!(source, "    [{}],", lines.join(",\n     "));
        }
        source.push_str("];\n");
    }
    source
}
