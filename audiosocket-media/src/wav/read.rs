use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec};

use crate::{Resampler, SampleRate, UnsupportedRate, pcm};

/// The most channels that a file may have: more than any arrangement of loudspeakers.
const MAX_CHANNELS: u16 = 32;

/// Frames of a file that are converted in one go.
const BATCH: usize = 1024;

/// Reads a WAV file into mono samples at `rate`, whatever it has: 8, 16, 24 or 32 bits or floating
/// point, up to 32 channels, 4,000 to 192,000 samples per second. See [`read`].
///
/// Latency: it returns when the whole file is read, and blocks until then. Cost: that of [`read`].
///
/// # Errors
///
/// Those of [`read`], and [`ReadError::Io`] if the file cannot be opened.
pub fn read_file(
    path: impl AsRef<Path>,
    rate: SampleRate,
    longest: Duration,
) -> Result<Vec<i16>, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    read(BufReader::new(file), rate, longest)
}

/// Reads WAV into mono samples at `rate`: channels are mixed, the rate is changed by a
/// [`Resampler`], wider samples are rounded to 16 bits and clipped.
///
/// `longest` bounds what is held in memory: two bytes a sample, so 960 kB for a minute at 8 kHz. A
/// file that says that it is longer is refused before its audio is read; one that lies about its
/// length is not believed beyond what is there.
///
/// Not read are A-law, µ-law and other compressed WAV, and a header whose length was left open
/// because it was written to a pipe.
///
/// Latency: it returns when all is read; that of the resampler is taken out of what it returns. Cost:
/// about that of resampling, which is in the [table](crate#what-it-costs). It reads in small pieces: a
/// source that is not in memory needs a [`BufReader`].
///
/// ```no_run
/// use std::time::Duration;
/// use audiosocket_media::{SampleRate, wav};
///
/// let prompt = wav::read_file("prompt.wav", SampleRate::Hz8000, Duration::from_secs(60))?;
/// # Ok::<(), wav::ReadError>(())
/// ```
///
/// # Errors
///
/// See [`ReadError`]. No input panics.
pub fn read(wav: impl Read, rate: SampleRate, longest: Duration) -> Result<Vec<i16>, ReadError> {
    let mut source = Source { wav, ended: false };
    let samples = read_source(&mut source, rate, longest);
    samples.map_err(|error| source.tell(error))
}

/// Samples per second of a WAV file, by its header alone: to choose what to [read](read_file) it at.
///
/// Latency and cost: those of opening the file and one read from it, however long it is.
///
/// # Errors
///
/// See [`ReadError`]; of [`ReadError::Rate`] and [`ReadError::TooLong`] only reading tells.
pub fn rate_of_file(path: impl AsRef<Path>) -> Result<u32, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    let mut source = Source {
        wav: BufReader::new(file),
        ended: false,
    };
    let rate = WavReader::new(&mut source).map(|wav| wav.spec().sample_rate);
    rate.map_err(|error| source.tell(error.into()))
}

fn read_source(
    source: &mut Source<impl Read>,
    rate: SampleRate,
    longest: Duration,
) -> Result<Vec<i16>, ReadError> {
    let wav = WavReader::new(source)?;
    let spec = wav.spec();
    let unsupported = ReadError::Unsupported {
        channels: spec.channels,
        bits: spec.bits_per_sample,
    };
    // `hound` takes the number of significant bits as it finds it.
    if spec.channels > MAX_CHANNELS || !(1..=32).contains(&spec.bits_per_sample) {
        return Err(unsupported);
    }
    let frames = u128::from(wav.duration());
    if frames * 1_000_000_000 > longest.as_nanos() * u128::from(spec.sample_rate) {
        return Err(ReadError::TooLong { longest });
    }
    let conversion = Conversion::new(&spec, rate)?;
    match spec.sample_format {
        SampleFormat::Float => conversion.convert(wav.into_samples::<f32>(), |batch, samples| {
            pcm::from_f32(batch, samples);
        }),
        SampleFormat::Int => {
            let bits = u32::from(spec.bits_per_sample);
            conversion.convert(wav.into_samples::<i32>(), |batch, samples| {
                samples.extend(batch.iter().map(|sample| to_16_bits(*sample, bits)));
            })
        }
    }
}

