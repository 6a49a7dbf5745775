//! Speech of `espeak-ng`.

use std::io;
use std::process::Command;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;

use crate::serve::prompt::LoadedPrompt;

/// The longest text of the bot takes a tenth of this.
const LONGEST: Duration = Duration::from_secs(60);

/// Speaks `text` at `rate`. Blocks until espeak-ng has ended.
pub(super) fn speak(voice: &str, text: &str, rate: SampleRate) -> io::Result<LoadedPrompt> {
    let output = Command::new("espeak-ng")
        .args(["-v", voice, "--stdout", text])
        .output()
        .map_err(|error| cannot_start(&error))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(output.stderr.trim_ascii()).into_owned();
        let message = format!("espeak-ng failed, {}: {stderr:?}", output.status);
        return Err(io::Error::other(message));
    }
    let wav = AudioReader::new(&output.stdout[..]);
    let samples = wav
        .and_then(|mut wav| wav.read_all(rate, LONGEST))
        .map_err(|error| {
            io::Error::other(format!("espeak-ng wrote no audio for {text:?}: {error}"))
        })?;
    LoadedPrompt::new(rate, &samples)
        .ok_or_else(|| io::Error::other(format!("espeak-ng wrote an empty file for {text:?}")))
}

fn cannot_start(error: &io::Error) -> io::Error {
    io::Error::other(match error.kind() {
        io::ErrorKind::NotFound => {
            "espeak-ng is not installed, or not in PATH (on Debian: apt install espeak-ng)"
                .to_owned()
        }
        _ => format!("cannot start espeak-ng: {error}"),
    })
}
