//! What a call takes in memory that is merely there.

use std::io;

use super::Bench;
use super::{rounds, spread};
use crate::figure::Figure;

/// With deadlines, as a careful user has them, and without silence: that would be sent to 5,000
/// calls 50 times a second, which is more than a core can.
const OPTIONS: [&str; 4] = [
    "--no-silence",
    "--max-duration=1h",
    "--idle-timeout=1h",
    "--max-calls=20000",
];

/// How many begin in a second. Not all at once: this is no test of how many may wait.
const RATE: u32 = 2_500;

/// What does not depend on other things needs not be repeated as often.
const ROUNDS: usize = 3;

pub(super) fn measure(bench: &Bench) -> io::Result<Vec<Figure>> {
    let calls = if bench.short { 200 } else { 5_000 };
    let load = format!("{calls} idle calls");
    let one = ["--calls=1".to_owned(), "--duration=200ms".to_owned()];
    let all = [
        "--quiet".to_owned(),
        format!("--calls={calls}"),
        format!("--rate={RATE}"),
        format!(
            "--duration={}ms",
            (f64::from(calls) / f64::from(RATE) + 1.5) * 1e3
        ),
    ];
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
            let before = server.usage()?.resident as f64;
            let mut args = all.to_vec();
            args.push(format!("--server-pid={}", server.id()));
            let report = bench.report(&server, &args)?;
            let with_all = report["server_process"]["resident_bytes"].as_f64();
            let with_all = with_all.ok_or_else(|| io::Error::other("memory was not measured"))?;
            Ok((with_all - before) / f64::from(calls))
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
