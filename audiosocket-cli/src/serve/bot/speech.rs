//! Speech from `espeak-ng`.

use std::io;
use std::process::Command;
use std::time::Duration;

use audiosocket_media::{Prompt, SampleRate, wav};

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
    let mut wav = output.stdout;
    close_header(&mut wav);
    let samples = wav::read(&wav[..], rate, LONGEST).map_err(|error| {
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

/// Writes the lengths into the header. espeak-ng cannot do that when it writes to a pipe.
fn close_header(wav: &mut [u8]) {
    const HEADER_LEN: usize = 44;
    if wav.len() < HEADER_LEN || &wav[36..40] != b"data" {
        return;
    }
    let len = wav.len() as u32;
    wav[4..8].copy_from_slice(&(len - 8).to_le_bytes());
    wav[40..HEADER_LEN].copy_from_slice(&(len - HEADER_LEN as u32).to_le_bytes());
}
