//! Counts how often barge-in is right, for the material that `material.py` made:
//! `cargo run --release -p audiosocket-media --all-features --example barge_in_table -- DIRECTORY eval 100`.

mod cases;
mod scene;
mod sounds;
mod systems;

use std::env;
use std::path::Path;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;

use cases::{Case, Wanted};
use systems::SYSTEMS;

/// The speech of a half of the material.
#[derive(Debug)]
struct Material {
    prompts: Vec<Vec<f32>>,
    callers: Vec<Vec<f32>>,
}

impl Material {
    fn open(directory: &Path) -> Self {
        let prompts = wav_files(&directory.join("prompts"));
        Self {
            prompts,
            callers: wav_files(&directory.join("callers")),
        }
    }
}

fn wav_files(directory: &Path) -> Vec<Vec<f32>> {
    let entries = directory
        .read_dir()
        .unwrap_or_else(|error| panic!("{}: {error}; run material.py first", directory.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let file = AudioReader::open(path);
        let samples =
            file.and_then(|mut file| file.read_all(SampleRate::Hz8000, Duration::from_secs(60)));
        let samples = samples.unwrap_or_else(|error| panic!("{error}"));
        samples.iter().map(|at| f32::from(*at) / 32_768.0).collect()
    };
    paths.iter().map(read).collect()
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [directory, half, calls, rest @ ..] = &arguments[..] else {
        panic!("usage: barge_in_table DIRECTORY dev|eval CALLS [CASE]");
    };
    let calls = calls.parse().expect("the number of calls of each case");
    let material = Material::open(&Path::new(directory).join(half));
    let filter = rest.first().map_or("", String::as_str);
    let mut costs = [(Duration::ZERO, 0_u64); SYSTEMS.len()];
    let names: Vec<_> = SYSTEMS.iter().map(|system| system.name()).collect();
    println!("| case | calls | {} |", names.join(" | "));
    println!("|---|---|{}", "---|".repeat(names.len()));
    for case in cases::all()
        .iter()
        .filter(|case| case.name.contains(filter))
    {
        row(&material, case, calls, &mut costs);
    }
    let cost = |(time, frames): &(Duration, u64)| {
        let micros = time.as_secs_f64() * 1e6 / (*frames).max(1) as f64;
        format!("{micros:.1} µs")
    };
    let costs: Vec<_> = costs.iter().map(cost).collect();
    println!("| CPU time for 20 ms | | {} |", costs.join(" | "));
}

/// Runs all calls of a case, and prints its row.
fn row(material: &Material, case: &Case, calls: u32, costs: &mut [(Duration, u64)]) {
    let mut right = [0; SYSTEMS.len()];
    let mut pre_rolled = [0; SYSTEMS.len()];
    let mut later = [0; SYSTEMS.len()];
    for number in 0..calls {
        let scene = case.scene(material, number);
        for (at, system) in SYSTEMS.iter().enumerate() {
            let outcome = system.run(&scene);
            costs[at].0 += outcome.time;
            costs[at].1 += (scene.caller.len() / 160) as u64;
            // Speech can have a quiet beginning of up to 0.4 s, such as a breath.
            let is_within = |(start, _): (usize, usize), seconds| {
                let end = outcome.interrupted.unwrap_or(usize::MAX / 2);
                end + sounds::samples(0.4) > start && end <= start + sounds::samples(seconds)
            };
            let is_right = match scene.speech {
                None => outcome.interrupted.is_some(),
                Some(speech) => is_within(speech, 0.25),
            };
            right[at] += u32::from(is_right);
            later[at] += u32::from(scene.speech.is_some_and(|speech| is_within(speech, 0.5)));
            pre_rolled[at] += u32::from(is_right && outcome.has_pre_roll);
        }
    }
    let percent = |count: &u32| format!("{:.1} %", 100.0 * f64::from(*count) / f64::from(calls));
    let percents: Vec<_> = right.iter().map(percent).collect();
    println!("| {} | {} | {} |", case.name, calls, percents.join(" | "));
    if case.wanted == Wanted::Interruption {
        let percents: Vec<_> = later.iter().map(percent).collect();
        println!("| … within 500 ms | | {} |", percents.join(" | "));
        let shares: Vec<_> = pre_rolled
            .iter()
            .zip(&right)
            .map(|(with, all)| {
                format!(
                    "{:.1} %",
                    100.0 * f64::from(*with) / f64::from(*all).max(1.0)
                )
            })
            .collect();
        println!(
            "| … with its start in the pre-roll | | {} |",
            shares.join(" | ")
        );
    }
}
