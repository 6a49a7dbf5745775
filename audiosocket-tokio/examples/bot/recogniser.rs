//! What turns the caller's speech into text: the trait to implement for yours, and a stand-in.

use audiosocket_media::SampleRate;
use audiosocket_media::vad::{EnergyOptions, EnergyVad, VadEvent};

/// A speech recogniser, for one call.
///
/// It is called where the call's events arrive, so it must not wait: not for a network, and not
/// for a model that takes longer than the audio lasts. One that does lives in a task or a thread
/// of its own, and this is the call's end of two bounded channels:
///
/// ```ignore
/// impl Recogniser for Remote {
///     fn rate(&self) -> SampleRate {
///         SampleRate::Hz16000 // what the service takes
///     }
///
///     fn hear(&mut self, samples: &[i16]) -> Option<String> {
///         // If the service is so far behind that the channel is full, the audio is dropped:
///         // late audio would make everything after it late.
///         if self.audio.try_send(samples.to_vec()).is_err() {
///             self.dropped += samples.len();
///         }
///         self.texts.try_recv().ok()
///     }
/// }
/// ```
pub(crate) trait Recogniser: Send {
    /// The rate at which it hears; most models want 16 kHz.
    fn rate(&self) -> SampleRate;

    /// Takes the next of the caller's audio, in mono samples. Returns what the caller said, if an
    /// utterance is over by now.
    ///
    /// It is called every 100 ms at least, be the caller as silent as may be: nothing that has
    /// been recognised waits for longer.
    fn hear(&mut self, samples: &[i16]) -> Option<String>;
}

/// Stands in for a recogniser: knows how long somebody spoke, and not what was said.
pub(crate) struct Pauses {
    vad: EnergyVad,
    events: Vec<VadEvent>,
    /// The sample at which speech began.
    since: u64,
}

impl Pauses {
    const RATE: SampleRate = SampleRate::Hz16000;

    pub(crate) fn new() -> Self {
        Self {
            vad: EnergyVad::new(Self::RATE, EnergyOptions::default()),
            events: Vec::new(),
            since: 0,
        }
    }
}

impl Recogniser for Pauses {
    fn rate(&self) -> SampleRate {
        Self::RATE
    }

    fn hear(&mut self, samples: &[i16]) -> Option<String> {
        self.vad.push(samples, &mut self.events);
        let mut text = None;
        for event in self.events.drain(..) {
            match event {
                VadEvent::SpeechStarted { at, .. } => self.since = at,
                VadEvent::SpeechEnded { at, .. } => {
                    let spoken = Self::RATE.duration_of(at - self.since);
                    text = Some(format!("{} milliseconds of speech", spoken.as_millis()));
                }
                _ => {}
            }
        }
        text
    }
}
