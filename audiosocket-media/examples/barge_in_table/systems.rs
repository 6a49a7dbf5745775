//! The systems that are compared.

use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_media::barge_in::{BargeIn, BargeInEvent, BargeInOptions};
use audiosocket_media::vad::{
    EnergyOptions, EnergyVad, SpeechDetector, SpeechOptions, SpeechVad, Timing, VadEvent,
};
use audiosocket_proto::AudioBuf;

use crate::scene::Scene;

const RATE: SampleRate = SampleRate::Hz8000;
const FRAME: usize = 160;

/// The ways to decide.
#[derive(Clone, Copy, Debug)]
pub(crate) enum System {
    Energy,
    Earshot,
    BargeInEnergy,
    BargeInEarshot,
}

pub(crate) const SYSTEMS: [System; 4] = [
    System::Energy,
    System::Earshot,
    System::BargeInEnergy,
    System::BargeInEarshot,
];

/// What a system did in a scene.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// The end of the frame that interrupted.
    pub(crate) interrupted: Option<usize>,
    pub(crate) has_pre_roll: bool,
    pub(crate) time: Duration,
}

impl System {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Earshot => "earshot",
            Self::BargeInEnergy => "BargeIn, energy",
            Self::BargeInEarshot => "BargeIn, earshot",
        }
    }

    pub(crate) fn run(self, scene: &Scene) -> Outcome {
        let started = |events: &[VadEvent]| {
            let is_start = |event: &VadEvent| matches!(event, VadEvent::SpeechStarted { .. });
            events.iter().any(is_start)
        };
        match self {
            Self::Energy => {
                let timing = Timing::default().attack(Duration::from_millis(20));
                let options = EnergyOptions::default().quietest(-40.0).timing(timing);
                let mut vad = EnergyVad::new(RATE, options);
                let mut events = Vec::new();
                first(scene, |_, _, caller| {
                    vad.push(caller, &mut events);
                    started(&events).then_some(false)
                })
            }
            Self::Earshot => {
                let mut vad = SpeechVad::new(RATE, SpeechOptions::default());
                let mut events = Vec::new();
                first(scene, |_, _, caller| {
                    vad.push(caller, &mut events);
                    started(&events).then_some(false)
                })
            }
            Self::BargeInEnergy => {
                let options = EnergyOptions::default();
                barge_in(scene, EnergyVad::new(RATE, options))
            }
            Self::BargeInEarshot => {
                let options = SpeechOptions::default();
                barge_in(scene, SpeechVad::new(RATE, options))
            }
        }
    }
}

/// Runs until `push` returns whether the pre-roll has the start of the speech.
fn first(scene: &Scene, mut push: impl FnMut(usize, &[i16], &[i16]) -> Option<bool>) -> Outcome {
    let begin = Instant::now();
    let frames = scene
        .played
        .chunks_exact(FRAME)
        .zip(scene.caller.chunks_exact(FRAME));
    let mut outcome = Outcome::default();
    for (number, (played, caller)) in frames.enumerate() {
        let found = push(number, played, caller);
        if outcome.interrupted.is_none()
            && let Some(has_pre_roll) = found
        {
            outcome.interrupted = Some((number + 1) * FRAME);
            outcome.has_pre_roll = has_pre_roll;
        }
    }
    outcome.time = begin.elapsed();
    outcome
}

fn barge_in(scene: &Scene, detector: impl SpeechDetector + 'static) -> Outcome {
    let mut barge_in = BargeIn::with_detector(BargeInOptions::default(), detector);
    let begin = Instant::now();
    let mut events = Vec::new();
    first(scene, |number, played, caller| {
        let at = begin + Duration::from_millis(20) * (number as u32 + 1);
        barge_in.played(AudioBuf::from_samples(RATE, played).as_audio(), at);
        barge_in.push(RATE, caller, at, &mut events);
        let is_interruption = |event: &BargeInEvent| matches!(event, BargeInEvent::Interrupted);
        let interrupted = events.iter().any(is_interruption);
        events.clear();
        interrupted.then(|| {
            let start = (number + 1) * FRAME - barge_in.pre_roll().len();
            scene.speech.is_some_and(|(onset, _)| start <= onset)
        })
    })
}
