use std::io::{self, BufWriter};
use std::time::SystemTime;

use audiosocket_media::SampleRate;
use audiosocket_media::wav::{self, WavWriter, WriteError};
use audiosocket_tokio::Uuid;

use super::storage::{Storage, create_named};

/// The most samples of a file.
pub(super) const MAX_SAMPLES: u32 = WavWriter::<io::Empty>::MAX_SAMPLES;

/// A file of a recording, as it is written.
pub(super) struct WavFile<S: Storage> {
    pub(super) name: String,
    pub(super) rate: SampleRate,
    file: S::File,
    wav: WavWriter<BufWriter<S::File>>,
    /// There is audio that the header does not count.
    uncounted: bool,
}

impl<S: Storage> WavFile<S> {
    /// Makes a file whose first sample was heard at `from`.
    pub(super) fn create(
        storage: &S,
        from: SystemTime,
        uuid: Uuid,
        rate: SampleRate,
    ) -> io::Result<Self> {
        let (name, file) = create_named(storage, from, uuid)?;
        let wav = WavWriter::new(BufWriter::new(file.clone()), rate).map_err(io_error)?;
        Ok(Self {
            name,
            rate,
            file,
            wav,
            uncounted: false,
        })
    }

    pub(super) fn samples(&self) -> u32 {
        self.wav.written()
    }

    pub(super) fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.uncounted = true;
        self.wav.write(samples).map_err(io_error)
    }

    /// Makes the header count what was written.
    pub(super) fn count(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.uncounted) {
            self.wav.flush().map_err(io_error)?;
        }
        Ok(())
    }

    /// Ends the file, and has what is in it synced to the disk. Gives its length in seconds; if that fails,
    /// how much of it there is.
    pub(super) fn finish(self, storage: &S) -> Result<f64, (f64, io::Error)> {
        let seconds = seconds(self.wav.written(), self.rate);
        let finished = self.wav.finish().map_err(io_error);
        match finished.and_then(|()| storage.sync(&self.file)) {
            Ok(()) => Ok(seconds),
            Err(error) => Err((put_right(storage, &self.file, self.rate), error)),
        }
    }

    /// Leaves the file as it is after an error. Gives how many seconds of it there are.
    pub(super) fn break_off(self, storage: &S) -> f64 {
        drop(self.wav);
        put_right(storage, &self.file, self.rate)
    }
}

/// Makes the header count what is there; if even that fails, it stays as it last was.
fn put_right<S: Storage>(storage: &S, file: &S::File, rate: SampleRate) -> f64 {
    let samples = wav::recount(file.clone()).unwrap_or(0);
    // One error was told already, of which this would be the same.
    let _ = storage.sync(file);
    seconds(samples, rate)
}

fn seconds(samples: u32, rate: SampleRate) -> f64 {
    f64::from(samples) / f64::from(rate.hz())
}

fn io_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Io(error) => error,
        error => io::Error::other(error),
    }
}
