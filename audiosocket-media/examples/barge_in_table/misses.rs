//! The list of wrong decisions, with the scores that led to them.

use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_media::barge_in::{BargeIn, BargeInEvent, BargeInOptions};
use audiosocket_proto::AudioBuf;

use crate::Material;
use crate::cases::{self, Case};
use crate::scene::Scene;

const RATE: SampleRate = SampleRate::Hz8000;
const BLOCK: usize = 80;

/// Prints each call that the table counts as wrong: the times in milliseconds after the onset, and one character for each
/// 10 ms. The first one is 100 ms before the onset, or 400 ms before an interruption that is too early. A digit is a tenth
/// of the score, a letter is the same (`a` is 0) while the delay of an echo is not known, and `.` is no sound. `S`, `D` and
/// `I` follow the block of `Suspected`, `Dismissed` and `Interrupted`.
pub(crate) fn list(material: &Material, first: u64, calls: u64, filter: &str) {
    let cases = cases::all();
    for case in cases.iter().filter(|case| case.name.contains(filter)) {
        for number in first..first + calls {
            let scene = case.scene(material, number);
            if let Some(line) = line(case, &scene) {
                println!("{}, call {number}: {line}", case.name);
            }
        }
    }
}

/// What happened, and the end of its block.
type Report = (BargeInEvent, usize);

fn line(case: &Case, scene: &Scene) -> Option<String> {
    let (reports, curve) = run(scene);
    let when = |wanted: BargeInEvent| {
        let mut found = reports.iter().filter(|(event, _)| *event == wanted);
        found.next().map(|(_, block)| *block)
    };
    let interrupted = when(BargeInEvent::Interrupted);
    let onset = match scene.speech {
        Some((start, _)) => start / BLOCK,
        None => interrupted?.saturating_sub(30),
    };
    let until_interrupted = reports
        .iter()
        .take_while(|(event, _)| *event != BargeInEvent::Interrupted);
    let suspected = until_interrupted
        .filter(|(event, _)| *event == BargeInEvent::Suspected)
        .last()
        .map(|(_, block)| *block);
    let after = |block: Option<usize>| {
        block.map_or("never".to_owned(), |block| {
            format!("{} ms", (block as i64 - onset as i64) * 10)
        })
    };
    let late = |block: Option<usize>, most: usize| block.is_none_or(|block| block > onset + most);
    let (why, from) = match (case.is_speech(), interrupted) {
        (false, _) => ("no speech", onset),
        (true, None) => ("never", onset),
        (true, Some(block)) if block + 40 <= onset => ("too early", block.saturating_sub(30)),
        (true, Some(_)) if late(suspected.or(interrupted), 25) => ("not silent", onset),
        (true, Some(_)) if late(interrupted, 25) => ("late", onset),
        (true, Some(_)) => return None,
    };
    let first = from.saturating_sub(10);
    let shown: String = curve[first..].iter().take(90).map(String::as_str).collect();
    Some(format!(
        "{why}, onset {} ms, suspected {}, interrupted {}: {shown}",
        onset * 10,
        after(suspected),
        after(interrupted),
    ))
}

fn run(scene: &Scene) -> (Vec<Report>, Vec<String>) {
    let mut barge_in = BargeIn::new(BargeInOptions::default());
    let (begin, mut events) = (Instant::now(), Vec::new());
    let (mut reports, mut curve) = (Vec::new(), Vec::new());
    let blocks = scene
        .played
        .chunks_exact(BLOCK)
        .zip(scene.caller.chunks_exact(BLOCK));
    for (number, (played, caller)) in (1..).zip(blocks) {
        let at = begin + Duration::from_millis(10) * number;
        barge_in.played(AudioBuf::from_samples(RATE, played).as_audio(), at);
        barge_in.push(RATE, caller, at, &mut events);
        let (_, score, is_unknown) = barge_in.network_features();
        let scores = if is_unknown {
            "abcdefghij"
        } else {
            "0123456789"
        };
        let tenth = |score: f32| ((score * 10.0) as usize).min(9);
        let mut shown = score.map_or(".".to_owned(), |score| {
            scores[tenth(score)..=tenth(score)].to_owned()
        });
        for event in events.drain(..) {
            match event {
                BargeInEvent::Suspected => shown.push('S'),
                BargeInEvent::Dismissed => shown.push('D'),
                BargeInEvent::Interrupted => shown.push('I'),
                _ => {}
            }
            reports.push((event, number as usize));
        }
        curve.push(shown);
    }
    (reports, curve)
}
