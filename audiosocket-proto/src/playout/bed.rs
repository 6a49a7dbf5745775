//! The bed: audio that loops under the frames of a call.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Playout, slin};
use crate::{AudioBuf, Ptime, SampleRate, SendError};

/// The time in which the volume rises from zero to full after speech. It is longer than the gaps between words, so the
/// volume stays low in them.
const RISE_MILLIS: i64 = 400;

/// Audio that loops in place of silence, and under played audio: hold music, the noise of a room, a ringback tone.
///
/// Volumes are factors of the amplitude, between 0 and 1: 0.5 is -6 dB, 0.25 is -12 dB, 0.1 is -20 dB.
///
/// ```
/// use audiosocket_proto::{AudioBuf, Bed, SampleRate};
///
/// let music = AudioBuf::new(SampleRate::Hz8000, vec![0; 160_000]);
/// let bed = Bed::new(music).volume(0.5).ducked(0.1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bed {
    /// Whole samples.
    audio: AudioBuf,
    volume: i64,
    ducked: i64,
}

/// A bed, and its place in the loop.
#[derive(Debug)]
pub(super) struct LoopingBed {
    bed: Bed,
    /// The place of the next byte.
    at: usize,
    /// The volume at the end of the last frame. `None` if that frame did not contain the bed.
    gain: Option<i64>,
}

/// A [`LoopingBed`] as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct BedSnapshot {
    audio: AudioBuf,
    volume: i64,
    ducked: i64,
    at: u64,
    gain: Option<i64>,
}

impl BedSnapshot {
    pub(super) fn of(looping: &LoopingBed) -> Self {
        let LoopingBed { bed, at, gain } = looping;
        Self {
            audio: bed.audio.clone(),
            volume: bed.volume,
            ducked: bed.ducked,
            at: *at as u64,
            gain: *gain,
        }
    }

    /// Returns `None` for a bed without a sample.
    pub(super) fn restore(self) -> Option<LoopingBed> {
        let mut bed = Bed::new(self.audio);
        bed.volume = self.volume.clamp(0, slin::UNITY);
        bed.ducked = self.ducked.clamp(0, slin::UNITY);
        let at = self.at.checked_rem(bed.audio.bytes.len() as u64)?;
        Some(LoopingBed {
            bed,
            // Whole samples.
            at: at as usize / 2 * 2,
            gain: self.gain.map(|gain| gain.clamp(0, slin::UNITY)),
        })
    }
}

impl Bed {
    /// Creates a bed from audio. Default: full volume, and 0.2 (-14 dB) under played audio.
    #[must_use]
    pub fn new(audio: impl Into<AudioBuf>) -> Self {
        let mut audio = audio.into();
        audio.bytes.truncate(audio.bytes.len() / 2 * 2);
        Self {
            audio,
            volume: slin::UNITY,
            ducked: slin::UNITY / 5,
        }
    }

    /// Sets the volume while no audio is played.
    #[must_use]
    pub fn volume(mut self, volume: f32) -> Self {
        self.volume = gain(volume);
        self
    }

    /// Sets the volume under played audio.
    #[must_use]
    pub fn ducked(mut self, volume: f32) -> Self {
        self.ducked = gain(volume);
        self
    }
}

impl From<AudioBuf> for Bed {
    fn from(audio: AudioBuf) -> Self {
        Self::new(audio)
    }
}

fn gain(factor: f32) -> i64 {
    (factor.clamp(0.0, 1.0) * slin::UNITY as f32) as i64
}

impl<M> Playout<M> {
    /// Loops `bed` in place of silence, and under each frame of played audio, from its first sample on. It has no schedule of
    /// its own: each frame contains the next ptime of the bed.
    ///
    /// - The bed leaves also if [`fill_silence`](crate::SessionConfig::fill_silence) is off. It stops for audio that is
    ///   [sent](Self::sent), like silence, and goes on in a [pause](Self::pause) and after a [`clear`](Self::clear).
    /// - Frames without played audio have the rate of the bed. Played audio at another rate has no bed under it.
    /// - Changes of its volume have no clicks. It begins within one frame, falls within the first frame of played audio, and
    ///   rises again in at most 400 ms.
    /// - It replaces an earlier bed. Refused audio goes to `dropped`.
    ///
    /// # Errors
    ///
    /// [`SendError::EmptyAudio`] for a bed without a sample. [`SendError::NoCall`] before and after the call.
    pub fn set_bed(&mut self, bed: Bed, dropped: &mut Vec<Bytes>) -> Result<(), SendError> {
        let refusal = if !self.is_in_call() {
            SendError::NoCall
        } else if bed.audio.is_empty() {
            SendError::EmptyAudio
        } else {
            self.remove_bed(dropped);
            self.extras().bed = Some(LoopingBed {
                bed,
                at: 0,
                gain: None,
            });
            return Ok(());
        };
        dropped.push(bed.audio.into_bytes());
        Err(refusal)
    }

    /// Ends the [bed](Self::set_bed). It fades out over the first 5 ms of the next frame. Its audio goes to `dropped`.
    pub fn remove_bed(&mut self, dropped: &mut Vec<Bytes>) {
        if let Some(extras) = &mut self.extras
            && let Some(bed) = extras.bed.take()
        {
            extras.bed_end = bed.end();
            dropped.push(bed.bed.audio.into_bytes());
        }
    }

    pub(super) fn has_bed(&self) -> bool {
        let extras = self.extras.as_deref();
        extras.is_some_and(|extras| extras.bed.is_some())
    }
}

impl LoopingBed {
    pub(super) fn rate(&self) -> SampleRate {
        self.bed.audio.rate
    }

    /// Mixes the next ptime of the bed into a frame.
    pub(super) fn mix_into(
        &mut self,
        frame: &mut [u8],
        rate: SampleRate,
        is_played: bool,
        ptime: Ptime,
    ) {
        let len = ptime.frame_len(self.rate());
        let mut audio = self.copy(len);
        self.at = (self.at + len) % self.bed.audio.bytes.len();
        if rate != self.rate() {
            self.gain = None;
            return;
        }
        let volume = if is_played {
            self.bed.ducked
        } else {
            self.bed.volume
        };
        let rise = slin::UNITY * ptime.duration().as_millis() as i64 / RISE_MILLIS;
        let to = self.gain.map_or(volume, |gain| volume.min(gain + rise));
        slin::ramp(&mut audio, self.gain.unwrap_or(0), to);
        slin::add(frame, &audio);
        self.gain = Some(to);
    }

    /// The next frame is not the continuation of the last one.
    pub(super) fn stop(&mut self) {
        self.gain = None;
    }

    /// Returns the fade of the bed, if the last frame contained it.
    fn end(&self) -> Option<AudioBuf> {
        let gain = self.gain?;
        let mut fade = self.copy(slin::fade_len(self.rate()));
        slin::ramp(&mut fade, gain, 0);
        Some(AudioBuf::new(self.rate(), fade))
    }

    /// Returns a copy of the next `len` bytes.
    fn copy(&self, len: usize) -> Vec<u8> {
        let bytes = &self.bed.audio.bytes;
        let mut copy = Vec::with_capacity(len);
        let mut next = &bytes[self.at..];
        while copy.len() < len {
            let more = next.len().min(len - copy.len());
            copy.extend_from_slice(&next[..more]);
            next = bytes;
        }
        copy
    }
}
