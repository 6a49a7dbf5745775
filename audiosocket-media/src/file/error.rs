use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::FileKind;
use super::kind::{command, quoted};
use crate::{Resampler, UnsupportedRate};

/// The reason that an audio file cannot be read. The text has the path, the reason and the command that converts the file.
///
/// The path is missing if the audio does not come from a file. `Debug` prints the same text as `Display`, because Rust
/// prints the `Debug` of an error that `main` returns.
pub struct ReadError {
    path: Option<PathBuf>,
    kind: ReadErrorKind,
}

impl ReadError {
    pub(super) const fn new(path: Option<PathBuf>, kind: ReadErrorKind) -> Self {
        Self { path, kind }
    }

    /// Returns the path of the file, as it was given to [`AudioReader::open`](super::AudioReader::open).
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the reason.
    #[must_use]
    pub const fn kind(&self) -> &ReadErrorKind {
        &self.kind
    }
}

/// The reason of a [`ReadError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The file has no bytes.
    Empty,
    /// The path is a folder.
    Directory,
    /// The file is not WAV.
    NotWav(FileKind),
    /// The file ends inside its header.
    HeaderCutShort,
    /// The header of the WAV file is wrong.
    Malformed(&'static str),
    /// The WAV file has audio that is not supported, such as ADPCM.
    #[non_exhaustive]
    UnsupportedAudio {
        /// The format tag of the file. For an extensible header, it is the tag of the sub-format.
        tag: u16,
        /// The number of channels.
        channels: u16,
        /// The number of bits of a sample.
        bits: u16,
    },
    /// The sample rate is not supported.
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
        let path = self.path.as_deref();
        if let Some(path) = path {
            write!(f, "{}: ", quoted(path))?;
        }
        let conversion = match &self.kind {
            ReadErrorKind::Empty => return f.write_str("the file is empty"),
            ReadErrorKind::Directory => return f.write_str("this is a folder; give a file"),
            ReadErrorKind::HeaderCutShort => {
                return f.write_str("the file ends inside its WAV header; make it again");
            }
            ReadErrorKind::Io(error) => {
                write!(f, "reading the file failed: {error}")?;
                return match (error.kind(), path) {
                    (io::ErrorKind::NotFound, Some(_)) => f.write_str(
                        "; check the path, or make a file: espeak-ng -w greeting.wav \"Hello\"",
                    ),
                    (io::ErrorKind::PermissionDenied, Some(_)) => {
                        f.write_str("; make the file readable for this process")
                    }
                    _ => Ok(()),
                };
            }
            ReadErrorKind::TooLong { longest } => {
                let seconds = longest.as_secs_f64();
                return write!(
                    f,
                    "the audio is longer than the limit of {seconds} s; cut it into shorter files"
                );
            }
            ReadErrorKind::NotWav(FileKind::Unknown) => {
                return f.write_str(
                    "not a WAV file, and no known audio file; give raw audio the extension .sln, .ulaw or .alaw",
                );
            }
            ReadErrorKind::NotWav(kind) => {
                write!(f, "not a WAV file, but {kind}")?;
                kind.conversion(path)
            }
            ReadErrorKind::Malformed(what) => {
                write!(f, "not a valid WAV file: {what}")?;
                Some(command("ffmpeg -i", path, "-ac 1"))
            }
            ReadErrorKind::Rate(UnsupportedRate { hz }) => {
                let (min, max) = (Resampler::MIN_HZ, Resampler::MAX_HZ);
                write!(
                    f,
                    "the sample rate of {hz} Hz is not between {min} and {max} Hz"
                )?;
                Some(command("ffmpeg -i", path, "-ac 1 -ar 16000"))
            }
            ReadErrorKind::UnsupportedAudio {
                tag,
                channels,
                bits,
            } => {
                let name = tag_name(*tag);
                write!(f, "the WAV file has {name} audio (format tag {tag:#06x}, ")?;
                write!(
                    f,
                    "{channels} channels, {bits} bits), which is not supported"
                )?;
                Some(command("ffmpeg -i", path, "-ac 1"))
            }
        };
        match conversion {
            Some(command) => write!(f, "; convert it: {command}"),
            None => Ok(()),
        }
    }
}

fn tag_name(tag: u16) -> &'static str {
    match tag {
        0x0001 => "PCM",
        0x0002 => "Microsoft ADPCM",
        0x0003 => "floating-point",
        0x0006 => "A-law",
        0x0007 => "µ-law",
        0x0011 => "IMA ADPCM",
        0x0031 => "GSM",
        0x0045 | 0x0064 => "G.726",
        0x0050 | 0x0055 => "MPEG",
        0x0065 | 0x028f => "G.722",
        0x00ff => "AAC",
        0x0161 | 0x0162 => "Windows Media",
        _ => "unknown",
    }
}

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text has the whole reason, so the error has no source.
impl Error for ReadError {}

impl From<ReadError> for io::Error {
    /// Keeps the kind of an I/O error. Other errors become [`io::ErrorKind::Other`].
    fn from(error: ReadError) -> Self {
        let kind = match &error.kind {
            ReadErrorKind::Io(error) => error.kind(),
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// A defect of a file that was read anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileWarning {
    /// The file has less audio than its header announces. All audio that is there was read.
    #[non_exhaustive]
    CutShort {
        /// The number of bytes of audio that the header announces.
        announced: u64,
        /// The number of bytes of audio in the file.
        found: u64,
    },
    /// The last bytes of the audio are less than a sample of each channel. They were ignored.
    #[non_exhaustive]
    IncompleteSample {
        /// The number of ignored bytes.
        bytes: u64,
    },
}

impl fmt::Display for FileWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort { announced, found } => write!(
                f,
                "the file is cut short: its header announces {announced} bytes of audio, and it has {found}"
            ),
            Self::IncompleteSample { bytes } => {
                write!(f, "the audio ends inside a sample; ignored bytes: {bytes}")
            }
        }
    }
}
