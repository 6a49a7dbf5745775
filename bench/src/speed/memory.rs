//! The memory of a quiet call.

use std::io;
use std::time::Duration;

use audiosocket_testing::load::LoadMode;

use super::contender::Contender;
use super::{Bench, rounds, spread};
use crate::callers::Callers;
use crate::figure::Figure;

/// With deadlines, and without silence: 50 frames per second on 5,000 calls are too much for one core.
const OPTIONS: [&str; 4] = [
    "--no-silence",
    "--max-duration=1h",
    "--idle-timeout=1h",
    "--max-calls=20000",
];

/// The calls that start per second, so that the backlog of the listener is not full.
const CALLS_PER_SECOND: f64 = 2_500.0;

/// Memory does not depend on the load of the machine, so it needs fewer rounds.
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
    let takes_part = Contender::answers_at_once;
    let turns = rounds::take(bench, &load, rounds, takes_part, |contender| {
        let server = bench.echo(contender, &OPTIONS)?;
        // The first call leaves buffers that all calls share.
        bench.report(&server, &one)?;
        let before = server.usage()?.resident_bytes as f64;
        let all = Callers {
            server_pid: Some(server.id()),
            ..all.clone()
        };
        let measured = bench.report(&server, &all)?.server_process;
        let measured = measured.ok_or_else(|| io::Error::other("memory was not measured"))?;
        Ok((measured.resident_bytes as f64 - before) / f64::from(calls))
    });
    let mut figures = Vec::new();
    for turns in &turns {
        let what = format!(
            "{load}, {}: resident memory for each call",
            turns.contender.name
        );
        let bytes = spread::figure(what, turns.values(|bytes| *bytes), "bytes");
        let bound = turns.contender.bounds.bytes_per_idle_call;
        figures.extend(bytes.map(|bytes| bytes.at_most_if(bound)));
        figures.extend(turns.failures(&load));
    }
    Ok(figures)
}
