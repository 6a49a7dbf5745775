//! Speech from `espeak-ng`.

use std::io;
use std::process::Command;
use std::time::Duration;

use audiosocket_media::file::AudioReader;
use audiosocket_media::{Prompt, SampleRate};

/// Ten times the duration of the bot's longest text.
const LONGEST: Duration = Duration::from_secs(60);

/// Returns the speech of `text` at `rate` or below. Blocks until espeak-ng has ended.
pub(super) fn speak(voice: &str, text: &str, rate: SampleRate) -> io::Result<Prompt> {
    let output = Command::new("espeak-ng")
        .args(["-v", voice, "--stdout", text])
        .output()
        .map_err(|error| cannot_start(&error))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(output.stderr.trim_ascii()).into_owned();
        let message = format!(
            "espeak-ng failed with --voice {voice:?}, {}: {stderr:?}; `espeak-ng --voices` lists the voices",
            output.status
        );
        return Err(io::Error::other(message));
    }
    let wav = AudioReader::new(&output.stdout[..]);
    let samples = wav
        .and_then(|mut wav| wav.read_all(rate, LONGEST))
        .map_err(|error| {
            io::Error::other(format!("espeak-ng wrote no WAV file for {text:?}: {error}"))
        })?;
    if samples.is_empty() {
        let message = format!("espeak-ng wrote a file without audio for {text:?}");
        return Err(io::Error::other(message));
    }
    Ok(Prompt::from_samples(rate, samples))
}

fn cannot_start(error: &io::Error) -> io::Error {
    io::Error::other(match error.kind() {
        io::ErrorKind::NotFound => {
            "espeak-ng is not installed, or is not in PATH; on Debian: apt install espeak-ng"
                .to_owned()
        }
        _ => format!("cannot start espeak-ng: {error}"),
    })
}
