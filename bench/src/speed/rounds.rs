use std::io;

use super::Bench;
use super::contender::Contender;
use crate::figure::Figure;

/// The results of one server, one for each round. `None` if the turn failed.
pub(super) struct Turns<T> {
    pub(super) contender: &'static Contender,
    pub(super) turns: Vec<Option<T>>,
}

/// Runs each server once in each round, so that other work of the machine affects all of them.
pub(super) fn take<T>(
    bench: &Bench,
    load: &str,
    rounds: usize,
    takes_part: impl Fn(&Contender) -> bool,
    mut turn: impl FnMut(&'static Contender) -> io::Result<T>,
) -> Vec<Turns<T>> {
    let new = |contender: &&'static Contender| Turns {
        contender,
        turns: Vec::new(),
    };
    let mut all: Vec<_> = bench
        .contenders
        .iter()
        .filter(|contender| takes_part(contender))
        .map(new)
        .collect();
    for round in 1..=rounds {
        for of_one in &mut all {
            let name = of_one.contender.name;
            eprintln!("{load}: {name}, {round} of {rounds}");
            let result = turn(of_one.contender);
            let result = result.inspect_err(|error| eprintln!("{load}: {name}: {error}"));
            of_one.turns.push(result.ok());
        }
    }
    all
}

impl<T> Turns<T> {
    /// The number of failed turns, if there are any.
    pub(super) fn failures(&self, load: &str) -> Option<Figure> {
        let failed = self.turns.iter().filter(|turn| turn.is_none()).count();
        let what = || format!("{load}, {}: turns that failed", self.contender.name);
        (failed > 0).then(|| Figure::new(what(), failed as f64, "").at_most(0.0))
    }

    /// The number of turns in which the callers were the limit, if there are any.
    pub(super) fn limits(&self, load: &str, is_limit: impl Fn(&T) -> bool) -> Option<Figure> {
        let turns = self.turns.iter().flatten();
        let turns = turns.filter(|turn| is_limit(turn)).count();
        let name = self.contender.name;
        let what = format!("{load}, {name}: turns in which the callers were the limit");
        (turns > 0).then(|| Figure::new(what, turns as f64, ""))
    }

    pub(super) fn values(&self, value: impl Fn(&T) -> f64) -> Vec<f64> {
        self.turns.iter().flatten().map(value).collect()
    }

    /// The ratios to `other` in the same round.
    pub(super) fn ratios(&self, other: &Self, value: impl Fn(&T) -> f64) -> Vec<f64> {
        let pairs = self.turns.iter().zip(&other.turns);
        let ratio = |(this, other): (&Option<T>, &Option<T>)| {
            Some(value(this.as_ref()?) / value(other.as_ref()?))
        };
        pairs.filter_map(ratio).collect()
    }
}

/// The turns of the server with this name, if there are any.
pub(super) fn of<'t, T>(all: &'t [Turns<T>], name: &str) -> Option<&'t Turns<T>> {
    all.iter().find(|turns| turns.contender.name == name)
}
