//! The systems that are compared.

use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_media::barge_in::{BargeIn, BargeInEvent, BargeInOptions};
use audiosocket_media::vad::{
    EnergyOptions, EnergyVad, SpeechOptions, SpeechVad, Timing, VadEvent,
};
use audiosocket_proto::AudioBuf;

use crate::scene::Scene;

const RATE: SampleRate = SampleRate::Hz8000;
const FRAME: usize = 160;

/// The ways to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Energy,
    Earshot,
    BargeIn,
}

pub(crate) const SYSTEMS: [System; 3] = [System::Energy, System::Earshot, System::BargeIn];

/// What a system did in a scene. Times are positions in samples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Starts and ends of pauses up to the interruption.
    pub(crate) pauses: Vec<(usize, usize)>,
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
            Self::BargeIn => "BargeIn",
        }
    }

    pub(crate) fn run(self, scene: &Scene) -> Outcome {
        let begin = cpu_time();
        let mut outcome = match self {
            Self::Energy => {
                let timing = Timing::default().attack(Duration::from_millis(20));
                let options = EnergyOptions::default().quietest(-40.0).timing(timing);
                let mut vad = EnergyVad::new(RATE, options);
                alone(scene, |caller, events| vad.push(caller, events))
            }
            Self::Earshot => {
                let mut vad = SpeechVad::new(RATE, SpeechOptions::default());
                alone(scene, |caller, events| vad.push(caller, events))
            }
            Self::BargeIn => barge_in(scene),
        };
        outcome.time = cpu_time() - begin;
        outcome
    }
}

/// Returns the CPU time of this thread. Other programs do not count, other than with a clock.
fn cpu_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics
        .split(' ')
        .next()
        .and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Interrupts at the start of speech.
fn alone(scene: &Scene, mut push: impl FnMut(&[i16], &mut Vec<VadEvent>)) -> Outcome {
    let (mut outcome, mut events) = (Outcome::default(), Vec::new());
    for (number, caller) in (1..).zip(scene.caller.chunks_exact(FRAME)) {
        push(caller, &mut events);
        let mut started = events
            .drain(..)
            .filter(|event| matches!(event, VadEvent::SpeechStarted { .. }));
        if started.next().is_some() && outcome.interrupted.is_none() {
            outcome.interrupted = Some(number * FRAME);
        }
    }
    outcome
}

fn barge_in(scene: &Scene) -> Outcome {
    let mut barge_in = BargeIn::new(BargeInOptions::default());
    let (begin, mut events) = (Instant::now(), Vec::new());
    let mut outcome = Outcome::default();
    let mut paused = None;
    let frames = scene
        .played
        .chunks_exact(FRAME)
        .zip(scene.caller.chunks_exact(FRAME));
    for (number, (played, caller)) in (1..).zip(frames) {
        let (at, position) = (
            begin + Duration::from_millis(20) * number,
            number as usize * FRAME,
        );
        barge_in.played(AudioBuf::from_samples(RATE, played).as_audio(), at);
        barge_in.push(RATE, caller, at, &mut events);
        for event in events.drain(..) {
            match event {
                _ if outcome.interrupted.is_some() => {}
                BargeInEvent::Suspected => paused = Some(position),
                BargeInEvent::Dismissed => outcome
                    .pauses
                    .extend(paused.take().map(|start| (start, position))),
                BargeInEvent::Interrupted => {
                    outcome.interrupted = Some(position);
                    outcome
                        .pauses
                        .push((paused.take().unwrap_or(position), position));
                    let start = position - barge_in.pre_roll().len();
                    outcome.has_pre_roll = scene.speech.is_some_and(|(onset, _)| start <= onset);
                }
                _ => {}
            }
        }
    }
    // A pause that lasts until the end of the call.
    outcome
        .pauses
        .extend(paused.map(|start| (start, scene.caller.len())));
    outcome
}
