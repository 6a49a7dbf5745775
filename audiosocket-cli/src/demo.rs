//! `audiosocket demo`: an echo server and callers, in one process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use audiosocket_testing::load::Report;
use audiosocket_tokio::{Server, ServerHandle};
use clap::Args;

use crate::call::{self, CallArgs, CallReport};
use crate::serve::Echo;
use crate::{duration, help, output};

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DemoArgs {
    /// Number of calls, all at once
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    calls: u32,
    /// Length of a call
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse_positive)]
    duration: Duration,
    /// Print all figures as JSON, as call --json does
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = help::examples!(
    "program.md",
    "audiosocket demo",
    "audiosocket demo --calls 500 --duration 20s",
    "audiosocket demo --json | jq .latency_us",
);

/// The length of a frame in microseconds. An echo that takes longer comes after the next frame was sent.
const FRAME_US: u64 = 20_000;

pub(crate) fn run(args: &DemoArgs) -> io::Result<ExitCode> {
    let (ready, started) = mpsc::channel();
    // The server has a thread of its own, as a real server has a machine of its own.
    let server = thread::Builder::new()
        .name("server".to_owned())
        .spawn(move || serve(&ready))?;
    let code = match started.recv() {
        Ok((addr, handle)) => {
            let call = CallArgs::of_demo(&addr.to_string(), args.calls, args.duration);
            let report = call::place(&call);
            handle.shutdown(Duration::ZERO);
            report.and_then(|report| print(&report, args.json))
        }
        // The server failed before it listened. `join` returns its error.
        Err(_) => Ok(ExitCode::FAILURE),
    };
    match server.join() {
        Ok(served) => served.and(code),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn print(call: &CallReport, json: bool) -> io::Result<ExitCode> {
    if json {
        call.print_json()?;
    } else {
        output::line(table(&call.report))?;
    }
    Ok(call.exit_code())
}

/// The figures that say whether all of it works on this machine, with their limits, and a verdict.
fn table(report: &Report) -> String {
    let (calls, frames) = (&report.calls, &report.frames);
    let lost = frames.missing + frames.wrong + frames.extra;
    let latency = report.latency_us.as_ref();
    let slow = latency.is_none_or(|latency| latency.p99 > FRAME_US);
    let verdict = match (report.ok, slow) {
        (true, false) => "ok: every frame came back whole and in time",
        (true, true) => {
            "ok, but slow: every frame came back whole, many of them late; the machine is busy"
        }
        (false, _) if calls.interrupted > 0 => "NOT OK: interrupted",
        (false, _) => "NOT OK: calls failed or frames were lost; see audiosocket call --details",
    };
    let mut lines = vec![
        format!(
            "{} calls of {} s to an echo server in this process, over {}",
            calls.placed, report.duration_s, report.server
        ),
        format!(
            "calls    {} completed, {} failed (limit 0)",
            calls.completed, calls.failed
        ),
        format!(
            "frames   {} sent, {} came back whole, {lost} lost or changed (limit 0)",
            frames.sent, frames.echoed
        ),
    ];
    if let Some(latency) = latency {
        lines.push(format!(
            "latency  {}  (limit: p99 20 ms)",
            call::times(latency)
        ));
    }
    lines.push(format!("verdict  {verdict}"));
    lines.push("try      audiosocket serve echo --listen 0.0.0.0:9092".to_owned());
    lines.push("         and call it from Asterisk: AudioSocket(${UUID()},HOST:9092)".to_owned());
    lines.join("\n")
}

fn serve(ready: &mpsc::Sender<(SocketAddr, ServerHandle)>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let builder = Server::builder().bind((Ipv4Addr::LOCALHOST, 0));
        let server = builder.start(Echo::accept).await?;
        let addr = server.local_addrs()[0];
        // Sending fails if the other thread has failed. The process then ends.
        let _ = ready.send((addr, server.handle()));
        server.serve_forever().await
    })
}
