use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::coding::Coding;
use super::riff::{self, DataSize};
use super::{FileKind, FileWarning, RawFormat, ReadError, ReadErrorKind};
use crate::g722::G722;
use crate::{Resampler, SampleRate, UnsupportedRate, pcm};

/// The size of the read buffer in bytes. It is larger than a sample of 32 channels of 64 bits.
const BUFFER: usize = 16 * 1024;

/// Reads audio from a file, a pipe or any [`Read`], as mono samples.
///
/// It reads WAV files with integer, floating-point, A-law and µ-law samples, and the raw files of Asterisk. It never
/// seeks, so a pipe works too. It mixes all channels to one, and rounds and clips wider samples to 16 bits.
///
/// A file that is cut short or has wrong sizes is read up to its end. Then [`warnings`](Self::warnings) reports it. The
/// reader takes about 16 kB of memory, whatever size the header announces.
///
/// Read a whole file at the sample rate of a call:
///
/// ```no_run
/// use std::time::Duration;
///
/// use audiosocket_media::SampleRate;
/// use audiosocket_media::file::AudioReader;
///
/// let mut file = AudioReader::open("greeting.wav")?;
/// let samples = file.read_all(SampleRate::Hz8000, Duration::from_secs(60))?;
/// for warning in file.warnings() {
///     eprintln!("greeting.wav: {warning}");
/// }
/// # Ok::<(), audiosocket_media::file::ReadError>(())
/// ```
///
/// Read a stream of speech as it arrives, and resample it:
///
/// ```
/// use audiosocket_media::file::AudioReader;
/// use audiosocket_media::{Resampler, SampleRate};
///
/// # let mut speech = std::io::Cursor::new(Vec::new());
/// # let mut wav = audiosocket_media::wav::WavWriter::new(&mut speech, SampleRate::Hz24000)?;
/// # wav.write(&[0; 2_400])?;
/// # wav.finish()?;
/// # let speech = speech.into_inner();
/// let mut reader = AudioReader::new(&speech[..])?; // or a pipe, or a socket
/// let mut resampler = Resampler::between(reader.sample_rate(), 16_000)?;
/// let (mut samples, mut output) = (Vec::new(), Vec::new());
/// while reader.read(&mut samples)? > 0 {
///     resampler.push(&samples, &mut output);
///     samples.clear();
///     // Play `output` here.
/// }
/// resampler.finish(&mut output);
/// assert_eq!(output.len(), 1_600);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AudioReader<R> {
    source: R,
    path: Option<PathBuf>,
    coding: Coding,
    g722: G722,
    channels: usize,
    /// In Hz.
    rate: u32,
    size: DataSize,
    /// The number of bytes of audio so far.
    position: u64,
    buffer: Vec<u8>,
    /// The number of bytes in `buffer`: the start of an incomplete sample.
    filled: usize,
    interleaved: Vec<i16>,
    is_at_end: bool,
    warnings: Vec<FileWarning>,
}

impl AudioReader<BufReader<File>> {
    /// Opens a file.
    ///
    /// The first bytes decide whether the file is WAV. Otherwise the extension decides, see [`RawFormat::of_path`].
    ///
    /// # Errors
    ///
    /// [`ReadErrorKind::Io`] if the file cannot be opened, and the errors of [`new`](Self::new). The error has the path.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let error = |kind| ReadError::new(Some(path.to_owned()), kind);
        let io_error = |io| error(ReadErrorKind::Io(io));
        let file = File::open(path).map_err(io_error)?;
        if file.metadata().map_err(io_error)?.is_dir() {
            return Err(error(ReadErrorKind::Directory));
        }
        let source = BufReader::new(file);
        let known = FileKind::of_extension(path);
        let mut reader = Self::detect(source, RawFormat::of_path(path)).map_err(|kind| {
            error(match (kind, known) {
                (ReadErrorKind::NotWav(_), Some(known)) => ReadErrorKind::NotWav(known),
                (kind, _) => kind,
            })
        })?;
        reader.path = Some(path.to_owned());
        Ok(reader)
    }
}

impl<R: Read> AudioReader<R> {
    /// Reads the header of a WAV stream. It blocks until the whole header has arrived.
    ///
    /// # Errors
    ///
    /// [`ReadErrorKind::NotWav`], [`ReadErrorKind::Malformed`], [`ReadErrorKind::UnsupportedAudio`] and others if the stream
    /// cannot be read. No input panics.
    pub fn new(source: R) -> Result<Self, ReadError> {
        Self::detect(source, None).map_err(|kind| ReadError::new(None, kind))
    }

    /// Reads a stream without a header.
    #[must_use]
    pub fn raw(source: R, format: RawFormat) -> Self {
        Self::with_format(source, format.coding, 1, format.rate.hz(), DataSize::Open)
    }

