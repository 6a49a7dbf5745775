//! The cost of a frame for a server with many quiet calls.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_testing::load::LoadMode;

use super::Bench;
use super::cost::Cost;
use super::per_frame::in_real_time;
use super::{Contender, plots, rounds, spread};
use crate::callers::{CallerProcess, Callers};
use crate::figure::Figure;
use crate::program::Server;

/// Without silence. With silence, the server sends 50 frames per second on a quiet call.
const OPTIONS: [&str; 2] = ["--no-silence", "--max-calls=20000"];

/// The quiet calls that start per second. The server allows this many connections without a UUID.
const CALLS_PER_SECOND: u32 = 4_000;

const ROUNDS: usize = 3;

/// The time in which all quiet calls must start, beyond that of their rate.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn measure(bench: &Bench) -> io::Result<Vec<Figure>> {
    let (talking, connected, seconds): (u32, &[u32], f64) = match bench.short {
        true => (10, &[10, 50], 0.3),
        // On threads a call has two descriptors, and 20,000 are a usual limit.
        false => (100, &[100, 1_000, 5_000, 9_000], 2.0),
    };
    let load = format!("{talking} calls talk");
    let takes_part = |contender: &Contender| {
        (contender.is_ours() && contender.answers_at_once()) || contender.is_reference()
    };
    let rounds = ROUNDS.min(bench.repeat);
    let turns = rounds::take(bench, &load, rounds, takes_part, |contender| {
        let cost = |connected: &u32| {
            let server = bench.echo(contender, &OPTIONS)?;
            let quiet = Quiet::begin(bench, &server, connected - talking)?;
            let cost = bench.cost(&server, &in_real_time(talking, seconds));
            quiet.end(&server, connected - talking)?;
            cost
        };
        connected
            .iter()
            .map(cost)
            .collect::<io::Result<Vec<Cost>>>()
    });
    let mut figures = Vec::new();
    for turns in &turns {
        let Contender { name, bounds, .. } = turns.contender;
        for (index, connected) in connected.iter().enumerate() {
            let what = format!("{load} of {connected}, {name}: processor time per frame");
            figures.extend(spread::figure(
                what,
                turns.values(|costs| costs[index].cpu),
                "µs",
            ));
            if index > 0 {
                let what = format!("{load} of {connected}, {name}: ratio to {talking} calls");
                let ratio = turns.values(|costs| costs[index].cpu / costs[0].cpu);
                let bound = bounds.growth.filter(|_| *connected == 5_000);
                let ratio = spread::figure(what, ratio, "");
                figures.extend(ratio.map(|ratio| ratio.at_most_if(bound)));
            }
        }
        figures.extend(turns.failures(&load));
    }
    plots::growth(bench, &load, connected, &turns)?;
    Ok(figures)
}

/// A process of quiet callers, if there are any.
struct Quiet {
    _process: Option<CallerProcess>,
}

impl Quiet {
    /// Starts the quiet callers, and waits until all are connected.
    fn begin(bench: &Bench, server: &Server, calls: u32) -> io::Result<Self> {
        if calls == 0 {
            return Ok(Self { _process: None });
        }
        let callers = Callers {
            calls_per_second: Some(CALLS_PER_SECOND.into()),
            mode: LoadMode::Quiet,
            ..Callers::new(calls, Duration::from_secs(3600))
        };
        let before = server.usage()?.descriptors;
        let process = bench
            .program
            .spawn_callers(server, &callers, &bench.cores)?;
        let quiet = Self {
            _process: Some(process),
        };
        let begun = Instant::now();
        let patience = Duration::from_secs(u64::from(calls / CALLS_PER_SECOND)) + PATIENCE;
        while server.usage()?.descriptors < before + u64::from(calls) {
            if begun.elapsed() > patience {
                return Err(io::Error::other("not all quiet calls have started in time"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(quiet)
    }

    /// Returns an error if some quiet calls have ended.
    fn end(self, server: &Server, calls: u32) -> io::Result<()> {
        if server.usage()?.descriptors < calls.into() {
            return Err(io::Error::other("some quiet calls have ended"));
        }
        Ok(())
    }
}
