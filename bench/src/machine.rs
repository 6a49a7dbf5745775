use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::cores::Cores;
use crate::figure::Figure;

const PERIOD: Duration = Duration::from_millis(1);

/// Measures the lateness of a thread that only sleeps, alone on the server's core. This part of the lateness of other
/// programs comes from the machine.
pub(crate) fn measure(short: bool, cores: &Cores) -> io::Result<Vec<Figure>> {
    let wakes = if short { 500 } else { 30_000 };
    let mut late = cores.on_server(|| lateness(wakes))?;
    late.sort_unstable();
    let what = "a timer alone on the idle core: lateness";
    let figure = |name: &str, late: Option<&Duration>| {
        let millis = late.map_or(f64::NAN, |late| late.as_secs_f64() * 1e3);
        Figure::new(format!("{what}, {name}"), millis, "ms")
    };
    Ok(vec![
        figure("p99", late.get(late.len() * 99 / 100)),
        figure("max", late.last()),
    ])
}

/// Returns the longest lateness of a thread that only sleeps, beside a load, until the load is `over`. This function
/// prints a lateness of a second or more, because the server is not its cause.
pub(crate) fn watch(core: &str, start: Instant, over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !over.load(Relaxed) {
        let due = Instant::now() + 10 * PERIOD;
        thread::sleep(10 * PERIOD);
        let late = due.elapsed();
        longest = longest.max(late);
        if late >= Duration::from_secs(1) {
            let at = start.elapsed().as_secs();
            eprintln!(
                "{at} s after the start: a timer on the core of the {core} was late by {late:.1?}"
            );
        }
    }
    longest
}

/// Returns the lateness of each wake-up. Its due time does not depend on earlier wake-ups.
fn lateness(wakes: u32) -> Vec<Duration> {
    let start = Instant::now();
    let late = (1..=wakes).map(|wake| {
        let due = start + PERIOD * wake;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due.elapsed()
    });
    late.collect()
}
