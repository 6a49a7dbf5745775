//! Counts how often barge-in is right, for the material that `material.py` made, and trains its network:
//!
//! ```text
//! cargo run --release -p audiosocket-media --all-features --example barge_in_table -- DIRECTORY eval 100
//! cargo run --release -p audiosocket-media --all-features --example barge_in_table -- DIRECTORY train 4000 WEIGHTS.rs
//! ```
//!
//! `dev` in place of `eval` takes the material for the choice of thresholds, and `quick` takes 12 calls of it and skips
//! the two systems that are compared. `own` skips them too, and takes any number of calls. `misses` takes the same calls as
//! `own`, and prints each wrong decision with its scores.

mod cases;
mod count;
mod misses;
mod scene;
mod sounds;
mod systems;
mod train;

use std::env;
use std::path::Path;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;

/// A third of the material.
#[derive(Debug)]
struct Material {
    prompts: Vec<Vec<f32>>,
    callers: Vec<Vec<f32>>,
    /// Doors, steps and hits.
    hits: Vec<Vec<f32>>,
    music: Vec<Vec<f32>>,
}

impl Material {
    fn open(directory: &Path) -> Self {
        Self {
            prompts: wav_files(&directory.join("prompts")),
            callers: wav_files(&directory.join("callers")),
            hits: wav_files(&directory.join("hits")),
            music: wav_files(&directory.join("music")),
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
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (directory, rest) = arguments.split_first().unwrap_or_else(|| usage());
    let open = |part: &str| Material::open(&Path::new(directory).join(part));
    let number = |number: &str| number.parse().unwrap_or_else(|_| usage());
    match rest {
        ["train", scenes, target] => {
            train::train(&open("train"), number(scenes), Path::new(target));
        }
        ["quick", rest @ ..] => own(&open("dev"), 12, rest),
        ["misses", calls, rest @ ..] => {
            misses::list(&open("dev"), 0, number(calls), rest.first().unwrap_or(&""));
        }
        ["own", calls, rest @ ..] => own(&open("dev"), number(calls), rest),
        [part @ ("dev" | "eval"), calls, rest @ ..] => {
            let first = if *part == "eval" { 1_000_000 } else { 0 };
            let filter = rest.first().unwrap_or(&"");
            count::table(&open(part), first, number(calls), filter, &systems::SYSTEMS);
        }
        _ => usage(),
    }
}

/// Prints the table of `BargeIn` alone.
fn own(material: &Material, calls: u64, rest: &[&str]) {
    let filter = rest.first().unwrap_or(&"");
    count::table(material, 0, calls, filter, &systems::SYSTEMS[2..]);
}

fn usage() -> ! {
    panic!(
        "usage: barge_in_table DIRECTORY dev|eval|own|misses CALLS [CASE], quick [CASE], or train SCENES WEIGHTS.rs"
    )
}
