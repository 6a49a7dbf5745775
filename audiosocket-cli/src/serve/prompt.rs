use std::io;
use std::path::Path;
use std::time::Duration;

use audiosocket_media::file::AudioReader;
use audiosocket_tokio::{AudioBuf, Call, SendError};

use super::play_rate::PlayRate;
use crate::file_error::file_error;

/// The longest file. All of it is kept in memory: 58 MB at 8 kHz.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Reads an audio file at its [source rate](PlayRate::source). The result is not empty.
pub(super) fn load(path: &Path, rate: PlayRate) -> io::Result<AudioBuf> {
    let mut file = AudioReader::open(path)?;
    let rate = rate.source(file.sample_rate());
    let samples = file.read_all(rate, LONGEST)?;
    for warning in file.warnings() {
        tracing::warn!(file = ?path, %warning, "damaged audio file");
    }
    if samples.is_empty() {
        return Err(file_error(path, &io::Error::other("the file has no audio")));
    }
    Ok(AudioBuf::from_samples(rate, &samples))
}

/// Repeats `audio` until it lasts `shortest`.
pub(super) fn repeat(audio: &AudioBuf, shortest: Duration) -> AudioBuf {
    let bytes = 2 * audio.rate().samples_in(shortest) as usize;
    let times = bytes.div_ceil(audio.bytes().len());
    AudioBuf::new(audio.rate(), audio.bytes().repeat(times.max(1)))
}

/// Hangs up a call on which nothing can be played, so that the caller does not wait.
pub(super) fn hang_up_on_error(call: &mut Call<'_>, played: Result<(), SendError>) {
    if let Err(error) = played {
        tracing::warn!(uuid = %call.uuid(), %error, "cannot play: the call is hung up");
        call.hangup();
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_media::SampleRate;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn audio(samples: usize) -> AudioBuf {
        let samples: Vec<i16> = (0..samples).map(|at| at as i16).collect();
        AudioBuf::from_samples(SampleRate::Hz8000, &samples)
    }

    #[test]
    fn short_audio_is_repeated_as_a_whole() {
        let repeated = repeat(&audio(3_000), SECOND);
        assert_eq!(*repeated.bytes(), audio(3_000).bytes().repeat(3));
        assert_eq!(repeat(&audio(8_000), SECOND), audio(8_000));
    }
}
