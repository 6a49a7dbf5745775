//! What a call takes in memory that is merely there.

use std::io;
use std::time::Duration;

use audiosocket_testing::load::LoadMode;

use super::Bench;
use super::{rounds, spread};
use crate::callers::Callers;
use crate::figure::Figure;

/// With deadlines, as a careful user has them, and without silence: that would be sent to 5,000
/// calls 50 times a second, which is more than a core can.
const OPTIONS: [&str; 4] = [
    "--no-silence",
    "--max-duration=1h",
    "--idle-timeout=1h",
    "--max-calls=20000",
];

/// Not all at once: this is no test of the listener's backlog.
const CALLS_PER_SECOND: f64 = 2_500.0;

/// What does not depend on other things needs not be repeated as often.
const ROUNDS: usize = 3;

pub(super) fn measure(bench: &Bench) -> io::Result<Vec<Figure>> {
    let calls = if bench.short { 200 } else { 5_000 };
    let load = format!("{calls} idle calls");
    let one = Callers::new(1, Duration::from_millis(200));
    let starting = f64::from(calls) / CALLS_PER_SECOND;
    let all = Callers {
        calls_per_second: Some(CALLS_PER_SECOND),
        mode: LoadMode::Quiet,
        ..Callers::new(calls, Duration::from_secs_f64(starting + 1.5))
    };
    let rounds = ROUNDS.min(bench.repeat);
    let turns = rounds::take(
        bench,
        &load,
        rounds,
        |contender| !contender.gathers(),
        |contender| {
            let server = bench.echo(contender, &OPTIONS)?;
            // After the first call, which leaves buffers that are all calls'.
            bench.report(&server, &one)?;
            let before = server.usage()?.resident_bytes as f64;
            let all = Callers {
                server_pid: Some(server.id()),
                ..all.clone()
            };
            let measured = bench.report(&server, &all)?.server_process;
            let measured = measured.ok_or_else(|| io::Error::other("memory was not measured"))?;
            Ok((measured.resident_bytes as f64 - before) / f64::from(calls))
        },
    );
    let mut figures = Vec::new();
    for turns in &turns {
        let what = format!("{load}, {}: resident for each", turns.contender.name);
        let bytes = spread::figure(what, turns.values(|bytes| *bytes), "bytes");
        let bound = turns.contender.bounds.bytes_per_idle_call;
        figures.extend(bytes.map(|bytes| bytes.at_most_if(bound)));
        figures.extend(turns.failures(&load));
    }
    Ok(figures)
}
