use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec};

use crate::{Resampler, SampleRate, UnsupportedRate, pcm};

/// The maximum number of channels. No arrangement of loudspeakers has more.
const MAX_CHANNELS: u16 = 32;

/// The number of frames that one step converts.
const BATCH: usize = 1024;

/// Reads a WAV file into mono samples at `rate`. See [`read`] for the formats.
///
/// The function blocks until it has read the whole file.
///
/// # Errors
///
/// The errors of [`read`], and [`ReadError::Io`] if the file cannot be opened.
pub fn read_file(
    path: impl AsRef<Path>,
    rate: SampleRate,
    longest: Duration,
) -> Result<Vec<i16>, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    read(BufReader::new(file), rate, longest)
}

/// Reads WAV audio into mono samples at `rate`.
///
/// It reads samples of 8, 16, 24 or 32 bits and 32-bit floating point, 1 to 32 channels, and 4,000 to 192,000 Hz. It
/// mixes the channels, changes the rate with a [`Resampler`], and rounds and clips wider samples to 16 bits. It does not
/// read compressed audio, such as A-law and µ-law.
///
/// `longest` limits the memory: a sample takes two bytes, so a minute at 8 kHz takes 960 kB. The function refuses a file
/// whose header announces more audio than `longest`, before it reads the audio.
///
/// The function returns when it has read everything. Its cost is about the cost of resampling, see the
/// [table](crate#what-it-costs). It makes small reads: use a [`BufReader`] for a source that is not in memory.
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
    samples.map_err(|error| source.classify(error))
}

/// Returns the sample rate of a WAV file, in Hz. It reads only the header.
///
/// # Errors
///
/// See [`ReadError`]. It never returns [`ReadError::Rate`] or [`ReadError::TooLong`]: these come from [`read_file`].
pub fn rate_of_file(path: impl AsRef<Path>) -> Result<u32, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    let mut source = Source {
        wav: BufReader::new(file),
        ended: false,
    };
    let rate = WavReader::new(&mut source).map(|wav| wav.spec().sample_rate);
    rate.map_err(|error| source.classify(error.into()))
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
    // `hound` does not check the number of significant bits.
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

/// Converts a sample of 1 to 32 bits to 16 bits. It rounds and clips.
fn to_16_bits(sample: i32, bits: u32) -> i16 {
    let full_scale = i64::from(sample) << (32 - bits);
    let rounded = (full_scale + (1 << 15)) >> 16;
    rounded.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

/// Converts the frames of a file to mono samples at one rate.
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

/// A reader that records whether its end was reached.
struct Source<R> {
    wav: R,
    ended: bool,
}

impl<R> Source<R> {
    /// Returns [`ReadError::Truncated`] for an I/O error at the end of the source. `hound` has no error for an early end.
    fn classify(&self, error: ReadError) -> ReadError {
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

/// The reason that a WAV file cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The header is not the header of a WAV file, or its values contradict each other.
    Malformed(&'static str),
    /// The file ends inside its header, or has less audio than the header announces.
    Truncated,
    /// The format of the audio is not supported. Both values are 0 if the audio is not PCM.
    #[non_exhaustive]
    Unsupported {
        /// The number of channels.
        channels: u16,
        /// The number of bits of a sample.
        bits: u16,
    },
    /// The sample rate of the file is not supported.
    Rate(UnsupportedRate),
    /// The audio is longer than the limit of the caller.
    #[non_exhaustive]
    TooLong {
        /// The limit.
        longest: Duration,
    },
    /// The system returned an error.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "not a WAV file: {what}"),
            Self::Truncated => f.write_str(
                "the WAV file is cut short: it has less audio than its header announces",
            ),
            Self::Unsupported { channels: 0, .. } => f.write_str(
                "the WAV file has compressed audio or an unknown format; convert it to 16-bit PCM",
            ),
            Self::Unsupported { channels, bits } => {
                write!(
                    f,
                    "a WAV file of {channels} channels and {bits} bits is not supported; convert it to mono, 16 bits"
                )
            }
            Self::Rate(_) => f.write_str("the sample rate of the WAV file is not supported"),
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
            hound::Error::TooWide => {
                Self::Malformed("a sample has more bits than the header announces")
            }
            hound::Error::UnfinishedSample => Self::Truncated,
            hound::Error::Unsupported | hound::Error::InvalidSampleFormat => Self::Unsupported {
                channels: 0,
                bits: 0,
            },
        }
    }
}
