use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use hound::{SampleFormat, WavSpec};

use crate::SampleRate;

/// Writes mono audio of 16 bits to a WAV file that can be played at any moment, also if the
/// program dies or the disk is full.
///
/// A WAV file says at its beginning how long it is. Here that is brought up to date after each
/// second of audio, after the audio itself is written; so what is lost when the program ends
/// without [`finish`](Self::finish) is a second at most (and nothing if it ends by dropping the
/// writer), and [`recount`](super::recount) finds that again. To survive the machine's end too, the file would have to be synced, which is left
/// to the caller.
///
/// Latency: none. Cost: a copy, and with [`create`](Self::create) a system call for each 4,096
/// samples and some for each second; these block, so on an asynchronous runtime a thread of its own
/// should write.
///
/// ```
/// use std::io::Cursor;
/// use audiosocket_media::{SampleRate, wav::WavWriter};
///
/// let mut file = Cursor::new(Vec::new());
/// let mut wav = WavWriter::new(&mut file, SampleRate::Hz8000)?;
/// wav.write(&[0; 160])?;
/// wav.finish()?;
/// assert_eq!(file.into_inner().len(), 44 + 2 * 160);
/// # Ok::<(), audiosocket_media::wav::WriteError>(())
/// ```
pub struct WavWriter<W: Write + Seek> {
    wav: hound::WavWriter<W>,
    /// Samples per second, and so between two updates of the header.
    hz: u32,
    /// Samples that the header does not count yet.
    uncounted: u32,
    written: u32,
}

impl WavWriter<BufWriter<File>> {
    /// Creates the file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`] if that fails, or writing the header does.
    pub fn create(path: impl AsRef<Path>, rate: SampleRate) -> Result<Self, WriteError> {
        let file = File::create(path).map_err(WriteError::Io)?;
        Self::new(BufWriter::new(file), rate)
    }
}

impl<W: Write + Seek> WavWriter<W> {
    /// The most samples that fit a file, whose length is counted in 32 bits of bytes: three days
    /// at 8 kHz.
    pub const MAX_SAMPLES: u32 = (u32::MAX - 44) / 2;

    /// Begins a WAV file at the beginning of `writer`, which should be buffered.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`] if writing the header fails.
    pub fn new(writer: W, rate: SampleRate) -> Result<Self, WriteError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: rate.hz(),
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut wav = Self {
            wav: hound::WavWriter::new(writer, spec)?,
            hz: rate.hz(),
            uncounted: 0,
            written: 0,
        };
        // A header whose length is 0 because nothing came is right, one that is not there is not.
        wav.flush()?;
        Ok(wav)
    }

    /// Appends `samples`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Full`] if they do not all fit, of which none is written then;
    /// [`WriteError::Io`] if writing fails. After either the file is playable up to where it was.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), WriteError> {
        let room = Self::MAX_SAMPLES - self.written;
        if samples.len() > room as usize {
            return Err(WriteError::Full);
        }
        // In pieces, so that a long write is counted on its way too.
        for piece in samples.chunks(self.hz as usize) {
            let len = piece.len() as u32;
            let mut writer = self.wav.get_i16_writer(len);
            for sample in piece {
                writer.write_sample(*sample);
            }
            writer.flush()?;
            self.written += len;
            self.uncounted += len;
            if self.uncounted >= self.hz {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Hands all audio to the system, and makes the header count it.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`]; the header is as it was, unless writing it is what failed.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.wav.flush()?;
        self.uncounted = 0;
        Ok(())
    }

    /// Ends the file. Dropping the writer does the same, but tells of no error.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn finish(self) -> Result<(), WriteError> {
        Ok(self.wav.finalize()?)
    }

    /// Samples written so far.
    #[must_use]
    pub const fn written(&self) -> u32 {
        self.written
    }
}

impl<W: Write + Seek> fmt::Debug for WavWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WavWriter")
            .field("hz", &self.hz)
            .field("written", &self.written)
            .field("uncounted", &self.uncounted)
            .finish_non_exhaustive()
    }
}

/// Why audio could not be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The file has no room for so many samples, see [`WavWriter::MAX_SAMPLES`].
    Full,
    /// Writing failed.
    Io(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("a WAV file cannot be longer than 4 GiB"),
            Self::Io(_) => f.write_str("writing the WAV file failed"),
        }
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Full => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<hound::Error> for WriteError {
    fn from(error: hound::Error) -> Self {
        match error {
            hound::Error::IoError(error) => Self::Io(error),
            // Only what is written or read in another format has other errors.
            error => Self::Io(io::Error::other(error)),
        }
    }
}
