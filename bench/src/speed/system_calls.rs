//! How often a server asks the kernel for something, for each frame that it echoes.

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::ProcResult;
use procfs::process::{Process, Task};
use tempfile::NamedTempFile;

use super::Bench;
use super::{rounds, spread};
use crate::callers::Callers;
use crate::figure::Figure;
use crate::program::Server;

/// How long `strace` may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// One call, so that there is never more than a frame to be had at a time.
pub(super) fn measure(bench: &Bench) -> io::Result<Vec<Figure>> {
    let mut strace = Command::new("strace");
    strace
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !strace.status().is_ok_and(|status| status.success()) {
        eprintln!("no strace here: system calls are not counted");
        return Ok(Vec::new());
    }
    let load = "one call";
    let (short, long) = if bench.short {
        (200, 700)
    } else {
        (1_000, 5_000)
    };
    // A count, which does not depend on what else the machine does.
    let turns = rounds::take(
        bench,
        load,
        1,
        |contender| !contender.gathers(),
        |contender| {
            let server = bench.echo(contender, &[])?;
            // What a call takes to begin and to end is the same in both.
            let short = count(bench, &server, short)?;
            let long = count(bench, &server, long)?;
            Ok((long.system_calls - short.system_calls) / (long.frames - short.frames))
        },
    );
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

/// Of one call that long, from before it begins until after it has ended.
fn count(bench: &Bench, server: &Server, millis: u64) -> io::Result<Count> {
    let table = NamedTempFile::new()?;
    let mut strace = Command::new("strace")
        .args(["-c", "-f", "-qq", "-o"])
        .arg(table.path())
        .args(["-p", &server.id().to_string()])
        .stdin(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    while !is_traced(server.id())? {
        if begun.elapsed() > PATIENCE || strace.try_wait()?.is_some() {
            let _ = strace.kill();
            strace.wait()?;
            return Err(io::Error::other("strace may not look at the server"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    let report = bench.report(server, &Callers::new(1, Duration::from_millis(millis)));
    // It leaves the server alone, and writes what it has.
    kill(Pid::from_raw(strace.id() as i32), Signal::SIGINT)?;
    strace.wait()?;
    let frames = report?.frames.echoed as f64;
    let system_calls = total(&fs::read_to_string(table.path())?);
    let system_calls = system_calls.ok_or_else(|| io::Error::other("strace counted nothing"))?;
    Ok(Count {
        system_calls,
        frames,
    })
}

/// Whether each thread of the process has a tracer.
fn is_traced(pid: u32) -> io::Result<bool> {
    let process = Process::new(pid as i32).map_err(io::Error::other)?;
    let tasks = process.tasks().map_err(io::Error::other)?;
    let traced = |task: ProcResult<Task>| Ok(task?.status()?.tracerpid != 0);
    let all: ProcResult<Vec<_>> = tasks.map(traced).collect();
    let all = all.map_err(io::Error::other)?;
    Ok(all.into_iter().all(|traced| traced))
}

/// The number of calls in the last line of such a table: percent, seconds, microseconds a call,
/// calls, errors if there were any, and the word `total`.
fn total(table: &str) -> Option<f64> {
    let line = table.lines().rfind(|line| line.ends_with("total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_with_errors_and_without() {
        let line = "100.00    0.004321           5       803        12 total\n";
        let table = format!("% time     seconds  usecs/call     calls    errors syscall\n{line}");
        assert_eq!(total(&table), Some(803.0));
        assert_eq!(
            total("100.00    0.004321           5       803           total\n"),
            Some(803.0)
        );
        assert_eq!(total(""), None);
    }
}
