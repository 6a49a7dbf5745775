//! The cost of a frame for the process of the server.

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::load::config::{Expect, WARM_UP};
use crate::load::run::Run;
use crate::usage::{self, Activity, ObservedProcess, ProcessUsage};

/// A process with this many processor seconds per second is the bottleneck.
const BUSY: f64 = 0.95;

/// The cost of the calls for the server's process.
///
/// The measurement starts one second after the last call has connected. It ends when the first call
/// stops sending.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServerCost {
    /// The length of the measurement, in seconds.
    pub seconds: f64,
    /// The frames in that time: echoed, or received with [`Expect::Any`].
    pub frames: u64,
    /// Microseconds of processor time per frame, of all threads. `None` without frames.
    pub cpu_us_per_frame: Option<f64>,
    /// The part of `cpu_us_per_frame` outside the kernel. It is an estimate from clock ticks. `None`
    /// without frames or ticks.
    pub user_us_per_frame: Option<f64>,
    /// The part of `cpu_us_per_frame` in the kernel, estimated in the same way.
    pub system_us_per_frame: Option<f64>,
    /// Seconds of processor time per second.
    pub busy: f64,
    /// Context switches per frame, of the threads that existed all the time.
    pub context_switches_per_frame: Option<f64>,
    /// Resident memory at the end, in bytes.
    pub resident_bytes: u64,
    /// Open file descriptors at the end.
    pub descriptors: u64,
    /// Threads at the end.
    pub threads: u64,
    /// Seconds of processor time of this process per second.
    pub own_busy: f64,
    /// The process that limits the number of frames.
    pub limit: Bottleneck,
}

/// The process that limits the number of frames per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Bottleneck {
    /// The server used at least 0.95 processor seconds per second.
    Server,
    /// This process used at least 0.95 processor seconds per second, and the server did not.
    Caller,
    /// No process is the bottleneck.
    None,
}

/// The counters at one time.
#[derive(Clone, Copy, Debug)]
struct CostSample {
    at: Instant,
    frames: u64,
    cpu: Duration,
    own_cpu: Duration,
}

/// Measures from [`WARM_UP`] after the last call has connected until the first call stops. Returns
/// `None` if a call stops before, or if the run does not observe the server.
pub(in crate::load) async fn measure(run: &Run) -> Option<ServerCost> {
    let process = run.config.server_process.as_ref()?;
    tokio::select! {
        biased;
        () = run.stats.first_stopped() => return None,
        () = async {
            run.stats.all_connected(run.config.options.calls).await;
            sleep(WARM_UP).await;
        } => {}
    }
    // Reading the activity takes longer, so it is outside of the measured time.
    let before = process.activity();
    let begin = mark(run, process);
    run.stats.first_stopped().await;
    let end = mark(run, process);
    let cost = || {
        let activity = [before?, process.activity()?];
        io::Result::Ok(cost(begin?, end?, activity, process.usage()?))
    };
    cost()
        .inspect_err(|error| tracing::warn!(%error, "cannot measure the cost of the server"))
        .ok()
}

fn mark(run: &Run, process: &ObservedProcess) -> io::Result<CostSample> {
    let frames = run.stats.frames();
    Ok(CostSample {
        at: Instant::now(),
        frames: match run.config.expect {
            Expect::Echo => frames.echoed,
            Expect::Any | Expect::Scenario => frames.received,
        },
        cpu: process.cpu_time()?,
        own_cpu: usage::own_cpu_time()?,
    })
}

fn cost(
    begin: CostSample,
    end: CostSample,
    activity: [Activity; 2],
    usage: ProcessUsage,
) -> ServerCost {
    let [before, after] = activity;
    let seconds = (end.at - begin.at).as_secs_f64();
    let frames = end.frames - begin.frames;
    let per_frame = |all: f64| (frames > 0).then(|| all / frames as f64);
    let cpu = end.cpu.saturating_sub(begin.cpu).as_secs_f64();
    let own_cpu = end.own_cpu.saturating_sub(begin.own_cpu);
    let user_ticks = after.user_ticks.saturating_sub(before.user_ticks) as f64;
    let system_ticks = after.system_ticks.saturating_sub(before.system_ticks) as f64;
    let ticks = user_ticks + system_ticks;
    let share = |ticks_of_it: f64| {
        let all = per_frame(cpu * 1e6)?;
        (ticks > 0.0).then(|| all * ticks_of_it / ticks)
    };
    let switches = after
        .context_switches
        .saturating_sub(before.context_switches);
    let (busy, own_busy) = (cpu / seconds, own_cpu.as_secs_f64() / seconds);
    ServerCost {
        seconds,
        frames,
        cpu_us_per_frame: per_frame(cpu * 1e6),
        user_us_per_frame: share(user_ticks),
        system_us_per_frame: share(system_ticks),
        busy,
        context_switches_per_frame: per_frame(switches as f64),
        resident_bytes: usage.resident_bytes,
        descriptors: usage.descriptors,
        threads: usage.threads,
        own_busy,
        limit: Bottleneck::of(busy, own_busy),
    }
}

impl Bottleneck {
    fn of(server: f64, caller: f64) -> Self {
        if server >= BUSY {
            Self::Server
        } else if caller >= BUSY {
            Self::Caller
        } else {
            Self::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: Instant, frames: u64, cpu_ms: u64, own_cpu_ms: u64) -> CostSample {
        CostSample {
            at,
            frames,
            cpu: Duration::from_millis(cpu_ms),
            own_cpu: Duration::from_millis(own_cpu_ms),
        }
    }

    const USAGE: ProcessUsage = ProcessUsage {
        resident_bytes: 4096,
        descriptors: 7,
        threads: 2,
    };

    fn activity(user_ticks: u64, system_ticks: u64, context_switches: u64) -> Activity {
        Activity {
            user_ticks,
            system_ticks,
            context_switches,
        }
    }

    #[test]
    fn the_cost_is_shared_by_all_frames() {
        let start = Instant::now();
        let begin = mark(start, 1_000, 500, 100);
        let end = mark(start + Duration::from_secs(2), 201_000, 1_500, 500);
        let cost = cost(
            begin,
            end,
            [activity(10, 40, 5), activity(30, 120, 50_005)],
            USAGE,
        );
        assert_eq!((cost.seconds, cost.frames), (2.0, 200_000));
        assert_eq!(cost.cpu_us_per_frame, Some(5.0));
        assert_eq!(cost.user_us_per_frame, Some(1.0));
        assert_eq!(cost.system_us_per_frame, Some(4.0));
        assert_eq!(cost.context_switches_per_frame, Some(0.25));
        assert_eq!((cost.busy, cost.own_busy), (0.5, 0.2));
        assert_eq!(cost.limit, Bottleneck::None);
    }

    #[test]
    fn without_frames_there_is_no_cost_per_frame() {
        let start = Instant::now();
        let end = mark(start + Duration::from_secs(1), 0, 1, 1);
        let cost = cost(
            mark(start, 0, 0, 0),
            end,
            [activity(0, 0, 0), activity(0, 0, 2)],
            USAGE,
        );
        assert_eq!(cost.frames, 0);
        assert_eq!(cost.cpu_us_per_frame, None);
        assert_eq!(cost.context_switches_per_frame, None);
    }

    #[test]
    fn the_busy_process_is_the_bottleneck() {
        assert_eq!(Bottleneck::of(0.97, 0.99), Bottleneck::Server);
        assert_eq!(Bottleneck::of(0.94, 0.99), Bottleneck::Caller);
        assert_eq!(Bottleneck::of(0.94, 0.5), Bottleneck::None);
    }
}
