use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::cores::Cores;
use crate::figure::Figure;

const PERIOD: Duration = Duration::from_millis(1);

/// How late a thread wakes that does nothing but sleep, alone on the server's core: what of the
/// lateness of others is the machine's.
pub(crate) fn measure(short: bool, cores: &Cores) -> io::Result<Vec<Figure>> {
    let wakes = if short { 500 } else { 30_000 };
    let mut late = cores.on_server(|| lateness(wakes))?;
    late.sort_unstable();
    let what = "nothing but a timer on the idle core: lateness";
    let figure = |name: &str, late: Option<&Duration>| {
        let millis = late.map_or(f64::NAN, |late| late.as_secs_f64() * 1e3);
        Figure::new(format!("{what}, {name}"), millis, "ms")
    };
    Ok(vec![
        figure("p99", late.get(late.len() * 99 / 100)),
        figure("max", late.last()),
    ])
}

/// How late a thread wakes at most that only sleeps, beside a load and until that is `over`. From a
/// second on it says so at once: a core that stands still is no fault of what is measured on it.
pub(crate) fn watch(core: &str, start: Instant, over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !over.load(Relaxed) {
        let due = Instant::now() + 10 * PERIOD;
        thread::sleep(10 * PERIOD);
        let late = due.elapsed();
        longest = longest.max(late);
        if late >= Duration::from_secs(1) {
            let at = start.elapsed().as_secs();
            eprintln!("{at} s after the start: the {core}'s core did nothing for {late:.1?}");
        }
    }
    longest
}

/// Of each of so many wake-ups, against a time that does not depend on the ones before.
fn lateness(wakes: u32) -> Vec<Duration> {
    let start = Instant::now();
    let late = (1..=wakes).map(|wake| {
        let due = start + PERIOD * wake;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due.elapsed()
    });
    late.collect()
}