    /// Reads a WAV stream, or a stream of the format `raw` if it is not WAV.
    fn detect(mut source: R, raw: Option<RawFormat>) -> Result<Self, ReadErrorKind> {
        // A longer start names more kinds of files, but a pipe can have a pause after the header.
        let mut start = [0; 12];
        let len = fill(&mut source, &mut start).map_err(ReadErrorKind::Io)?;
        if len == start.len() && riff::is_wav(&start) {
            let header = riff::read_header(&start, &mut source)?;
            if !(Resampler::MIN_HZ..=Resampler::MAX_HZ).contains(&header.rate) {
                return Err(ReadErrorKind::Rate(UnsupportedRate { hz: header.rate }));
            }
            let channels = header.channels.into();
            return Ok(Self::with_format(
                source,
                header.coding,
                channels,
                header.rate,
                header.size,
            ));
        }
        if let (Some(format), 1..) = (raw, len) {
            let mut reader = Self::raw(source, format);
            reader.buffer[..len].copy_from_slice(&start[..len]);
            reader.filled = len;
            reader.position = len as u64;
            return Ok(reader);
        }
        let mut more = [0; 64];
        more[..len].copy_from_slice(&start[..len]);
        let more_len = match len {
            12 => fill(&mut source, &mut more[len..]).map_err(ReadErrorKind::Io)?,
            _ => 0,
        };
        Err(riff::not_wav(&more[..len + more_len]))
    }

    fn with_format(source: R, coding: Coding, channels: usize, rate: u32, size: DataSize) -> Self {
        Self {
            source,
            path: None,
            coding,
            g722: G722::default(),
            channels,
            rate,
            size,
            position: 0,
            buffer: vec![0; BUFFER],
            filled: 0,
            interleaved: Vec::new(),
            is_at_end: false,
            warnings: Vec::new(),
        }
    }

    /// Returns the sample rate of the file, in Hz.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        self.rate
    }

    /// Returns the number of channels of the file. [`read`](Self::read) mixes them to one.
    #[must_use]
    pub const fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the defects of the file that were found so far. Most are found at the end of the audio.
    #[must_use]
    pub fn warnings(&self) -> &[FileWarning] {
        &self.warnings
    }

    /// Appends the next mono samples to `samples`, at the [sample rate of the file](Self::sample_rate). Returns their
    /// number, which is 0 at the end of the audio.
    ///
    /// It blocks until at least one sample has arrived, and returns at most 32,768 samples.
    ///
    /// # Errors
    ///
    /// [`ReadErrorKind::Io`].
    pub fn read(&mut self, samples: &mut Vec<i16>) -> Result<usize, ReadError> {
        let block = self.coding.len() * self.channels;
        while !self.is_at_end {
            let whole = self.filled - self.filled % block;
            if whole > 0 {
                self.interleaved.clear();
                let bytes = &self.buffer[..whole];
                self.coding
                    .decode(bytes, &mut self.g722, &mut self.interleaved);
                pcm::downmix(&self.interleaved, self.channels, samples);
                self.buffer.copy_within(whole..self.filled, 0);
                self.filled -= whole;
                return Ok(self.interleaved.len() / self.channels);
            }
            self.fill_buffer()?;
        }
        Ok(0)
    }

    /// Reads the rest of the audio and resamples it to `rate`.
    ///
    /// `longest` limits the duration, and so the memory: a sample takes two bytes, so a minute at 8 kHz takes 960 kB. The
    /// cost is about the cost of resampling, see the [table](crate#what-it-costs).
    ///
    /// # Errors
    ///
    /// [`ReadErrorKind::TooLong`] if the audio is longer than `longest`, and [`ReadErrorKind::Io`].
    pub fn read_all(&mut self, rate: SampleRate, longest: Duration) -> Result<Vec<i16>, ReadError> {
        let mut resampler = Resampler::between(self.rate, rate.hz())
            .map_err(|error| self.error(ReadErrorKind::Rate(error)))?;
        let (mut mono, mut output) = (Vec::new(), Vec::new());
        let mut read = 0;
        loop {
            mono.clear();
            let count = self.read(&mut mono)?;
            if count == 0 {
                resampler.finish(&mut output);
                return Ok(output);
            }
            read += count as u128;
            if read * 1_000_000_000 > longest.as_nanos() * u128::from(self.rate) {
                return Err(self.error(ReadErrorKind::TooLong { longest }));
            }
            resampler.push(&mono, &mut output);
        }
    }

    /// Makes one read from the source. At the end of the audio, records the warnings.
    fn fill_buffer(&mut self) -> Result<(), ReadError> {
        let left = match self.size {
            DataSize::Known(size) | DataSize::AtMost(size) => size - self.position,
            DataSize::Open => u64::MAX,
        };
        let free = &mut self.buffer[self.filled..];
        let most = usize::try_from(left).map_or(free.len(), |left| left.min(free.len()));
        let len = loop {
            if most == 0 {
                break 0;
            }
            match self.source.read(&mut free[..most]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(ReadErrorKind::Io(error))),
                Ok(len) => break len.min(most),
            }
        };
        self.filled += len;
        self.position += len as u64;
        if len == 0 {
            self.is_at_end = true;
            if let DataSize::Known(announced) = self.size
                && self.position < announced
            {
                let found = self.position;
                self.warnings
                    .push(FileWarning::CutShort { announced, found });
            }
            if self.filled > 0 {
                let bytes = self.filled as u64;
                self.warnings.push(FileWarning::IncompleteSample { bytes });
            }
        }
        Ok(())
    }

    fn error(&self, kind: ReadErrorKind) -> ReadError {
        ReadError::new(self.path.clone(), kind)
    }
}

impl<R> fmt::Debug for AudioReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioReader")
            .field("path", &self.path)
            .field("coding", &self.coding)
            .field("channels", &self.channels)
            .field("rate", &self.rate)
            .field("size", &self.size)
            .field("position", &self.position)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Reads until `buffer` is full or the source ends. Returns the number of bytes.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match source.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
