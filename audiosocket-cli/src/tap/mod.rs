//! `audiosocket tap`: passes calls on to a server, unchanged, and captures them.

mod gate;
mod passing;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::capture::{CaptureOptions, Captures};
use crate::signals::{ServerSignal, ServerSignals};
use crate::{address, duration, help, open_files, output};
use gate::Gate;
use passing::{Passed, Route};

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TapArgs {
    /// Listen on HOST:PORT
    #[arg(value_parser = address::parse)]
    listen: String,
    /// Pass calls on to HOST:PORT
    #[arg(value_parser = address::parse)]
    target: String,
    /// Open calls at most
    #[arg(long, value_name = "N", help_heading = "Limits", default_value_t = 1_000, value_parser = parse_calls)]
    max_calls: usize,
    /// Time for calls to end after SIGTERM
    #[arg(long, value_name = "TIME", help_heading = "Limits", default_value = "5s", value_parser = duration::parse)]
    drain: Duration,
    #[command(flatten)]
    capture: CaptureOptions,
}

const AFTER_HELP: &str = help::examples!(
    "operating.md",
    "audiosocket tap 0.0.0.0:9092 voicebot:9092 --capture-dir .",
    "audiosocket tap [::1]:9092 [::1]:9093 --capture-dir . --capture-calls 1",
    "audiosocket tap [::]:9092 [::1]:9093 --capture-dir . --capture-as streams",
);

fn parse_calls(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number from 1 on".to_owned()),
        Ok(calls) => Ok(calls),
    }
}

pub(crate) fn run(args: &TapArgs) -> io::Result<ExitCode> {
    open_files::raise_limit();
    let captures = args.capture.start()?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    let passed = runtime.block_on(pass_calls(args, captures.as_ref()));
    // Calls that were cut end their captures.
    drop(runtime);
    if let Some(captures) = captures {
        captures.finish();
    }
    passed.map(|()| ExitCode::SUCCESS)
}

/// Passes calls on until a signal has ended the tap.
async fn pass_calls(args: &TapArgs, captures: Option<&Captures>) -> io::Result<()> {
    let mut signals = ServerSignals::listen()?;
    let mut gate = Gate::open(&args.listen, &args.target).await?;
    output::announce(format_args!("listening on {}", gate.addr()));
    let mut calls = JoinSet::new();
    let signal = loop {
        let has_room = calls.len() < args.max_calls;
        tokio::select! {
            signal = signals.next(None) => if let Some(signal) = act(signal, calls.len()) {
                break signal;
            },
            (caller, peer) = gate.accept(has_room) => {
                let route = Route { caller, peer, target: args.target.clone() };
                calls.spawn(route.pass(captures.cloned()));
            }
            Some(passed) = calls.join_next() => {
                if let Ok(Passed::TargetRefused) = passed {
                    gate.close_until_the_target_accepts();
                }
            }
        }
    };
    drop(gate);
    let drain = humantime::format_duration(args.drain);
    tracing::info!(signal, %drain, calls = calls.len(), "shutting down");
    let deadline = Instant::now() + args.drain;
    while !calls.is_empty() {
        tokio::select! {
            signal = signals.next(None) => if let Some(signal) = act(signal, calls.len()) {
                tracing::info!(signal, "calls are cut");
                break;
            },
            ended = timeout_at(deadline, calls.join_next()) => if ended.is_err() {
                break;
            }
        }
    }
    while calls.try_join_next().is_some() {}
    if !calls.is_empty() {
        tracing::warn!(
            calls = calls.len(),
            "calls were cut without a hangup; --drain gives them more time"
        );
    }
    Ok(())
}

/// Acts on a signal that does not end the tap. Returns the name of one that does.
fn act(signal: Option<ServerSignal>, calls: usize) -> Option<&'static str> {
    match signal? {
        ServerSignal::End(name) => return Some(name),
        ServerSignal::Reload => tracing::info!("nothing to reload: a tap reads no file"),
        ServerSignal::Summary => tracing::info!(calls, "summary"),
        ServerSignal::Other(number) => {
            tracing::warn!(number, "a signal without a meaning was ignored");
        }
    }
    None
}
