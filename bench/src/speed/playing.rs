//! The cost of a played frame, compared with an echoed frame.

use std::io;

use audiosocket_testing::load::Expect;

use super::Bench;
use super::cost::Cost;
use super::per_frame::in_real_time;
use super::{rounds, spread};
use crate::callers::Callers;
use crate::figure::Figure;
use crate::program::Serve;
use crate::prompt;

/// The costs of one server in one round.
struct Both {
    echoed: Cost,
    played: Cost,
}

pub(super) fn measure(bench: &Bench) -> io::Result<Vec<Figure>> {
    let (calls, seconds) = if bench.short { (20, 0.5) } else { (1000, 3.0) };
    let (_directory, prompt) = prompt::write(10)?;
    let echo = in_real_time(calls, seconds);
    let play = Callers {
        expect: Expect::Any,
        ..echo.clone()
    };
    let load = format!("{calls} calls with a prompt");
    let ours = |contender: &super::Contender| contender.is_ours() && contender.answers_at_once();
    let turns = rounds::take(bench, &load, bench.repeat, ours, |contender| {
        let echoed = bench.cost(&bench.echo(contender, &[])?, &echo)?;
        let command = contender.serve(&bench.program, Serve::Play(&prompt), &[]);
        let player = bench.start(command.ok_or(io::ErrorKind::Unsupported)?)?;
        let played = bench.cost(&player, &play)?;
        Ok(Both { echoed, played })
    });
    let mut figures = Vec::new();
    for turns in &turns {
        let what = |what: &str| format!("{load}, {}: {what}", turns.contender.name);
        let played = turns.values(|both| both.played.cpu);
        figures.extend(spread::figure(
            what("processor time per frame"),
            played,
            "µs",
        ));
        let ratios = turns.values(|both| both.played.cpu / both.echoed.cpu);
        let ratio = spread::figure(what("ratio to an echo"), ratios, "");
        figures.extend(ratio.map(|ratio| ratio.at_most_if(turns.contender.bounds.playing)));
        figures.extend(turns.failures(&load));
    }
    Ok(figures)
}
