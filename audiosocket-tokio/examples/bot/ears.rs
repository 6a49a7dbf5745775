//! From the frames of a call to what matters of them: that the caller begins to speak, and what
//! was said.

use std::collections::VecDeque;
use std::time::Duration;

use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};
use audiosocket_media::{Resampler, SampleRate, pcm};

use crate::recogniser::Recogniser;

/// What the caller does by voice.
pub(crate) enum Heard {
    /// Begins to speak. A recogniser knows what only when it is over; a bot that is interrupted
    /// should fall silent now.
    Begins,
    /// Has said this.
    Said(String),
}

/// The ears of one call.
pub(crate) struct Ears {
    recogniser: Box<dyn Recogniser>,
    line: Line,
    heard: VecDeque<Heard>,
}

/// What depends on the rate of the caller's audio.
struct Line {
    rate: SampleRate,
    /// By how loud it is: fast and cheap, and wrong where the line has an echo of what is played,
    /// or much noise. `SpeechVad`, in the same place with the same events, is wrong less often.
    vad: EnergyVad,
    to_recogniser: Resampler,
}

impl Ears {
    pub(crate) fn new(recogniser: Box<dyn Recogniser>) -> Self {
        Self {
            line: Line::new(SampleRate::Hz8000, recogniser.rate()),
            recogniser,
            heard: VecDeque::new(),
        }
    }

    /// The rate at which to speak: that of the caller's audio, and before there is any, 8 kHz, which
    /// every call takes.
    pub(crate) fn rate(&self) -> SampleRate {
        self.line.rate
    }

    /// Takes the audio of a frame.
    pub(crate) fn hear(&mut self, rate: SampleRate, slin: &[u8]) {
        if rate != self.line.rate {
            self.line = Line::new(rate, self.recogniser.rate());
        }
        let (mut samples, mut resampled, mut events) = (Vec::new(), Vec::new(), Vec::new());
        pcm::from_slin(slin, &mut samples);
        self.line.vad.push(&samples, &mut events);
        let begins = |event: &VadEvent| matches!(event, VadEvent::SpeechStarted { .. });
        if events.iter().any(begins) {
            self.heard.push_back(Heard::Begins);
        }
        self.line.to_recogniser.push(&samples, &mut resampled);
        let said = self.recogniser.hear(&resampled);
        self.heard.extend(said.map(Heard::Said));
    }

    /// For as long as this nothing came. A caller who is silent may send nothing at all (DTX), and
    /// an utterance ends by silence.
    pub(crate) fn hear_nothing(&mut self, lasted: Duration) {
        let samples = self.line.rate.samples_in(lasted);
        self.hear(self.line.rate, &vec![0; 2 * samples as usize]);
    }

    /// What has been heard and was not asked for yet.
    pub(crate) fn next(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }
}

impl Line {
    fn new(rate: SampleRate, recogniser: SampleRate) -> Self {
        Self {
            rate,
            vad: EnergyVad::new(rate, EnergyOptions::default()),
            to_recogniser: Resampler::new(rate, recogniser),
        }
    }
}
