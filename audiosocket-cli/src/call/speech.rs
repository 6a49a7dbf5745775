//! Speech for callers: from a WAV file, or made.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::f32::consts::TAU;
use std::io;
use std::path::Path;
use std::time::Duration;

use audiosocket_media::{Resampler, SampleRate, pcm, wav};

use super::echo_check::is_silence;
use super::voice::TAG_LEN;

/// A file that is longer is refused: it is held in memory, 230 MB at slin192.
const LONGEST: Duration = Duration::from_secs(600);

/// The level from which a frame is loud, in dB of full scale; speech on the telephone has -35 to
/// -15.
const LOUD: f64 = -40.0;

/// What callers say, cut into frames. One for all calls.
#[derive(Debug)]
pub(super) struct Speech {
    slin: Vec<u8>,
    frame_len: usize,
    /// Frames of silence ahead of it. There is silence after it, too, without end.
    lead: u64,
    /// Where in `slin` each frame begins that is not silence.
    audible: Vec<usize>,
    /// The index in `audible` of the frame that begins with these bytes; `None` if several do.
    by_tag: HashMap<u64, Option<u64>>,
}

impl Speech {
    /// Speech of these samples, after `lead` frames of silence, in frames of `frame_len` bytes.
    ///
    /// # Panics
    ///
    /// If a frame is too short for its tag.
    pub(super) fn new(samples: &[i16], frame_len: usize, lead: u64) -> Self {
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

    pub(super) fn frame_len(&self) -> usize {
        self.frame_len
    }

    /// How many frames there are until the end of the speech.
    pub(super) fn frames(&self) -> u64 {
        self.lead + (self.slin.len() / self.frame_len) as u64
    }

    /// The number of the first frame that is loud.
    pub(super) fn first_loud(&self) -> Option<u64> {
        let loud = |frame: &[u8]| level(frame) >= LOUD;
        let index = self.slin.chunks_exact(self.frame_len).position(loud)?;
        Some(self.lead + index as u64)
    }

    /// See [`Voice::say`](super::voice::Voice::say).
    pub(super) fn say(&self, number: u64, frame: &mut Vec<u8>) -> bool {
        frame.clear();
        let said = number
            .checked_sub(self.lead)
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.slin.chunks_exact(self.frame_len).nth(index));
        match said {
            Some(said) => frame.extend_from_slice(said),
            None => frame.resize(self.frame_len, 0),
        }
        !is_silence(frame)
    }

    /// See [`Voice::echo`](super::voice::Voice::echo). Beyond the last frame there is silence,
    /// which no server is expected to send.
    pub(super) fn echo(&self, number: u64, frame: &mut Vec<u8>) {
        frame.clear();
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        match self.audible.get(number) {
            Some(at) => frame.extend_from_slice(&self.slin[*at..*at + self.frame_len]),
            None => frame.resize(self.frame_len, 0),
        }
    }

    /// See [`Voice::number`](super::voice::Voice::number).
    pub(super) fn number(&self, tag: u64) -> Option<u64> {
        self.by_tag.get(&tag).copied().flatten()
    }
}

/// Reads a WAV file of any rate as samples at `rate`.
pub(super) fn read(path: &Path, rate: SampleRate) -> io::Result<Vec<i16>> {
    wav::read_file(path, rate, LONGEST).map_err(|error| {
        let mut message = format!("{}: {error}", path.display().to_string().escape_debug());
        if let Some(source) = std::error::Error::source(&error) {
            message = format!("{message}: {source}");
        }
        io::Error::other(message)
    })
}

/// Two seconds of something like speech, at 6 dB below full scale: eight syllables of five vowels,
/// loud from the first sample on.
pub(super) fn make(rate: SampleRate) -> Vec<i16> {
    const HZ: f32 = 8_000.0;
    const PITCH: f32 = 120.0;
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
            let time = sample as f32 / HZ;
            let envelope = 1.0 - 0.8 * sample as f32 / SYLLABLE as f32;
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

/// How loud a frame of slin is, in dB of full scale.
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
    use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};

    use super::*;

    const FRAME_LEN: usize = 32;

    #[test]
    fn silence_is_around_speech_and_needs_not_come_back() {
        let mut samples = vec![0; 100];
        samples[20] = 5;
        samples[70] = -7;
        let speech = Speech::new(&samples, FRAME_LEN, 3);
        let mut frame = Vec::new();
        let audible: Vec<_> = (0..20).filter(|n| speech.say(*n, &mut frame)).collect();
        assert_eq!(audible, [3 + 1, 3 + 4]);
        assert_eq!(speech.frames(), 3 + 7, "the last one filled up");
        speech.echo(1, &mut frame);
        let mut wanted = vec![0; FRAME_LEN];
        wanted[2 * (70 - 4 * 16)..][..2].copy_from_slice(&(-7_i16).to_le_bytes());
        assert_eq!(frame, wanted);
        speech.say(u64::MAX, &mut frame);
        assert_eq!(frame, [0; FRAME_LEN]);
        assert_eq!(speech.first_loud(), None);
    }

    #[test]
    fn only_a_tag_that_no_other_frame_has_tells_the_number() {
        let samples: Vec<_> = (1..=16).chain(1..=16).chain(17..=32).collect();
        let speech = Speech::new(&samples, FRAME_LEN, 9);
        assert_eq!(speech.number(0x0100_0200_0300_0400), None);
        assert_eq!(speech.number(0x1100_1200_1300_1400), Some(2));
        assert_eq!(speech.number(7), None);
    }

    #[test]
    fn what_is_made_is_heard_as_speech_within_a_tenth_of_a_second() {
        for rate in [
            SampleRate::Hz8000,
            SampleRate::Hz44100,
            SampleRate::Hz192000,
        ] {
            let samples = make(rate);
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
