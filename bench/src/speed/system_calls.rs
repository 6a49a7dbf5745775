//! The system calls of a server for each frame that it echoes.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use audiosocket_testing::process::{Process, Signal};
use std::time::Duration;
use tempfile::NamedTempFile;

use super::contender::Contender;
use super::{Bench, can_run, rounds, spread};
use crate::callers::Callers;
use crate::figure::Figure;
use crate::program::Server;

/// `strace` prints this line when it traces the server.
const ATTACHED: &str = "strace: Process ";

/// Measures one call, so that there is never more than one frame to read.
pub(super) fn measure(bench: &Bench) -> io::Result<Vec<Figure>> {
    if !can_run("strace") {
        eprintln!("there is no strace: system calls are not counted");
        return Ok(Vec::new());
    }
    let load = "one call";
    let (short, long) = if bench.short {
        (200, 700)
    } else {
        (1_000, 5_000)
    };
    // One round: the load of the machine does not change the count.
    let turns = rounds::take(bench, load, 1, Contender::answers_at_once, |contender| {
        let server = bench.echo(contender, &[])?;
        // The start and the end of a call take the same number of system calls in both counts.
        let short = count(bench, &server, short)?;
        let long = count(bench, &server, long)?;
        Ok((long.system_calls - short.system_calls) / (long.frames - short.frames))
    });
    let mut figures = Vec::new();
    for turns in &turns {
        let what = format!("{load}, {}: system calls per frame", turns.contender.name);
        let calls = spread::figure(what, turns.values(|calls| *calls), "");
        let bound = turns.contender.bounds.system_calls_per_frame;
        figures.extend(calls.map(|calls| calls.at_most_if(bound)));
        figures.extend(turns.failures(load));
    }
    Ok(figures)
}

struct Count {
    system_calls: f64,
    frames: f64,
}

/// Counts from before the start of a call of this duration until after its end.
fn count(bench: &Bench, server: &Server, millis: u64) -> io::Result<Count> {
    let table = NamedTempFile::new()?;
    let mut strace = Command::new("strace");
    strace
        .args(["-c", "-f", "-o"])
        .arg(table.path())
        .args(["-p", &server.id().to_string()])
        .stdin(Stdio::null());
    let mut strace = Process::builder(strace).ready_line(ATTACHED).start()?;
    let report = bench.report(server, &Callers::new(1, Duration::from_millis(millis)));
    // After this signal `strace` detaches and writes its table.
    strace.signal(Signal::INT)?;
    strace.wait()?;
    let system_calls = total(&fs::read_to_string(table.path())?);
    Ok(Count {
        system_calls: system_calls.ok_or_else(|| io::Error::other("strace counted nothing"))?,
        frames: report?.frames.echoed as f64,
    })
}

/// The number of calls in the last line of the table: percent, seconds, microseconds per call, calls,
/// errors if there were any, and the word `total`.
fn total(table: &str) -> Option<f64> {
    let line = table.lines().rfind(|line| line.ends_with("total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_with_errors_and_without() {
        for errors in ["12", "  "] {
            let table = format!(
                "% time     seconds  usecs/call     calls    errors syscall\n\
                 100.00    0.004321           5       803        {errors} total\n"
            );
            assert_eq!(total(&table), Some(803.0));
        }
        assert_eq!(total(""), None);
    }
}
