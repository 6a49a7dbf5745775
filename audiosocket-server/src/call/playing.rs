//! Changes of the playout by callbacks and handles.

use crate::call::control::{CallControl, CommandSource, Mark};
use audiosocket_proto::{AudioBuf, Bed, Dropped, SendError};

impl CallControl {
    /// Queues `audio` if all of it fits.
    pub(crate) fn try_play(&self, audio: AudioBuf, source: CommandSource) -> Result<(), SendError> {
        self.change(source, |inner, dropped, _| {
            // Audio in a waiting `play` future comes first.
            let rare = inner.rare.as_deref();
            let must_wait = rare.is_some_and(|rare| !rare.waiting_plays.is_empty());
            if must_wait && inner.playout.is_open() && !audio.is_empty() {
                dropped.push(audio.into_bytes());
                let queued = inner.playout.stats().depth;
                return Err(SendError::PlayoutFull { queued });
            }
            inner.playout.play(audio, dropped)
        })
    }

    pub(crate) fn clear(&self, source: CommandSource) -> Dropped {
        self.change(source, |inner, dropped, wakers| {
            inner.cancel_plays(wakers);
            inner.playout.clear(dropped)
        })
    }

    pub(crate) fn pause(&self, source: CommandSource) {
        self.change(source, |inner, _, _| inner.playout.pause());
    }

    pub(crate) fn resume(&self, source: CommandSource) {
        self.change(source, |inner, _, _| inner.playout.resume());
    }

    pub(crate) fn set_bed(&self, bed: Bed, source: CommandSource) -> Result<(), SendError> {
        self.change(source, |inner, dropped, _| {
            inner.playout.set_bed(bed, dropped)
        })
    }

    pub(crate) fn remove_bed(&self, source: CommandSource) {
        self.change(source, |inner, dropped, _| {
            inner.playout.remove_bed(dropped);
        });
    }

    pub(crate) fn mark(&self, mark: Mark, source: CommandSource) -> Result<(), SendError> {
        self.change(source, |inner, _, _| inner.playout.mark(mark))
    }

    pub(crate) fn hangup_after_playout(&self, source: CommandSource) {
        self.change(source, |inner, _, wakers| {
            inner.playout.hangup();
            inner.cancel_plays(wakers);
        });
    }
}
