//! Audio that cannot be decoded: its bytes, in a file beside the recording.

use std::io;
use std::time::Instant;

use audiosocket_media::Codec;

use super::{Context, Recording};
use crate::raw_file::RawFile;
use crate::storage::{Storage, create_recording};

impl<S: Storage> Recording<S> {
    /// Appends compressed audio to a file of its own.
    pub(super) fn keep(&mut self, context: &Context<S>, codec: Codec, payload: &[u8], at: Instant) {
        if self.failure.is_none() && self.raw.is_none() {
            match self.create_raw(context, codec, at) {
                Ok(raw) => {
                    self.raw = Some(raw);
                    self.files += 1;
                }
                Err(error) => self.fail(context, Vec::new(), error),
            }
        }
        match self.raw.as_mut().map(|raw| raw.write(payload)) {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                self.lost += 1;
                self.abort_raw(context, error);
            }
            None => self.lost += 1,
        }
    }

    fn create_raw(
        &self,
        context: &Context<S>,
        codec: Codec,
        at: Instant,
    ) -> io::Result<RawFile<S>> {
        let extension = RawFile::<S>::extension(codec);
        let (name, file) = match &self.start.path {
            Some(path) => {
                let path = path.with_extension(extension);
                let file = context.storage.create(&path, false)?;
                (path.display().to_string(), file)
            }
            None => {
                let utc = self.start.utc + at.saturating_duration_since(self.start.at);
                create_recording(&context.storage, utc, self.start.uuid, &extension)?
            }
        };
        Ok(RawFile::new(name, file, codec))
    }

    /// Ends the file of compressed audio, if there is one.
    pub(super) fn close_raw(&mut self, context: &Context<S>) {
        let Some(mut raw) = self.raw.take() else {
            return;
        };
        match raw.finish(&context.storage, context.settings.sync) {
            Ok(()) => {
                let (uuid, lost) = (self.start.uuid, self.lost);
                let (codec, frames) = (raw.codec, raw.frames);
                tracing::info!(%uuid, file = raw.name, frames, lost, %codec, "kept compressed audio");
            }
            Err(error) => self.fail(context, Vec::new(), error),
        }
    }

    pub(super) fn abort_raw(&mut self, context: &Context<S>, error: io::Error) {
        self.raw = None;
        self.fail(context, Vec::new(), error);
    }
}
