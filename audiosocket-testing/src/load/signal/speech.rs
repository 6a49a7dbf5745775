//! Speech for callers: from samples, or synthesized.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::f32::consts::TAU;

use audiosocket_media::{Resampler, SampleRate, pcm};

use super::{TAG_LEN, is_silence};

/// A frame is loud from this level on, in dB of full scale. Speech on the telephone has -35 to -15.
const LOUD: f64 = -40.0;

/// Speech, cut into frames. All calls share one.
#[derive(Debug)]
pub(in crate::load) struct Speech {
    slin: Vec<u8>,
    frame_len: usize,
    /// The number of frames of silence before the speech. Endless silence follows the speech.
    lead: u64,
    /// The start in `slin` of each frame that is not silence.
    audible: Vec<usize>,
    /// The index in `audible` of the frame that begins with these bytes; `None` if several frames
    /// do.
    by_tag: HashMap<u64, Option<u64>>,
}

impl Speech {
    /// Returns speech of these samples, after `lead` frames of silence. A frame has `frame_len` bytes.
    ///
    /// # Panics
    ///
    /// If `frame_len` is not more than [`TAG_LEN`].
    pub(in crate::load) fn new(samples: &[i16], frame_len: usize, lead: u64) -> Self {
        assert!(frame_len > TAG_LEN);
        let mut slin = Vec::with_capacity((samples.len() * 2).next_multiple_of(frame_len));
        pcm::to_slin(samples, &mut slin);
        slin.resize(slin.len().next_multiple_of(frame_len), 0);
        let (mut audible, mut by_tag) = (Vec::new(), HashMap::new());
        for (index, frame) in slin.chunks_exact(frame_len).enumerate() {
            if is_silence(frame) {
                continue;
            }
            let tag = frame[..TAG_LEN].iter();
            match by_tag.entry(tag.fold(0, |tag, byte| tag << 8 | u64::from(*byte))) {
                Entry::Vacant(entry) => {
                    entry.insert(Some(audible.len() as u64));
                }
                Entry::Occupied(mut entry) => {
                    entry.insert(None);
                }
            }
            audible.push(index * frame_len);
        }
        Self {
            slin,
            frame_len,
            lead,
            audible,
            by_tag,
        }
    }

    pub(in crate::load) fn frame_len(&self) -> usize {
        self.frame_len
    }

    /// Returns the number of frames until the end of the speech. The silence before it counts.
    pub(in crate::load) fn frames(&self) -> u64 {
        self.lead + (self.slin.len() / self.frame_len) as u64
    }

    /// Returns the number of the first loud frame.
    pub(in crate::load) fn first_loud(&self) -> Option<u64> {
        let loud = |frame: &[u8]| level(frame) >= LOUD;
        let index = self.slin.chunks_exact(self.frame_len).position(loud)?;
        Some(self.lead + index as u64)
    }

    /// See [`TestSignal::write_frame`](super::TestSignal::write_frame).
    pub(in crate::load) fn write_frame(&self, number: u64, frame: &mut Vec<u8>) -> bool {
        frame.clear();
        let samples = number
            .checked_sub(self.lead)
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.slin.chunks_exact(self.frame_len).nth(index));
        match samples {
            Some(samples) => frame.extend_from_slice(samples),
            None => frame.resize(self.frame_len, 0),
        }
        !is_silence(frame)
    }

    /// See [`TestSignal::write_echo`](super::TestSignal::write_echo). Echoes beyond the last frame
    /// are silence, which no server has to send.
    pub(in crate::load) fn write_echo(&self, index: u64, frame: &mut Vec<u8>) {
        frame.clear();
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        match self.audible.get(index) {
            Some(at) => frame.extend_from_slice(&self.slin[*at..*at + self.frame_len]),
            None => frame.resize(self.frame_len, 0),
        }
    }

    /// See [`TestSignal::echo_index`](super::TestSignal::echo_index).
    pub(in crate::load) fn echo_index(&self, tag: u64) -> Option<u64> {
        self.by_tag.get(&tag).copied().flatten()
    }
}

