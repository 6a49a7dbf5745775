//! What frames cost the server's process, while all calls talk.

use std::fmt;
use std::io;
use std::time::Instant;

use serde::Serialize;
use tokio::time::sleep;

use super::Run;
use super::args::Expect;
use super::plan::WARM_UP;
use super::server_process::{Counters, ServerProcess, Used};

/// From so much of a processor on, a process of one thread is what keeps it from going faster.
const BUSY: f64 = 0.95;

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ServerCost {
    pub(super) seconds: f64,
    /// Echoed, or received if no echo is expected.
    pub(super) frames: u64,
    /// `None` without frames.
    pub(super) cpu_us_per_frame: Option<f64>,
    pub(super) user_us_per_frame: Option<f64>,
    pub(super) system_us_per_frame: Option<f64>,
    pub(super) busy: f64,
    pub(super) context_switches_per_frame: Option<f64>,
    pub(super) resident_bytes: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    pub(super) own_busy: f64,
    pub(super) limit: Limit,
}

/// What keeps frames from going faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Limit {
    Server,
    Caller,
    None,
}

/// How far all has come at one time.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    frames: u64,
    used: Used,
}

/// From when all calls have gone on for a while until the first stops. `None` if that never was, or
/// if it is not asked for.
pub(super) async fn measure(run: &Run) -> Option<ServerCost> {
    let process = run.plan.server_process.as_ref()?;
    tokio::select! {
        biased;
        () = run.live.first_stopped() => return None,
        () = async {
            run.live.all_connected(run.plan.calls).await;
            sleep(WARM_UP).await;
        } => {}
    }
    // What takes longer to read is read outside of the time that is measured.
    let counted = process.counters();
    let begin = mark(run, process);
    run.live.first_stopped().await;
    let end = mark(run, process);
    let cost = counted.and_then(|counted| Ok(cost(begin?, end?, counted, process.counters()?)));
    cost.inspect_err(|error| tracing::warn!(%error, "what the server costs is not known"))
        .ok()
}

fn mark(run: &Run, process: &ServerProcess) -> io::Result<Mark> {
    let frames = run.live.frames();
    Ok(Mark {
        at: Instant::now(),
        frames: match run.plan.expect {
            Expect::Echo => frames.echoed,
            Expect::Any => frames.received,
        },
        used: process.used()?,
    })
}

fn cost(begin: Mark, end: Mark, counted: Counters, counted_in_the_end: Counters) -> ServerCost {
    let (before, after) = (counted, counted_in_the_end);
    let seconds = (end.at - begin.at).as_secs_f64();
    let frames = end.frames - begin.frames;
    let per_frame = |all: f64| (frames > 0).then(|| all / frames as f64);
    let cpu = end.used.cpu.saturating_sub(begin.used.cpu).as_secs_f64();
    let own_cpu = end.used.own_cpu.saturating_sub(begin.used.own_cpu);
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
        resident_bytes: after.resident_bytes,
        descriptors: after.descriptors,
        threads: after.threads,
        own_busy,
        limit: Limit::of(busy, own_busy),
    }
}

impl Limit {
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

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "the server",
            Self::Caller => "this program",
            Self::None => "neither",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn mark(at: Instant, frames: u64, cpu_ms: u64, own_cpu_ms: u64) -> Mark {
        let used = Used {
            cpu: Duration::from_millis(cpu_ms),
            own_cpu: Duration::from_millis(own_cpu_ms),
        };
        Mark { at, frames, used }
    }

    fn counters(user_ticks: u64, system_ticks: u64, context_switches: u64) -> Counters {
        Counters {
            user_ticks,
            system_ticks,
            context_switches,
            resident_bytes: 4096,
            descriptors: 7,
            threads: 2,
        }
    }

    #[test]
    fn a_frame_costs_its_share() {
        let start = Instant::now();
        let begin = mark(start, 1_000, 500, 100);
        let end = mark(start + Duration::from_secs(2), 201_000, 1_500, 500);
        let cost = cost(begin, end, counters(10, 40, 5), counters(30, 120, 50_005));
        assert_eq!((cost.seconds, cost.frames), (2.0, 200_000));
        assert_eq!(cost.cpu_us_per_frame, Some(5.0));
        assert_eq!(cost.user_us_per_frame, Some(1.0));
        assert_eq!(cost.system_us_per_frame, Some(4.0));
        assert_eq!(cost.context_switches_per_frame, Some(0.25));
        assert_eq!((cost.busy, cost.own_busy), (0.5, 0.2));
        assert_eq!(cost.limit, Limit::None);
    }

    #[test]
    fn without_frames_nothing_is_told_of_a_frame() {
        let start = Instant::now();
        let end = mark(start + Duration::from_secs(1), 0, 1, 1);
        let cost = cost(
            mark(start, 0, 0, 0),
            end,
            counters(0, 0, 0),
            counters(0, 0, 2),
        );
        assert_eq!(cost.frames, 0);
        assert_eq!(cost.cpu_us_per_frame, None);
        assert_eq!(cost.context_switches_per_frame, None);
    }

    #[test]
    fn who_has_no_time_left_is_the_limit() {
        assert_eq!(Limit::of(0.97, 0.99), Limit::Server);
        assert_eq!(Limit::of(0.94, 0.99), Limit::Caller);
        assert_eq!(Limit::of(0.94, 0.5), Limit::None);
    }
}
