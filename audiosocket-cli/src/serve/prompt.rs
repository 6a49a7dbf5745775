use std::io;
use std::path::Path;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use audiosocket_tokio::{AudioBuf, Call, SendError};

use super::play_rate::PlayRate;
use crate::file_error::file_error;

/// The longest file. All of it is kept in memory: 58 MB at 8 kHz.
pub(super) const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Reads an audio file at the rate that `--rate` names, or without it at [`source_rate`] of the file. The result is not
/// empty.
pub(super) fn load(path: &Path, rate: PlayRate) -> io::Result<AudioBuf> {
    let mut file = AudioReader::open(path)?;
    let rate = match rate {
        PlayRate::Named(rate) => rate,
        PlayRate::Answer => source_rate(file.sample_rate()),
    };
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

/// Returns the part of `audio` that starts at byte `at`. All parts have the same length, at most `longest`, and there are as
/// few of them as possible.
pub(super) fn part(audio: &AudioBuf, at: usize, longest: Duration) -> AudioBuf {
    let longest = audio.rate().samples_in(longest) as usize;
    let samples = audio.bytes().len() / 2;
    let len = 2 * samples.div_ceil(samples.div_ceil(longest));
    let end = audio.bytes().len().min(at + len);
    AudioBuf::new(audio.rate(), audio.bytes().slice(at..end))
}

/// Hangs up a call on which nothing can be played, so that the caller does not wait.
pub(super) fn hang_up_on_error(call: &mut Call<'_>, played: Result<(), SendError>) {
    if let Err(error) = played {
        tracing::warn!(uuid = %call.uuid(), %error, "cannot play: the call is hung up");
        call.hangup();
    }
}

/// Returns the lowest answer rate that has all of a file with `hz`.
fn source_rate(hz: u32) -> SampleRate {
    SampleRate::ALL
        .into_iter()
        .find(|rate| rate.hz() >= hz)
        .unwrap_or(SampleRate::Hz192000)
        .answer_rate()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn audio(samples: usize) -> AudioBuf {
        let samples: Vec<i16> = (0..samples).map(|at| at as i16).collect();
        AudioBuf::from_samples(SampleRate::Hz8000, &samples)
    }

    #[test]
    fn the_parts_cover_the_audio_and_share_its_memory() {
        for samples in [1, 7_999, 8_000, 8_001, 23_999, 24_001] {
            let audio = audio(samples);
            let mut parts = Vec::new();
            while parts.len() < audio.bytes().len() {
                let part = part(&audio, parts.len(), SECOND);
                assert!(part.duration() <= SECOND, "{samples}: {part:?}");
                let shared = audio.bytes()[parts.len()..].as_ptr();
                assert_eq!(part.bytes().as_ptr(), shared);
                parts.extend_from_slice(part.bytes());
            }
            assert_eq!(parts, *audio.bytes());
        }
        let half = part(&audio(8_002), 0, SECOND);
        assert_eq!(half.bytes().len(), 8_002);
    }

    #[test]
    fn short_audio_is_repeated_as_a_whole() {
        let repeated = repeat(&audio(3_000), SECOND);
        assert_eq!(*repeated.bytes(), audio(3_000).bytes().repeat(3));
        assert_eq!(repeat(&audio(8_000), SECOND), audio(8_000));
    }

    #[test]
    fn a_file_is_kept_at_its_rate_or_the_next_one_up_to_16_khz() {
        for (hz, kept) in [
            (4_000, 8_000),
            (8_000, 8_000),
            (11_025, 12_000),
            (16_000, 16_000),
            (22_050, 16_000),
            (44_100, 16_000),
            (200_000, 16_000),
        ] {
            assert_eq!(source_rate(hz).hz(), kept, "{hz}");
        }
    }
}
