//! Places all calls of a run.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::call;
use super::config::RunConfig;
use super::progress::{Progress, ProgressHook};
use super::report::summary::SummaryBuilder;
use super::report::{Report, server_cost};
use super::run::Run;
#[cfg(unix)]
use super::self_latency;
use super::stats::RunStats;
use super::tap::TapFactory;
use super::timer::SharedTimer;

/// The interval in which the progress hook is called.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Places the calls of `config`, until all have ended or `stop` is ready.
pub(super) async fn place_all(
    config: RunConfig,
    tap: Option<TapFactory>,
    mut on_progress: Option<ProgressHook>,
    stop: impl Future<Output = ()>,
) -> io::Result<Report> {
    let mut stop = pin!(stop);
    let has_hook = on_progress.is_some();
    let planned = if has_hook { config.frames() } else { None };
    let mut progress_due = interval(PROGRESS_INTERVAL);
    progress_due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (stop_calls, stopped) = watch::channel(false);
    let run = Arc::new(Run {
        addrs: resolve(&config.options.server).await?,
        config,
        stats: RunStats::default(),
        timer: SharedTimer::new()?,
        tap,
    });
    let mut report_progress = |calls| {
        if let Some(on_progress) = &mut on_progress {
            on_progress.call(Progress::new(run.stats.frames(), planned, calls));
        }
    };
    let mut helpers = JoinSet::new();
    #[cfg(unix)]
    helpers.spawn({
        let run = Arc::clone(&run);
        // This is a task, so that it is as late as the task of a call.
        async move { self_latency::measure(&run.stats).await }
    });
    helpers.spawn({
        let run = Arc::clone(&run);
        async move { run.timer.run().await }
    });
    let mut measuring = JoinSet::new();
    measuring.spawn({
        let run = Arc::clone(&run);
        async move { server_cost::measure(&run).await }
    });
    let mut summary = SummaryBuilder::new(run.config.options.list_calls);
    let mut calls = JoinSet::new();
    let start = Instant::now();
    let mut started = 0;
    loop {
        let stopping = *stop_calls.borrow();
        let more = started < run.config.options.calls && !stopping;
        if !more && calls.is_empty() {
            break;
        }
        tokio::select! {
            () = &mut stop, if !stopping => {
                stop_calls.send_replace(true);
            }
            () = sleep_until(start + run.config.interval * started), if more => {
                let (run, number, stopped) = (Arc::clone(&run), started, stopped.clone());
                calls.spawn(async move { call::place(&run, number, stopped).await });
                started += 1;
            }
            Some(outcome) = calls.join_next() => summary.add(outcome?),
            Some(failed) = helpers.join_next() => failed??,
            _ = progress_due.tick(), if has_hook => report_progress(calls.len()),
        }
    }
    let elapsed = start.elapsed();
    report_progress(0);
    helpers.shutdown().await;
    // The measurement waits for the end of a call, and there may have been no call.
    run.stats.stopped();
    let server_cost = measuring.join_next().await.transpose()?.flatten();
    Ok(summary.finish(&run.config, elapsed, &run.stats.times(), server_cost))
}

async fn resolve(server: &str) -> io::Result<Vec<SocketAddr>> {
    let with_name = |error| {
        let message = format!("cannot resolve {}: {error}", server.escape_debug());
        io::Error::other(message)
    };
    let addrs: Vec<_> = lookup_host(server).await.map_err(with_name)?.collect();
    if addrs.is_empty() {
        return Err(with_name(io::ErrorKind::NotFound.into()));
    }
    Ok(addrs)
}
