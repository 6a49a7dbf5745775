use std::io;

use super::Bench;
use super::contender::{Contender, REFERENCE};
use crate::figure::Figure;

/// What came of one server's turns, one for each round; `None` if it failed.
pub(super) struct Turns<T> {
    pub(super) contender: &'static Contender,
    pub(super) turns: Vec<Option<T>>,
}

/// Gives each server its turn, and then all of them again, so that whatever else the machine does
/// meanwhile is done to all of them.
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
    /// How many failed, if any did.
    pub(super) fn failures(&self, load: &str) -> Option<Figure> {
        let failed = self.turns.iter().filter(|turn| turn.is_none()).count();
        let what = || format!("{load}, {}: turns that failed", self.contender.name);
        (failed > 0).then(|| Figure::new(what(), failed as f64, "").at_most(0.0))
    }

    pub(super) fn values(&self, value: impl Fn(&T) -> f64) -> Vec<f64> {
        self.turns.iter().flatten().map(value).collect()
    }

    /// How many times as much as `other` in the same round.
    pub(super) fn ratios(&self, other: &Self, value: impl Fn(&T) -> f64) -> Vec<f64> {
        let pairs = self.turns.iter().zip(&other.turns);
        let ratio = |(this, other): (&Option<T>, &Option<T>)| {
            Some(value(this.as_ref()?) / value(other.as_ref()?))
        };
        pairs.filter_map(ratio).collect()
    }
}

/// The turns of the server with this name, if it had any.
pub(super) fn of<'t, T>(all: &'t [Turns<T>], name: &str) -> Option<&'t Turns<T>> {
    all.iter().find(|turns| turns.contender.name == name)
}

/// Those of the server that ratios are to.
pub(super) fn of_reference<T>(all: &[Turns<T>]) -> Option<&Turns<T>> {
    of(all, REFERENCE)
}
