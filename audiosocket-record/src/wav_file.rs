use std::io::{self, BufWriter};

use audiosocket_media::SampleRate;
use audiosocket_media::wav::{self, WavWriter, WriteError};

use crate::sides::Sides;
use crate::storage::Storage;

/// The maximum number of samples of a file.
pub(crate) const MAX_SAMPLES: u32 = WavWriter::<io::Empty>::MAX_SAMPLES;

/// The playable part of a file that has ended.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    pub(crate) name: String,
    pub(crate) seconds: f64,
}

/// A file of a recording while it is written, or two files of the same rate and length.
pub(crate) struct WavFile<S: Storage> {
    pub(crate) rate: SampleRate,
    sides: Sides,
    parts: Vec<OpenFile<S>>,
    /// The header does not count all audio.
    uncounted: bool,
}

struct OpenFile<S: Storage> {
    name: String,
    file: S::File,
    wav: WavWriter<BufWriter<S::File>>,
}

impl<S: Storage> WavFile<S> {
    /// Takes the names and the empty files of a recording: one for each of the
    /// [extensions](Sides::extensions).
    pub(crate) fn new(
        files: Vec<(String, S::File)>,
        rate: SampleRate,
        sides: Sides,
    ) -> io::Result<Self> {
        let open = |(name, file): (String, S::File)| {
            let writer = BufWriter::new(file.clone());
            let wav = match sides.channels() {
                2 => WavWriter::new_stereo(writer, rate),
                _ => WavWriter::new(writer, rate),
            };
            let wav = wav.map_err(io_error)?;
            Ok(OpenFile { name, file, wav })
        };
        Ok(Self {
            rate,
            sides,
            parts: files.into_iter().map(open).collect::<io::Result<_>>()?,
            uncounted: false,
        })
    }

    /// Returns the length in samples of one channel.
    pub(crate) fn len(&self) -> u32 {
        let written = self.parts.first().map_or(0, |part| part.wav.written());
        written / self.sides.channels()
    }

    /// Appends samples of the rate of the file. If there are two channels or files, the samples are pairs.
    pub(crate) fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.uncounted = true;
        match &mut self.parts[..] {
            [part] => part.wav.write(samples).map_err(io_error),
            parts => {
                let mut of_file = Vec::with_capacity(samples.len() / parts.len());
                let count = parts.len();
                for (place, part) in parts.iter_mut().enumerate() {
                    of_file.clear();
                    of_file.extend(samples.iter().skip(place).step_by(count));
                    part.wav.write(&of_file).map_err(io_error)?;
                }
                Ok(())
            }
        }
    }

    /// Updates the header, so that it counts all audio.
    pub(crate) fn update_header(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.uncounted) {
            for part in &mut self.parts {
                part.wav.flush().map_err(io_error)?;
            }
        }
        Ok(())
    }

    /// Ends the file, and syncs it to the disk if `sync` is set. Returns the files, and the first error.
    pub(crate) fn finish(self, storage: &S, sync: bool) -> (Vec<WrittenFile>, io::Result<()>) {
        let mut first_error = Ok(());
        let mut written = Vec::new();
        for OpenFile { name, file, wav } in self.parts {
            let mut samples = wav.written();
            let mut result = wav.finish().map_err(io_error);
            if sync {
                result = result.and_then(|()| storage.sync(&file));
            }
            if result.is_err() {
                samples = repair_header(storage, &file);
            }
            written.push(written_file(name, samples, self.rate, self.sides));
            first_error = first_error.and(result);
        }
        (written, first_error)
    }

    /// Ends the file after an error.
    pub(crate) fn abort(self, storage: &S) -> Vec<WrittenFile> {
        let end = |OpenFile { name, file, wav }| {
            drop(wav);
            let samples = repair_header(storage, &file);
            written_file(name, samples, self.rate, self.sides)
        };
        self.parts.into_iter().map(end).collect()
    }
}

fn written_file(name: String, samples: u32, rate: SampleRate, sides: Sides) -> WrittenFile {
    let seconds = f64::from(samples / sides.channels()) / f64::from(rate.hz());
    WrittenFile { name, seconds }
}

/// Makes the header count all audio of the file, and returns the number of samples. If this repair fails too, the
/// header stays as it was.
fn repair_header<S: Storage>(storage: &S, file: &S::File) -> u32 {
    let samples = wav::recount(file.clone()).unwrap_or(0);
    // One error was reported already; this would be the same.
    let _ = storage.sync(file);
    samples
}

fn io_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Io(error) => error,
        error => io::Error::other(error),
    }
}
