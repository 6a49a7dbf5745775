//! What a frame costs that is echoed.

use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use audiosocket_testing::load::LoadMode;

use super::Bench;
use super::contender::{ASYNCIO, Bounds, Contender};
use super::cost::Cost;
use super::rounds::{self, Turns};
use super::{plots, spread};
use crate::callers::Callers;
use crate::figure::Figure;

/// Where all calls at once would be too many.
const CALLS_PER_SECOND: f64 = 2_000.0;

const SIXTEEN: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// Rounds under a load of which the least is told.
const ROUNDS_FOR_THE_LEAST: usize = 8;

/// Calls in real time, a frame of 20 ms each 20 ms.
pub(super) fn paced(bench: &Bench) -> io::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let loads: &[(u32, &str, f64)] = match bench.short {
        true => &[(20, "20 calls", 0.5)],
        false => &[(1000, "1,000 calls", 4.0), (200, "200 calls", 3.0)],
    };
    for (calls, name, seconds) in loads {
        let callers = in_real_time(*calls, *seconds);
        let turns = echo(bench, name, bench.repeat, |_| true, &callers);
        // The bounds are for the first.
        let bound = |bounds: &Bounds| bounds.paced.filter(|_| *calls == 1000);
        figures.extend(costs(name, &turns));
        figures.extend(ratios(name, &turns, bound));
        figures.extend(limits(name, &turns));
        plots::costs(bench, &format!("paced-{calls}"), name, &turns)?;
    }
    Ok(figures)
}

/// As many frames as the server takes.
pub(super) fn saturated(bench: &Bench) -> io::Result<Vec<Figure>> {
    let (calls, seconds, rounds) = match bench.short {
        true => (20, 1.5, 1),
        false => (256, 3.5, ROUNDS_FOR_THE_LEAST.max(bench.repeat)),
    };
    let name = format!("{calls} calls in a closed loop");
    let callers = closed_loop(calls, NonZeroU32::MIN, seconds);
    let turns = echo(
        bench,
        &name,
        rounds,
        |contender| !contender.gathers(),
        &callers,
    );
    let mut figures = costs(&name, &turns);
    figures.extend(ratios(&name, &turns, |_| None));
    let least = |turns: &Turns<Cost>| spread::least(&turns.values(|cost| cost.cpu));
    let of_reference = rounds::of_reference(&turns).and_then(least);
    for turns in &turns {
        let Contender {
            name: server,
            bounds,
            ..
        } = turns.contender;
        let Some(this) = least(turns) else { continue };
        figures.push(Figure::new(
            format!("{name}, {server}: least processor time per frame"),
            this,
            "µs",
        ));
        if let Some(reference) = of_reference {
            let ratio = Figure::new(
                format!("{name}, {server}: the least, to epoll's"),
                this / reference,
                "",
            );
            figures.push(ratio.at_most_if(bounds.saturated));
        }
    }
    for turns in &turns {
        let Contender {
            name: server,
            bounds,
            ..
        } = turns.contender;
        let what = format!("{name}, {server}: of it outside the kernel");
        let user = spread::figure(what, turns.values(|cost| cost.user), "µs");
        figures.extend(user.map(|user| user.at_most_if(bounds.saturated_user)));
    }
    figures.extend(limits(&name, &turns));
    plots::costs(bench, "saturated", &name, &turns)?;
    Ok(figures)
}

/// What a server saves if it takes all frames that wait.
pub(super) fn sixteen(bench: &Bench) -> io::Result<Vec<Figure>> {
    let (calls, seconds) = if bench.short { (10, 1.5) } else { (64, 3.0) };
    let name = format!("{calls} calls with 16 frames waiting");
    let callers = closed_loop(calls, SIXTEEN, seconds);
    let turns = echo(
        bench,
        &name,
        bench.repeat,
        |contender| !contender.gathers(),
        &callers,
    );
    let mut figures = costs(&name, &turns);
    if let Some(asyncio) = rounds::of(&turns, ASYNCIO) {
        figures.extend(turns.iter().filter_map(|turns| {
            let Contender {
                name: server,
                bounds,
                ..
            } = turns.contender;
            let what = format!("{name}, {server}: the same, to asyncio's");
            let ratio = spread::figure(what, turns.ratios(asyncio, |cost| cost.cpu), "")?;
            Some(ratio.at_most_if(bounds.waiting))
        }));
    }
    figures.extend(limits(&name, &turns));
    plots::costs(bench, "sixteen", &name, &turns)?;
    Ok(figures)
}

/// Callers that send for this many seconds after the last call has started and has warmed up.
pub(super) fn in_real_time(calls: u32, seconds: f64) -> Callers {
    let starting = f64::from(calls) / CALLS_PER_SECOND;
    Callers {
        calls_per_second: Some(CALLS_PER_SECOND),
        ..Callers::new(calls, Duration::from_secs_f64(starting + 1.0 + seconds))
    }
}

/// Callers that each send this many frames at once. The first second is not measured.
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
    bound: impl Fn(&Bounds) -> Option<f64>,
) -> Vec<Figure> {
    let Some(reference) = rounds::of_reference(turns) else {
        return Vec::new();
    };
    let figure = |turns: &Turns<Cost>| {
        let Contender { name, bounds, .. } = turns.contender;
        let what = format!("{load}, {name}: the same, to epoll's");
        let ratio = spread::figure(what, turns.ratios(reference, |cost| cost.cpu), "")?;
        Some(ratio.at_most_if(bound(bounds)))
    };
    turns.iter().filter_map(figure).collect()
}

/// What is wrong with the figures, if anything is.
fn limits(load: &str, turns: &[Turns<Cost>]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for turns in turns {
        let name = turns.contender.name;
        let of_callers = turns.turns.iter().flatten();
        let of_callers = of_callers
            .filter(|cost| cost.callers_were_the_limit)
            .count();
        if of_callers > 0 {
            let what = format!("{load}, {name}: turns in which the callers were the limit");
            figures.push(Figure::new(what, of_callers as f64, ""));
        }
        figures.extend(turns.failures(load));
    }
    figures
}
