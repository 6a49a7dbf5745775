//! The table: what the systems did in the calls of each case.

use std::time::Duration;

use crate::Material;
use crate::cases::{self, Case};
use crate::scene::Scene;
use crate::sounds::samples;
use crate::systems::{Outcome, System};

/// Prints both tables, for calls from the number `first` on.
pub(crate) fn table(material: &Material, first: u64, calls: u64, filter: &str, systems: &[System]) {
    let mut costs = vec![(Duration::ZERO, 0); systems.len()];
    let cases = cases::all();
    let (speech, other): (Vec<_>, Vec<_>) = cases
        .iter()
        .filter(|case| case.name.contains(filter))
        .partition(|case| case.is_speech());
    for (cases, alone, own) in [
        (other, "cleared", "cleared | paused | mean pause"),
        (
            speech,
            "cleared within 250 ms",
            "too early | silent within 250 ms | cleared within 250 ms | within 350 ms | ever | start in the pre-roll",
        ),
    ] {
        let heading = |system: &System| match system {
            System::BargeIn => own.to_owned(),
            _ => format!("{}, {alone}", system.name()),
        };
        let headings: Vec<_> = systems.iter().map(heading).collect();
        println!("| case | {} |", headings.join(" | "));
        println!(
            "|---|{}",
            "---|".repeat(headings.join(" | ").split(" | ").count())
        );
        let mut sums = vec![Counts::default(); systems.len()];
        for case in &cases {
            let counts = run(material, case, first..first + calls, systems, &mut costs);
            print_row(&case.name, &counts, case.is_speech(), systems);
            if case.has_limit {
                sums.iter_mut()
                    .zip(&counts)
                    .for_each(|(sum, counts)| sum.add(counts));
            }
        }
        if let Some(case) = cases.first() {
            let name = format!("all with a limit, {} calls", sums[0].calls);
            print_row(&name, &sums, case.is_speech(), systems);
        }
        println!();
    }
    for ((time, frames), system) in costs.iter().zip(systems) {
        let micros = time.as_secs_f64() * 1e6 / f64::from((*frames).max(1));
        println!("{}: {micros:.1} µs of CPU time for 20 ms", system.name());
    }
}

/// What a system did in the calls of a case.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u32,
    cleared: u32,
    paused: u32,
    pauses: u32,
    pause: u64,
    /// With speech: interruptions before it, and after it.
    early: u32,
    silent: u32,
    within_250: u32,
    within_350: u32,
    pre_rolled: u32,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.cleared += other.cleared;
        self.paused += other.paused;
        self.pauses += other.pauses;
        self.pause += other.pause;
        self.early += other.early;
        self.silent += other.silent;
        self.within_250 += other.within_250;
        self.within_350 += other.within_350;
        self.pre_rolled += other.pre_rolled;
    }

    fn count(&mut self, scene: &Scene, outcome: &Outcome) {
        self.calls += 1;
        self.paused += u32::from(!outcome.pauses.is_empty());
        self.pauses += outcome.pauses.len() as u32;
        self.pause += outcome
            .pauses
            .iter()
            .map(|(start, end)| (end - start) as u64)
            .sum::<u64>();
        let Some(cleared) = outcome.interrupted else {
            return;
        };
        let start = match scene.speech {
            // Speech can have a quiet beginning of up to 0.4 s, such as a breath.
            Some((start, _)) if cleared + samples(0.4) <= start => {
                self.early += 1;
                return;
            }
            Some((start, _)) => start,
            None => 0,
        };
        let (silent, _) = outcome.pauses.last().copied().unwrap_or((cleared, cleared));
        self.cleared += 1;
        self.silent += u32::from(silent + samples(0.4) > start && silent <= start + samples(0.25));
        self.within_250 += u32::from(cleared <= start + samples(0.25));
        self.within_350 += u32::from(cleared <= start + samples(0.35));
        self.pre_rolled += u32::from(outcome.has_pre_roll);
    }
}

fn run(
    material: &Material,
    case: &Case,
    calls: std::ops::Range<u64>,
    systems: &[System],
    costs: &mut [(Duration, u32)],
) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); systems.len()];
    for number in calls {
        let scene = case.scene(material, number);
        for ((system, counts), cost) in systems.iter().zip(&mut counts).zip(&mut *costs) {
            let outcome = system.run(&scene);
            cost.0 += outcome.time;
            cost.1 += (scene.caller.len() / 160) as u32;
            counts.count(&scene, &outcome);
        }
    }
    counts
}

fn print_row(name: &str, counts: &[Counts], is_speech: bool, systems: &[System]) {
    let mut cells = Vec::new();
    for (counts, system) in counts.iter().zip(systems) {
        let share = |count: u32, of: u32| {
            format!("{:.1} %", 100.0 * f64::from(count) / f64::from(of.max(1)))
        };
        let of_calls = |count| share(count, counts.calls);
        match (system, is_speech) {
            (System::BargeIn, true) => {
                cells.extend(
                    [
                        counts.early,
                        counts.silent,
                        counts.within_250,
                        counts.within_350,
                        counts.cleared,
                    ]
                    .map(of_calls),
                );
                cells.push(share(counts.pre_rolled, counts.cleared));
            }
            (System::BargeIn, false) => {
                cells.extend([counts.cleared, counts.paused].map(of_calls));
                cells.push(format!(
                    "{} ms",
                    counts.pause / 8 / u64::from(counts.pauses.max(1))
                ));
            }
            (_, true) => cells.push(of_calls(counts.within_250)),
            (_, false) => cells.push(of_calls(counts.cleared)),
        }
    }
    println!("| {name} | {} |", cells.join(" | "));
}
