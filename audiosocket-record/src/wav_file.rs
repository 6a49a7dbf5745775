use std::io::{self, BufWriter};

use audiosocket_media::wav::{self, WavWriter, WriteError};
use audiosocket_media::{Resampler, SampleRate};

use crate::storage::Storage;

/// The maximum number of samples of a file.
pub(crate) const MAX_SAMPLES: u32 = WavWriter::<io::Empty>::MAX_SAMPLES;

/// The playable part of a file that has ended.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    pub(crate) name: String,
    pub(crate) seconds: f64,
}

/// A file of a recording while it is written.
pub(crate) struct WavFile<S: Storage> {
    name: String,
    pub(crate) rate: SampleRate,
    file: S::File,
    wav: WavWriter<BufWriter<S::File>>,
    /// The header does not count all audio.
    uncounted: bool,
    /// Converts the audio that arrives now, which has another rate than the file.
    resampler: Option<(SampleRate, Resampler)>,
}

impl<S: Storage> WavFile<S> {
    pub(crate) fn new(name: String, file: S::File, rate: SampleRate) -> io::Result<Self> {
        Ok(Self {
            name,
            rate,
            wav: WavWriter::new(BufWriter::new(file.clone()), rate).map_err(io_error)?,
            file,
            uncounted: false,
            resampler: None,
        })
    }

    pub(crate) fn samples(&self) -> u32 {
        self.wav.written()
    }

    /// Appends samples of the rate of the file.
    pub(crate) fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.uncounted = true;
        self.wav.write(samples).map_err(io_error)
    }

    /// Converts samples of any rate to samples of the file. The resampler delays some of them: they
    /// come with the next samples, or from [`end_resampling`](Self::end_resampling).
    pub(crate) fn resample(&mut self, rate: SampleRate, samples: Vec<i16>) -> Vec<i16> {
        let same = |(from, _): &(SampleRate, Resampler)| *from == rate;
        let mut resampled = Vec::new();
        if !self.resampler.as_ref().is_some_and(same) {
            resampled = self.end_resampling();
        }
        if rate == self.rate {
            if resampled.is_empty() {
                return samples;
            }
            resampled.extend(samples);
        } else {
            let new = || (rate, Resampler::new(rate, self.rate));
            let (_, resampler) = self.resampler.get_or_insert_with(new);
            resampler.push(&samples, &mut resampled);
        }
        resampled
    }

    /// Returns the samples that the resampler still has.
    pub(crate) fn end_resampling(&mut self) -> Vec<i16> {
        let mut rest = Vec::new();
        if let Some((_, mut resampler)) = self.resampler.take() {
            resampler.finish(&mut rest);
        }
        rest
    }

    /// Updates the header, so that it counts all audio.
    pub(crate) fn update_header(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.uncounted) {
            self.wav.flush().map_err(io_error)?;
        }
        Ok(())
    }

    /// Ends the file, and syncs it to the disk if `sync` is set.
    pub(crate) fn finish(
        self,
        storage: &S,
        sync: bool,
    ) -> Result<WrittenFile, (WrittenFile, io::Error)> {
        let samples = self.wav.written();
        let mut result = self.wav.finish().map_err(io_error);
        if sync {
            result = result.and_then(|()| storage.sync(&self.file));
        }
        match result {
            Ok(()) => Ok(written(self.name, samples, self.rate)),
            Err(error) => {
                let samples = repair_header(storage, &self.file);
                Err((written(self.name, samples, self.rate), error))
            }
        }
    }

    /// Ends the file after an error.
    pub(crate) fn abort(self, storage: &S) -> WrittenFile {
        drop(self.wav);
        written(self.name, repair_header(storage, &self.file), self.rate)
    }
}

fn written(name: String, samples: u32, rate: SampleRate) -> WrittenFile {
    let seconds = f64::from(samples) / f64::from(rate.hz());
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
