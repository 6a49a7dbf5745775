//! Audio that is mixed into frames.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::bed::LoopingBed;
use super::slin;
use crate::{AudioBuf, Ptime, SampleRate};

/// State that most playouts do not have.
#[derive(Debug, Default)]
pub(super) struct Extras {
    /// The fade of cut speech, for the start of the next frame.
    pub(super) fade_out: Option<AudioBuf>,
    /// The next frame of the queue fades in.
    pub(super) fades_in: bool,
    /// The least audio with which incomplete audio begins.
    pub(super) prebuffer: Option<Duration>,
    pub(super) bed: Option<LoopingBed>,
    /// The fade of a bed that was removed, for the start of the next frame.
    pub(super) bed_end: Option<AudioBuf>,
}

impl Extras {
    /// Mixes into a frame. It does not copy a frame that stays as it is. Of silence, `is_played` is false.
    pub(super) fn mix_into(
        &mut self,
        frame: AudioBuf,
        is_played: bool,
        ptime: Ptime,
        dropped: &mut Vec<Bytes>,
    ) -> AudioBuf {
        let fades_in = is_played && core::mem::take(&mut self.fades_in);
        let fades = [self.fade_out.take(), self.bed_end.take()];
        if !fades_in && self.bed.is_none() && fades == [None, None] {
            return frame;
        }
        let rate = frame.rate;
        let mut mixed = frame.bytes.to_vec();
        if fades_in {
            slin::ramp(&mut mixed[..slin::fade_len(rate)], 0, slin::UNITY);
        }
        let fades = fades.into_iter().flatten();
        for fade in fades.filter(|fade| fade.rate == rate) {
            slin::add(&mut mixed, &fade.bytes);
        }
        if let Some(bed) = &mut self.bed {
            bed.mix_into(&mut mixed, rate, is_played, ptime);
        }
        dropped.push(frame.into_bytes());
        AudioBuf::new(rate, mixed)
    }

    /// Returns the rate of a frame without played audio, if there is something to mix into it. A bed has to wait until
    /// silence may leave.
    pub(super) fn rate(&self, may_fill: bool) -> Option<SampleRate> {
        let fade = self.fade_out.as_ref().or(self.bed_end.as_ref());
        let bed = self.bed.as_ref().filter(|_| may_fill);
        let rate = fade.map(AudioBuf::rate);
        rate.or_else(|| bed.map(LoopingBed::rate))
    }

    /// The next frame is not the continuation of the last one.
    pub(super) fn stop(&mut self) {
        self.fade_out = None;
        self.bed_end = None;
        if let Some(bed) = &mut self.bed {
            bed.stop();
        }
    }
}
