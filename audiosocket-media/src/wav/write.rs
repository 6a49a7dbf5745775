use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use hound::{SampleFormat, WavSpec};

use crate::SampleRate;

/// Writes audio of 16 bits to a WAV file, with one channel or two. The file is playable at any time, also after a crash or when the disk is
/// full.
///
/// The header of a WAV file contains the length of the audio. The writer updates the header after each second of audio,
/// after it has written the audio. [`finish`](Self::finish) and a drop of the writer update it too. A crash loses at most
/// one second, and [`recount`](super::recount) recovers that second. The writer does not sync the file to the disk: call
/// [`File::sync_data`] if the audio must survive a power failure.
///
/// A writer of [`create`](Self::create) makes one system call for each 4,096 samples and a few for each second. They
/// block: on an asynchronous runtime, write from a separate thread.
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
    /// The number of samples in a second of all channels, which is the number between two updates of the header.
    per_second: u32,
    /// Samples that the header does not count yet.
    uncounted: u32,
    written: u32,
}

impl WavWriter<BufWriter<File>> {
    /// Creates the file. If the file exists, it is emptied.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`] if the file cannot be created or the header cannot be written.
    pub fn create(path: impl AsRef<Path>, rate: SampleRate) -> Result<Self, WriteError> {
        let file = File::create(path).map_err(WriteError::Io)?;
        Self::new(BufWriter::new(file), rate)
    }
}

impl<W: Write + Seek> WavWriter<W> {
    /// The maximum number of samples in a file, of all channels: three days at 8 kHz, or half of that with two channels.
    /// A WAV file counts its bytes with 32 bits.
    pub const MAX_SAMPLES: u32 = (u32::MAX - 44) / 4 * 2;

    /// Writes the header of a mono WAV file at the current position of `writer`.
    ///
    /// Give it a buffered writer, such as [`BufWriter`].
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`] if the header cannot be written.
    pub fn new(writer: W, rate: SampleRate) -> Result<Self, WriteError> {
        Self::with_channels(writer, rate, 1)
    }

    /// Writes the header of a stereo WAV file at the current position of `writer`. The file then takes pairs of samples,
    /// left before right. Each [`write`](Self::write) must have whole pairs.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn new_stereo(writer: W, rate: SampleRate) -> Result<Self, WriteError> {
        Self::with_channels(writer, rate, 2)
    }

    fn with_channels(writer: W, rate: SampleRate, channels: u16) -> Result<Self, WriteError> {
        let spec = WavSpec {
            channels,
            sample_rate: rate.hz(),
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut wav = Self {
            wav: hound::WavWriter::new(writer, spec)?,
            per_second: rate.hz() * u32::from(channels),
            uncounted: 0,
            written: 0,
        };
        // A file without audio is a valid file only if it has a header.
        wav.flush()?;
        Ok(wav)
    }

    /// Appends `samples`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Full`] if the file has no room for all samples; then it writes none of them. [`WriteError::Io`] if
    /// writing fails. After either error, the file is still playable up to its last update.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), WriteError> {
        let room = Self::MAX_SAMPLES - self.written;
        if samples.len() > room as usize {
            return Err(WriteError::Full);
        }
        // In pieces of a second, so that the header is also updated during a long write.
        for piece in samples.chunks(self.per_second as usize) {
            let len = piece.len() as u32;
            let mut writer = self.wav.get_i16_writer(len);
            for sample in piece {
                writer.write_sample(*sample);
            }
            writer.flush()?;
            self.written += len;
            self.uncounted += len;
            if self.uncounted >= self.per_second {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes all buffered audio to the file, and updates the header.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`] if writing fails. If the audio could not be written, the header does not change.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.wav.flush()?;
        self.uncounted = 0;
        Ok(())
    }

    /// Ends the file and updates the header. A drop of the writer does the same, but ignores errors.
    ///
    /// # Errors
    ///
    /// The errors of [`flush`](Self::flush).
    pub fn finish(self) -> Result<(), WriteError> {
        Ok(self.wav.finalize()?)
    }

    /// Returns the number of samples written so far, of all channels.
    #[must_use]
    pub const fn written(&self) -> u32 {
        self.written
    }
}

impl<W: Write + Seek> fmt::Debug for WavWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WavWriter")
            .field("per_second", &self.per_second)
            .field("written", &self.written)
            .field("uncounted", &self.uncounted)
            .finish_non_exhaustive()
    }
}

/// The reason that audio cannot be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The file has no room for the samples, see [`WavWriter::MAX_SAMPLES`].
    Full,
    /// The system returned an error.
    Io(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => {
                f.write_str("the WAV file is full: it holds at most 4 GiB; start another file")
            }
            Self::Io(_) => f.write_str("the WAV file cannot be written"),
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
            // `hound` has other errors only for other formats.
            error => Self::Io(io::Error::other(error)),
        }
    }
}
