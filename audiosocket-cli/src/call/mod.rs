//! `audiosocket call`: stands in for Asterisk.

mod args;
mod barge_in;
mod caller;
mod ear;
mod echo_check;
mod hearing;
mod lengths;
mod live;
mod metronome;
mod noise;
mod outcome;
mod plan;
mod probe;
mod progress;
mod recordings;
mod report;
mod schedule;
mod server_cost;
mod server_process;
mod speech;
mod summary;
mod voice;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_record::Recorder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::signals::Signals;
use crate::{cli, open_files, output};
use live::Live;
use metronome::Metronome;
use plan::Plan;
use progress::Progress;
use summary::{Gathering, Summary};

pub(crate) use args::CallArgs;

/// As a shell reports a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// How often the progress bar moves.
const PROGRESS: Duration = Duration::from_millis(100);

/// What all calls of a run share.
#[derive(Debug)]
struct Run {
    plan: Plan,
    /// Where the server is; tried in this order.
    addrs: Vec<SocketAddr>,
    live: Live,
    metronome: Metronome,
    /// Records what callers hear, with `--record`.
    recorder: Option<Recorder>,
}

pub(crate) fn run(args: &CallArgs) -> io::Result<ExitCode> {
    let audio = args.audio.as_deref();
    let audio = audio
        .map(|path| speech::read(path, args.format))
        .transpose()?;
    let plan = match Plan::new(args, audio.as_deref()) {
        Ok(plan) => plan,
        Err(problem) => cli::usage_error(&problem),
    };
    let addrs = resolve(&plan.server)?;
    open_files::raise_limit();
    // One thread: what its calls share is then never waited for, and a core is enough for a
    // thousand calls.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let summary = runtime.block_on(place_all(plan, addrs))?;
    if args.json {
        output::line(serde_json::to_string_pretty(&summary)?)?;
    } else {
        output::line(report::table(&summary))?;
    }
    Ok(match &summary {
        summary if summary.calls.interrupted > 0 => ExitCode::from(INTERRUPTED),
        summary if summary.ok => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn resolve(server: &str) -> io::Result<Vec<SocketAddr>> {
    let with_name = |error| {
        let message = format!("cannot resolve {}: {error}", server.escape_debug());
        io::Error::other(message)
    };
    let addrs: Vec<_> = server.to_socket_addrs().map_err(with_name)?.collect();
    if addrs.is_empty() {
        return Err(with_name(io::ErrorKind::NotFound.into()));
    }
    Ok(addrs)
}

/// Begins the calls as the plan says, until all are over or a signal ends them.
async fn place_all(plan: Plan, addrs: Vec<SocketAddr>) -> io::Result<Summary> {
    let mut signals = Signals::listen()?;
    let progress = Progress::new(&plan);
    let mut progress_due = interval(PROGRESS);
    progress_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (stop, stopped) = watch::channel(false);
    let recorder = plan.record.as_deref().map(recordings::start).transpose()?;
    let run = Arc::new(Run {
        plan,
        addrs,
        live: Live::new(),
        metronome: Metronome::new()?,
        recorder,
    });
    let mut helping = JoinSet::new();
    let probed = Arc::clone(&run);
    // A task as each call is one, to be as late as a call is.
    helping.spawn(async move { probe::measure(&probed.live).await });
    let timed = Arc::clone(&run);
    helping.spawn(async move { timed.metronome.run().await });
    let costing = tokio::spawn({
        let run = Arc::clone(&run);
        async move { server_cost::measure(&run).await }
    });
    let mut gathering = Gathering::new();
    let mut calls = JoinSet::new();
    let start = Instant::now();
    let mut begun = 0;
    loop {
        let more = begun < run.plan.calls && !*stop.borrow();
        if !more && calls.is_empty() {
            break;
        }
        tokio::select! {
            _ = signals.next() => {
                stop.send_replace(true);
            }
            () = sleep_until(start + run.plan.spacing * begun), if more => {
                let (run, number, stopped) = (Arc::clone(&run), begun, stopped.clone());
                calls.spawn(async move { caller::place(&run, number, stopped).await });
                begun += 1;
            }
            Some(outcome) = calls.join_next() => gathering.add(&outcome?),
            Some(failed) = helping.join_next() => failed??,
            _ = progress_due.tick() => progress.update(&run.live, calls.len()),
        }
    }
    let took = start.elapsed();
    helping.shutdown().await;
    // It waits for the end of a call, if there was one.
    run.live.stopped();
    let server_process = costing.await?;
    progress.finish();
    let run = Arc::into_inner(run).expect("all that shared it is over");
    let recordings = match (run.recorder, &run.plan.record) {
        (Some(recorder), Some(name)) => {
            Some(recordings::finish(recorder, name, signals.next()).await)
        }
        _ => None,
    };
    Ok(gathering.finish(
        &run.plan,
        took,
        &run.live.times(),
        recordings,
        server_process,
    ))
}
