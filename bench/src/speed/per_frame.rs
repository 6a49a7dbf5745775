//! The cost of an echoed frame.

use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use audiosocket_testing::load::LoadMode;

use super::Bench;
use super::contender::{ASYNCIO, Bounds, Contender, REFERENCE};
use super::cost::Cost;
use super::rounds::{self, Turns};
use super::{plots, spread};
use crate::callers::Callers;
use crate::figure::Figure;

/// The calls that start per second, so that the backlog of the listener is not full.
const CALLS_PER_SECOND: f64 = 2_000.0;

const SIXTEEN: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// The rounds of a load whose minimum is a figure.
const ROUNDS_FOR_THE_LEAST: usize = 8;

/// Calls in real time: a frame of 20 ms each 20 ms.
pub(super) fn paced(bench: &Bench) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let loads: &[(u32, &str, f64)] = match bench.short {
        true => &[(20, "20 calls", 0.5)],
        false => &[(1000, "1,000 calls", 4.0), (200, "200 calls", 3.0)],
    };
    for (calls, name, seconds) in loads {
        let callers = in_real_time(*calls, *seconds);
        let turns = echo(bench, name, bench.repeat, |_| true, &callers);
        // The bounds are for 1,000 calls.
        let bound = |bounds: &Bounds| bounds.paced.filter(|_| *calls == 1000);
        figures.extend(costs(name, &turns));
        figures.extend(ratios(name, &turns, REFERENCE, bound));
        figures.extend(limits(name, &turns));
        plots::costs(bench, &format!("paced-{calls}"), name, &turns)?;
    }
    Ok(figures)
}

/// A closed loop with one frame.
pub(super) fn saturated(bench: &Bench) -> io::Result<Vec<Figure>> {
    let (calls, seconds, rounds) = match bench.short {
        true => (20, 1.5, 1),
        false => (256, 3.5, ROUNDS_FOR_THE_LEAST.max(bench.repeat)),
    };
    let name = format!("{calls} calls in a closed loop");
    let callers = closed_loop(calls, NonZeroU32::MIN, seconds);
    let turns = echo(bench, &name, rounds, Contender::answers_at_once, &callers);
    let mut figures = costs(&name, &turns);
    figures.extend(ratios(&name, &turns, REFERENCE, |_| None));
    let least = |turns: &Turns<Cost>| spread::least(&turns.values(|cost| cost.cpu));
    let of_reference = rounds::of(&turns, REFERENCE).and_then(least);
    for turns in &turns {
        let bounds = &turns.contender.bounds;
        let what = |what: &str| format!("{name}, {}: {what}", turns.contender.name);
        let Some(this) = least(turns) else { continue };
        figures.push(Figure::new(
            what("minimum processor time per frame"),
            this,
            "µs",
        ));
        if let Some(reference) = of_reference {
            let ratio = Figure::new(what("ratio of the minimum to epoll"), this / reference, "");
            figures.push(ratio.at_most_if(bounds.saturated));
        }
        let user = turns.values(|cost| cost.user);
        let user = spread::figure(
            what("processor time per frame outside the kernel"),
            user,
            "µs",
        );
        figures.extend(user.map(|user| user.at_most_if(bounds.saturated_user)));
    }
    figures.extend(limits(&name, &turns));
    plots::costs(bench, "saturated", &name, &turns)?;
    Ok(figures)
}

/// A closed loop with 16 frames in one write.
pub(super) fn sixteen(bench: &Bench) -> io::Result<Vec<Figure>> {
    let (calls, seconds) = if bench.short { (10, 1.5) } else { (64, 3.0) };
    let name = format!("{calls} calls with 16 waiting frames");
    let callers = closed_loop(calls, SIXTEEN, seconds);
    let takes_part = Contender::answers_at_once;
    let turns = echo(bench, &name, bench.repeat, takes_part, &callers);
    let mut figures = costs(&name, &turns);
    figures.extend(ratios(&name, &turns, ASYNCIO, |bounds| bounds.waiting));
    figures.extend(limits(&name, &turns));
    plots::costs(bench, "sixteen", &name, &turns)?;
    Ok(figures)
}

/// Callers that send for this many seconds after the last call has started and the warm-up is over.
pub(super) fn in_real_time(calls: u32, seconds: f64) -> Callers {
    let starting = f64::from(calls) / CALLS_PER_SECOND;
    Callers {
        calls_per_second: Some(CALLS_PER_SECOND),
        ..Callers::new(calls, Duration::from_secs_f64(starting + 1.0 + seconds))
    }
}

/// Callers that each send this many frames in one write. The first second is not measured.
fn closed_loop(calls: u32, frames: NonZeroU32, seconds: f64) -> Callers {
    Callers {
        mode: LoadMode::ClosedLoop(frames),
        ..Callers::new(calls, Duration::from_secs_f64(seconds))
    }
}

fn echo(
    bench: &Bench,
    load: &str,
    rounds: usize,
    takes_part: impl Fn(&Contender) -> bool,
    callers: &Callers,
) -> Vec<Turns<Cost>> {
    rounds::take(bench, load, rounds, takes_part, |contender| {
        let server = bench.echo(contender, &[])?;
        bench.cost(&server, callers)
    })
}

pub(super) fn costs(load: &str, turns: &[Turns<Cost>]) -> Vec<Figure> {
    let figure = |turns: &Turns<Cost>| {
        let what = format!("{load}, {}: processor time per frame", turns.contender.name);
        spread::figure(what, turns.values(|cost| cost.cpu), "µs")
    };
    turns.iter().filter_map(figure).collect()
}

fn ratios(
    load: &str,
    turns: &[Turns<Cost>],
    reference: &str,
    bound: impl Fn(&Bounds) -> Option<f64>,
) -> Vec<Figure> {
    let Some(other) = rounds::of(turns, reference) else {
        return Vec::new();
    };
    let figure = |turns: &Turns<Cost>| {
        let Contender { name, bounds, .. } = turns.contender;
        let what = format!("{load}, {name}: ratio to {reference}");
        let ratio = spread::figure(what, turns.ratios(other, |cost| cost.cpu), "")?;
        Some(ratio.at_most_if(bound(bounds)))
    };
    turns.iter().filter_map(figure).collect()
}

/// Turns that failed, and turns in which the callers were the limit.
fn limits(load: &str, turns: &[Turns<Cost>]) -> Vec<Figure> {
    let of_one = |turns: &Turns<Cost>| {
        let limits = turns.limits(load, |cost| cost.callers_were_the_limit);
        limits.into_iter().chain(turns.failures(load))
    };
    turns.iter().flat_map(of_one).collect()
}
