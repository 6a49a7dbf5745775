use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use audiosocket_proto::AudioBuf;

use crate::file::{AudioReader, FileWarning, ReadError};
use crate::{Resampler, SampleRate};

/// Audio that calls of any sample rate play.
///
/// A prompt is resampled once for each sample rate, when a call first needs that rate. Then all calls share the memory:
/// a prompt that 10,000 calls play is in memory once for each rate. Clones share the memory too.
///
/// Play it at the rate that `call.answer_rate()` returns: see [`SampleRate::answer_rate`].
///
/// ```no_run
/// use audiosocket_media::{Prompt, SampleRate};
///
/// let greeting = Prompt::open("greeting.wav")?;
/// // On a call: `call.play(greeting.at(call.answer_rate())).await?`
/// let audio = greeting.at(SampleRate::Hz16000);
/// assert_eq!(audio.rate(), SampleRate::Hz16000);
/// # Ok::<(), audiosocket_media::file::ReadError>(())
/// ```
#[derive(Clone)]
pub struct Prompt {
    shared: Arc<SharedPrompt>,
}

struct SharedPrompt {
    warnings: Vec<FileWarning>,
    source: AudioBuf,
    /// The audio at each other rate, in the order of [`SampleRate::ALL`].
    converted: [OnceLock<AudioBuf>; SampleRate::ALL.len()],
}

impl Prompt {
    /// The maximum duration of a file for [`open`](Self::open): ten minutes. At 8 kHz, that is 9.6 MB.
    pub const LONGEST: Duration = Duration::from_secs(600);

    /// Reads a WAV file or a raw file of Asterisk. It blocks until it has read the whole file.
    ///
    /// The prompt keeps the sample rate of the file. If AudioSocket does not have that rate, it keeps the next higher one.
    ///
    /// # Errors
    ///
    /// The errors of [`AudioReader`]. One of them is that the file is longer than [`LONGEST`](Self::LONGEST).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        Self::read(AudioReader::open(path)?)
    }

    /// Reads the audio of `reader` up to its end, for example the answer of a text-to-speech server.
    ///
    /// # Errors
    ///
    /// The same as for [`open`](Self::open).
    pub fn read(mut reader: AudioReader<impl Read>) -> Result<Self, ReadError> {
        let hz = reader.sample_rate();
        let rate = SampleRate::ALL.into_iter().find(|rate| rate.hz() >= hz);
        let rate = rate.unwrap_or(SampleRate::Hz192000);
        let samples = reader.read_all(rate, Self::LONGEST)?;
        let audio = AudioBuf::from_samples(rate, &samples);
        Ok(Self::new(audio, reader.warnings().to_vec()))
    }

    /// Makes a prompt from mono samples at `rate`.
    #[must_use]
    pub fn from_samples(rate: SampleRate, samples: impl AsRef<[i16]>) -> Self {
        AudioBuf::from_samples(rate, samples.as_ref()).into()
    }

    fn new(source: AudioBuf, warnings: Vec<FileWarning>) -> Self {
        Self {
            shared: Arc::new(SharedPrompt {
                warnings,
                source,
                converted: Default::default(),
            }),
        }
    }

    /// Returns the defects of the file, for the log. The prompt has all audio that the file has.
    #[must_use]
    pub fn warnings(&self) -> &[FileWarning] {
        &self.shared.warnings
    }

    /// Returns the audio at `rate`. The first call for a rate resamples the whole prompt. Later calls return the same
    /// memory.
    #[must_use]
    pub fn at(&self, rate: SampleRate) -> AudioBuf {
        if rate == self.shared.source.rate() {
            return self.shared.source.clone();
        }
        let index = SampleRate::ALL.iter().position(|other| *other == rate);
        let converted = index.and_then(|index| self.shared.converted.get(index));
        match converted {
            Some(cell) => cell.get_or_init(|| self.convert(rate)).clone(),
            None => self.convert(rate),
        }
    }

    /// Returns the duration of the prompt.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.shared.source.duration()
    }

    fn convert(&self, rate: SampleRate) -> AudioBuf {
        let source = &self.shared.source;
        let mut resampler = Resampler::new(source.rate(), rate);
        let (mut second, mut converted) = (Vec::new(), Vec::new());
        // A second at a time, so that no copy of all samples is made.
        let mut samples = source.samples();
        loop {
            second.clear();
            second.extend(samples.by_ref().take(source.rate().hz() as usize));
            if second.is_empty() {
                break;
            }
            resampler.push(&second, &mut converted);
        }
        resampler.finish(&mut converted);
        AudioBuf::from_samples(rate, &converted)
    }
}

/// The prompt shares the memory of the audio.
impl From<AudioBuf> for Prompt {
    fn from(source: AudioBuf) -> Self {
        Self::new(source, Vec::new())
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("rate", &self.shared.source.rate())
            .field("duration", &self.duration())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn every_rate_has_the_same_duration_and_is_converted_once() {
        let prompt =
            Prompt::from_samples(SampleRate::Hz16000, tone(SampleRate::Hz16000, 440, SECOND));
        assert_eq!(prompt.duration(), SECOND);
        for rate in SampleRate::ALL {
            let audio = prompt.at(rate);
            assert_eq!((audio.rate(), audio.duration()), (rate, SECOND));
            assert_eq!(
                audio.bytes().as_ptr(),
                prompt.clone().at(rate).bytes().as_ptr()
            );
        }
    }

    #[test]
    fn audio_at_its_own_rate_is_not_copied() {
        let audio = AudioBuf::from_samples(SampleRate::Hz12000, &[1, 2, 3]);
        let prompt = Prompt::from(audio.clone());
        let played = prompt.at(SampleRate::Hz12000);
        assert_eq!(played.bytes().as_ptr(), audio.bytes().as_ptr());
        assert_eq!(prompt.at(SampleRate::Hz8000).bytes().len(), 4);
    }

    #[test]
    fn a_file_at_its_own_rate_has_the_same_samples() {
        let samples = tone(SampleRate::Hz8000, 440, SECOND);
        let path = std::env::temp_dir().join(format!("prompt-{}.wav", std::process::id()));
        let mut file = crate::wav::WavWriter::create(&path, SampleRate::Hz8000).unwrap();
        file.write(&samples).unwrap();
        file.finish().unwrap();
        let prompt = Prompt::open(&path);
        std::fs::remove_file(&path).unwrap();
        let audio = prompt.unwrap().at(SampleRate::Hz8000);
        assert!(audio.samples().eq(samples));
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let error = Prompt::open("/nonexistent.wav").unwrap_err();
        assert!(matches!(error.kind(), crate::file::ReadErrorKind::Io(_)));
    }
}
