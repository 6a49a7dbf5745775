//! Cuts of speech: `clear`, `pause` and `resume`.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Dropped, MarkOutcome, Playout, PlayoutState, extras, slin};
use crate::AudioBuf;

impl<M> Playout<M> {
    /// Moves all queued audio to `dropped`, and returns its amount. It ends a [pause](Self::pause).
    ///
    /// Later frames contain no sample of the audio, with one exception. If speech is cut, the next frame begins with a
    /// [fade](crate::SessionConfig::fade_cuts) of its next 5 ms. This frame leaves within one ptime, when it was due
    /// anyway, also if it is the first frame of new audio. The faded samples count as dropped.
    pub fn clear(&mut self, dropped: &mut Vec<Bytes>) -> Dropped {
        let cleared = self.drop_queue(dropped);
        self.stats.cleared(cleared.duration);
        cleared
    }

    /// The same as [`clear`](Self::clear), and does not count as one.
    pub(super) fn drop_queue(&mut self, dropped: &mut Vec<Bytes>) -> Dropped {
        self.fade_out();
        if self.state == PlayoutState::Paused {
            self.state = PlayoutState::Open;
        }
        if let Some(extras) = &mut self.extras {
            extras.fades_in = false;
            extras.prebuffer = None;
        }
        let audio = self.queue.audio();
        let (samples, duration) = (audio.samples(), audio.duration());
        let cleared = Dropped { samples, duration };
        self.stats.samples_dropped += cleared.samples;
        self.speaking = false;
        self.dry_since = None;
        let mut passed = |mark| self.reached.push_back((mark, MarkOutcome::Cleared));
        self.queue.clear(&mut passed, dropped);
        cleared
    }

    /// Keeps queued audio, marks and a hangup in the queue until [`resume`](Self::resume) or [`clear`](Self::clear).
    /// Silence leaves instead, unless [`SessionConfig::fill_silence`](crate::SessionConfig::fill_silence) is off.
    ///
    /// It takes effect with the next frame. If it cuts speech, that frame begins with a
    /// [fade](crate::SessionConfig::fade_cuts) of the next 5 ms. These samples stay in the queue too. A pause is no
    /// [underrun](crate::PlayoutStats::underruns). Does nothing before and after the call.
    pub fn pause(&mut self) {
        if self.state == PlayoutState::Open {
            self.fade_out();
            self.state = PlayoutState::Paused;
        }
    }

    /// Ends a [pause](Self::pause): the queue continues with the next frame, at the sample of the cut. Its first 5 ms fade
    /// in if they faded out. If no frame has left since the pause, there is no cut.
    pub fn resume(&mut self) {
        if self.state == PlayoutState::Paused {
            self.state = PlayoutState::Open;
            if self.speaking
                && let Some(extras) = &mut self.extras
            {
                extras.fade_out = None;
            }
        }
    }

    /// Returns whether the playout is [paused](Self::pause).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.state == PlayoutState::Paused
    }

    /// Prepares the fade of speech that is cut now.
    fn fade_out(&mut self) {
        let rate = self.rate.sample_rate();
        if !self.fade_cuts || !self.speaking || !self.is_in_call() {
            return;
        }
        let mut fade = self.queue.peek(rate, slin::fade_len(rate));
        // A single byte is half a sample.
        if fade.len() > 1 {
            slin::ramp(&mut fade, slin::UNITY, 0);
            self.extras().fade_out = Some(AudioBuf::new(rate, fade));
        }
    }

    pub(super) fn extras(&mut self) -> &mut extras::Extras {
        self.extras.get_or_insert_default()
    }
}