/// Of a sample of 1 to 32 bits the most significant 16, rounded and clipped.
fn to_16_bits(sample: i32, bits: u32) -> i16 {
    let full_scale = i64::from(sample) << (32 - bits);
    let rounded = (full_scale + (1 << 15)) >> 16;
    rounded.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

/// From a file's frames to mono at the wanted rate.
struct Conversion {
    channels: usize,
    resampler: Resampler,
}

impl Conversion {
    fn new(spec: &WavSpec, rate: SampleRate) -> Result<Self, ReadError> {
        Ok(Self {
            channels: usize::from(spec.channels),
            resampler: Resampler::between(spec.sample_rate, rate.hz())?,
        })
    }

    fn convert<S>(
        mut self,
        mut samples: impl Iterator<Item = hound::Result<S>>,
        to_i16: impl Fn(&[S], &mut Vec<i16>),
    ) -> Result<Vec<i16>, ReadError> {
        let (mut read, mut interleaved, mut mono) = (Vec::new(), Vec::new(), Vec::new());
        let mut converted = Vec::new();
        loop {
            read.clear();
            for sample in samples.by_ref().take(BATCH * self.channels) {
                read.push(sample?);
            }
            if read.is_empty() {
                self.resampler.finish(&mut converted);
                return Ok(converted);
            }
            interleaved.clear();
            to_i16(&read, &mut interleaved);
            mono.clear();
            pcm::downmix(&interleaved, self.channels, &mut mono);
            self.resampler.push(&mono, &mut converted);
        }
    }
}

/// Remembers whether it came to an end.
struct Source<R> {
    wav: R,
    ended: bool,
}

impl<R> Source<R> {
    /// To `hound` an early end is an error of reading, of no kind of its own.
    fn tell(&self, error: ReadError) -> ReadError {
        match error {
            ReadError::Io(_) if self.ended => ReadError::Truncated,
            error => error,
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.wav.read(buffer)?;
        self.ended |= len == 0 && !buffer.is_empty();
        Ok(len)
    }
}

/// Why a WAV file could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// It does not begin as a WAV file does, or contradicts itself; with what is wrong.
    Malformed(&'static str),
    /// It ends within its header, or before as much audio as the header says.
    Truncated,
    /// It is WAV, but compressed, or of a kind that is not read. Both are 0 if it is not PCM.
    #[non_exhaustive]
    Unsupported {
        /// How many channels it has.
        channels: u16,
        /// How many bits a sample has.
        bits: u16,
    },
    /// Its rate cannot be resampled.
    Rate(UnsupportedRate),
    /// It is longer than the caller would have.
    #[non_exhaustive]
    TooLong {
        /// What the caller would have.
        longest: Duration,
    },
    /// Reading failed.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "not a WAV file: {what}"),
            Self::Truncated => f.write_str("the WAV file ends too early"),
            Self::Unsupported { channels: 0, .. } => {
                f.write_str("a WAV file with compressed audio, or of an unknown kind")
            }
            Self::Unsupported { channels, bits } => {
                write!(f, "a WAV file of {channels} channels and {bits} bits")
            }
            Self::Rate(_) => f.write_str("a WAV file with an unusual rate"),
            Self::TooLong { longest } => {
                let seconds = longest.as_secs_f64();
                write!(f, "the WAV file is longer than {seconds} s")
            }
            Self::Io(_) => f.write_str("reading the WAV file failed"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rate(error) => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<UnsupportedRate> for ReadError {
    fn from(error: UnsupportedRate) -> Self {
        Self::Rate(error)
    }
}

impl From<hound::Error> for ReadError {
    fn from(error: hound::Error) -> Self {
        match error {
            hound::Error::IoError(error) => Self::Io(error),
            hound::Error::FormatError(what) => Self::Malformed(what),
            hound::Error::TooWide => Self::Malformed("a sample wider than the header says"),
            hound::Error::UnfinishedSample => Self::Truncated,
            hound::Error::Unsupported | hound::Error::InvalidSampleFormat => Self::Unsupported {
                channels: 0,
                bits: 0,
            },
        }
    }
}