/// Makes two seconds of audio that a voice activity detector takes for speech, at 6 dB below full
/// scale: eight syllables of five vowels, loud from the first sample on.
#[must_use]
pub fn synthesize_speech(rate: SampleRate) -> Vec<i16> {
    const HZ: f32 = 8_000.0;
    const PITCH: f32 = 120.0;
    /// The pitch of a voice always moves: it falls by this part in a syllable. A steady one is hum.
    const FALL: f32 = 0.15;
    /// The first two formants, in Hz.
    const VOWELS: [[f32; 2]; 5] = [
        [730.0, 1090.0],
        [530.0, 1840.0],
        [270.0, 2290.0],
        [570.0, 840.0],
        [300.0, 870.0],
    ];
    const SYLLABLE: usize = 2_000;
    let mut voice = Vec::with_capacity(8 * SYLLABLE);
    for syllable in 0..8 {
        let formants = VOWELS[syllable % VOWELS.len()];
        let harmonics = (1_u8..28).map(|harmonic| {
            let hz = PITCH * f32::from(harmonic);
            let [first, second] =
                formants.map(|formant| 1.0 / (1.0 + ((hz - formant) / 90.0).powi(2)));
            (hz, first + 0.5 * second)
        });
        let harmonics: Vec<_> = harmonics.collect();
        for sample in 0..SYLLABLE {
            let place = sample as f32 / SYLLABLE as f32;
            let time = sample as f32 / HZ * (1.0 + FALL * (0.5 - 0.5 * place));
            let envelope = 1.0 - 0.8 * place;
            let tones = harmonics
                .iter()
                .map(|(hz, weight)| weight * (TAU * hz * time).cos());
            voice.push(envelope * tones.sum::<f32>());
        }
    }
    let peak = voice
        .iter()
        .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    voice.iter_mut().for_each(|sample| *sample *= 0.5 / peak);
    let (mut narrow, mut wide) = (Vec::new(), Vec::new());
    pcm::from_f32(&voice, &mut narrow);
    let mut resampler = Resampler::new(SampleRate::Hz8000, rate);
    resampler.push(&narrow, &mut wide);
    resampler.finish(&mut wide);
    wide
}

/// Returns the level of a frame of slin, in dB of full scale.
fn level(frame: &[u8]) -> f64 {
    let samples = frame.as_chunks::<2>().0;
    let squares = samples
        .iter()
        .map(|sample| f64::from(i16::from_le_bytes(*sample)).powi(2));
    let mean = squares.sum::<f64>() / samples.len() as f64;
    10.0 * (mean / 32_768_f64.powi(2)).log10()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};

    use super::*;

    const FRAME_LEN: usize = 32;

    #[test]
    fn speech_is_surrounded_by_silence_that_needs_no_echo() {
        let mut samples = vec![0; 100];
        samples[20] = 5;
        samples[70] = -7;
        let speech = Speech::new(&samples, FRAME_LEN, 3);
        let mut frame = Vec::new();
        let audible: Vec<_> = (0..20)
            .filter(|n| speech.write_frame(*n, &mut frame))
            .collect();
        assert_eq!(audible, [3 + 1, 3 + 4]);
        assert_eq!(speech.frames(), 3 + 7, "the last one is padded");
        speech.write_echo(1, &mut frame);
        let mut wanted = vec![0; FRAME_LEN];
        wanted[2 * (70 - 4 * 16)..][..2].copy_from_slice(&(-7_i16).to_le_bytes());
        assert_eq!(frame, wanted);
        speech.write_frame(u64::MAX, &mut frame);
        assert_eq!(frame, [0; FRAME_LEN]);
        assert_eq!(speech.first_loud(), None);
    }

    #[test]
    fn only_a_unique_tag_gives_the_index() {
        let samples: Vec<_> = (1..=16).chain(1..=16).chain(17..=32).collect();
        let speech = Speech::new(&samples, FRAME_LEN, 9);
        assert_eq!(speech.echo_index(0x0100_0200_0300_0400), None);
        assert_eq!(speech.echo_index(0x1100_1200_1300_1400), Some(2));
        assert_eq!(speech.echo_index(7), None);
    }

    #[test]
    fn synthesized_speech_is_detected_within_a_tenth_of_a_second() {
        for rate in [
            SampleRate::Hz8000,
            SampleRate::Hz44100,
            SampleRate::Hz192000,
        ] {
            let samples = synthesize_speech(rate);
            assert_eq!(
                rate.duration_of(samples.len() as u64),
                Duration::from_secs(2)
            );
            let frame_len = rate.samples_in(Duration::from_millis(20)) as usize * 2;
            let speech = Speech::new(&samples, frame_len, 100);
            assert_eq!(speech.first_loud(), Some(100));
            let mut vad = EnergyVad::new(rate, EnergyOptions::default());
            let (second, mut events) = (rate.hz() as usize, Vec::new());
            vad.push(&vec![0; second], &mut events);
            vad.push(&samples[..second / 10], &mut events);
            assert!(
                matches!(events[..], [VadEvent::SpeechStarted { .. }]),
                "{rate}"
            );
            vad.push(&samples[second / 10..], &mut events);
            assert_eq!(events.len(), 1, "{rate}: one piece of speech");
        }
    }
}
