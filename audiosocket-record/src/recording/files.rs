//! The files of a recording: one after the other.

use std::io;
use std::time::Instant;

use audiosocket_media::SampleRate;

use super::converter::RateConverter;
use super::{Context, Failure, MAX_FILES, Recording};
use crate::sides::Sides;
use crate::storage::{Storage, create_recording};
use crate::wav_file::{WavFile, WrittenFile};

impl<S: Storage> Recording<S> {
    pub(super) fn append(&mut self, context: &Context<S>, samples: &[i16]) {
        if samples.is_empty() {
            return;
        }
        let sides = context.settings.sides;
        let len = samples.len() / sides.samples_per_moment();
        let most = context.settings.max_samples / sides.channels();
        let full = |file: &WavFile<S>| len > (most - file.len()) as usize;
        // A file with a given path has no next file. A write to it fails when it is full.
        if self.start.path.is_none() && self.file.as_ref().is_some_and(full) {
            self.continue_in_next_file(context);
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(samples)) {
            self.abort(context, error);
        }
    }

    /// Begins another file, because this file has its maximum length.
    fn continue_in_next_file(&mut self, context: &Context<S>) {
        if let Some(file) = &self.file {
            let rate = file.rate;
            let from = self.from + rate.duration_of(file.len().into());
            self.close(context);
            self.open(context, rate, from);
        }
    }

    pub(super) fn open(&mut self, context: &Context<S>, rate: SampleRate, from: Instant) {
        if self.failure.is_some() {
            return;
        }
        self.timeline.set_rate(rate);
        match self.create(context, rate, from) {
            Ok(file) => {
                self.file = Some(file);
                self.converter = RateConverter::new(rate);
                self.from = from;
                self.files += context.settings.sides.extensions().len() as u32;
            }
            Err(error) => self.fail(context, Vec::new(), error),
        }
    }

    fn create(
        &self,
        context: &Context<S>,
        rate: SampleRate,
        from: Instant,
    ) -> io::Result<WavFile<S>> {
        let sides = context.settings.sides;
        let extensions = sides.extensions();
        if self.start.path.is_none() && self.files as usize + extensions.len() > MAX_FILES {
            let problem = format!("a call has at most {MAX_FILES} files");
            return Err(io::Error::other(problem));
        }
        let utc = self.start.utc + from.saturating_duration_since(self.start.at);
        let create = |extension: &&str| match &self.start.path {
            Some(path) => {
                let path = match sides {
                    Sides::TwoFiles => path.with_extension(extension),
                    _ => path.clone(),
                };
                let file = context.storage.create(&path, false)?;
                Ok((path.display().to_string(), file))
            }
            None => create_recording(&context.storage, utc, self.start.uuid, extension),
        };
        let files = extensions.iter().map(create);
        WavFile::new(files.collect::<io::Result<_>>()?, rate, sides)
    }

    /// Ends the file, if there is one.
    pub(super) fn close(&mut self, context: &Context<S>) {
        let Some(file) = self.file.take() else {
            return;
        };
        let rate = file.rate;
        let (files, result) = file.finish(&context.storage, context.settings.sync);
        if let Err(error) = result {
            return self.fail(context, files, error);
        }
        for WrittenFile { name, seconds } in files {
            let (uuid, lost) = (self.start.uuid, self.lost);
            let seconds = format_args!("{seconds:.3}");
            let codec = self.decoder.codec();
            let rate = rate.hz();
            tracing::info!(%uuid, file = name, seconds, lost, rate, %codec, "recorded");
        }
    }

    /// Ends the file after an error, and with it the recording.
    pub(super) fn abort(&mut self, context: &Context<S>, error: io::Error) {
        if let Some(file) = self.file.take() {
            let files = file.abort(&context.storage);
            self.fail(context, files, error);
        }
    }

    pub(super) fn fail(&mut self, context: &Context<S>, files: Vec<WrittenFile>, error: io::Error) {
        if let Some(suppressed) = context.error_lines.take(Instant::now()) {
            let (uuid, file) = (self.start.uuid, files.first().map(|file| &*file.name));
            tracing::error!(%uuid, file, %error, suppressed, "recording failed");
        }
        self.failure = Some(Failure { files, error });
    }
}
