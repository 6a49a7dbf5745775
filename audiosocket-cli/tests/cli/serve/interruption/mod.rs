//! Callers who interrupt a server that plays, and sounds that do not.

mod inband_keys;
mod policy;
mod speech;

use std::path::Path;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;

use crate::process::{ServeProcess, audiosocket};

/// Starts `serve play FILE` with these arguments. Its log has each pause.
fn playing(file: &Path, args: &[&str]) -> ServeProcess {
    let mut command = audiosocket(["serve", "play"].into_iter().chain(args.iter().copied()));
    command.arg(file).env("RUST_LOG", "debug");
    ServeProcess::run(command, 1)
}

/// Returns speech of the tests of `audiosocket-media`, at 8 kHz.
fn recorded_speech(name: &str) -> Vec<i16> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audiosocket-media/tests/speech");
    let file = AudioReader::open(folder.join(name));
    let speech =
        file.and_then(|mut file| file.read_all(SampleRate::Hz8000, Duration::from_secs(10)));
    speech.expect("speech")
}
