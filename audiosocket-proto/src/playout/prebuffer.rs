//! The prebuffer: audio that comes in parts waits until enough of it is queued.

use core::time::Duration;

use super::{MAX_ENTRIES, Playout};

impl<M> Playout<M> {
    /// Begins audio that comes in parts, such as the speech of a synthesiser that streams. Until
    /// [`complete`](Self::complete), the queue waits for `amount` of audio before it begins, and after each
    /// [underrun](crate::PlayoutStats::underruns). Silence leaves meanwhile.
    ///
    /// - Audio that already waits counts too. Audio that is already leaving is not stopped.
    /// - The queue also begins when a [hangup](Self::hangup) is queued, since no more audio can come, and with 65,536
    ///   pieces and marks.
    /// - `amount` is at most half of [`capacity`](Self::capacity), so that the audio for it is accepted.
    /// - A later call replaces the amount. A [`clear`](Self::clear) ends the prebuffer. Does nothing if the playout is not
    ///   [open](Self::is_open).
    pub fn prebuffer(&mut self, amount: Duration) {
        if self.is_open() {
            // The pause before this audio is no underrun.
            self.dry_since = None;
            let amount = amount.min(self.capacity() / 2);
            self.extras().prebuffer = Some(amount);
        }
    }

    /// Ends the [prebuffer](Self::prebuffer): all parts are queued, and leave without waiting.
    pub fn complete(&mut self) {
        if let Some(extras) = &mut self.extras {
            extras.prebuffer = None;
        }
    }

    /// Returns whether parts are missing: the next underrun is inside of audio that comes in parts.
    pub(super) fn is_incomplete(&self) -> bool {
        let extras = self.extras.as_deref();
        extras.is_some_and(|extras| extras.prebuffer.is_some())
    }

    /// Returns whether the queue waits for more audio.
    pub(super) fn is_filling(&self) -> bool {
        let extras = self.extras.as_deref();
        extras
            .and_then(|extras| extras.prebuffer)
            .is_some_and(|amount| {
                !self.speaking
                    && !self.queue.ends_in_hangup()
                    && self.queue.len() < MAX_ENTRIES
                    && self.queue.audio().duration() < amount
            })
    }
}
