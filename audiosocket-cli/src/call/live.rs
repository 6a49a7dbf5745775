//! What a run has come to so far, shared by all its calls.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Notify;

use super::hearing::Deviation;

/// Longer times are counted as this.
const LONGEST: Duration = Duration::from_secs(120);

/// The counters are for the progress bar and the server's cost; what calls come to is told by their
/// outcomes.
#[derive(Debug)]
pub(super) struct Live {
    sent: AtomicU64,
    received: AtomicU64,
    echoed: AtomicU64,
    connected: AtomicU64,
    /// Whoever waits is woken by each call that gets a connection.
    connects: Notify,
    /// The same of those that stop talking, or end.
    stops: Notify,
    /// One for all calls: a histogram takes hundreds of kilobytes, and all calls run on one
    /// thread, so that the lock is never waited for.
    times: Mutex<Times>,
}

#[derive(Clone, Debug)]
pub(super) struct Times {
    /// From sending a frame to its echo.
    pub(super) latency: TimeHistogram,
    /// The same from when the frame was due, in real time.
    pub(super) since_due: TimeHistogram,
    /// See [`Deviation`].
    pub(super) spacing: TimeHistogram,
    pub(super) late: TimeHistogram,
    pub(super) grid: TimeHistogram,
    /// How late this program reads.
    pub(super) own_delay: TimeHistogram,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            echoed: AtomicU64::new(0),
            connected: AtomicU64::new(0),
            connects: Notify::new(),
            stops: Notify::new(),
            times: Mutex::new(Times {
                latency: TimeHistogram::new(),
                since_due: TimeHistogram::new(),
                spacing: TimeHistogram::new(),
                late: TimeHistogram::new(),
                grid: TimeHistogram::new(),
                own_delay: TimeHistogram::new(),
            }),
        }
    }

    pub(super) fn sent(&self, frames: u64) {
        self.sent.fetch_add(frames, Relaxed);
    }

    /// A frame of audio, of any kind.
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Relaxed);
    }

    pub(super) fn echoed(&self, latency: Duration, since_due: Option<Duration>) {
        self.echoed.fetch_add(1, Relaxed);
        let mut times = self.lock();
        times.latency.record(latency);
        if let Some(since_due) = since_due {
            times.since_due.record(since_due);
        }
    }

    /// A call has its connection.
    pub(super) fn connected(&self) {
        self.connected.fetch_add(1, Relaxed);
        self.connects.notify_one();
    }

    /// A call does not go on as before.
    pub(super) fn stopped(&self) {
        self.stops.notify_one();
    }

    /// Waits until so many calls have had a connection.
    pub(super) async fn all_connected(&self, calls: u32) {
        while self.connected.load(Relaxed) < calls.into() {
            self.connects.notified().await;
        }
    }

    /// Waits until the first call has stopped, for one alone who waits.
    pub(super) async fn first_stopped(&self) {
        self.stops.notified().await;
    }

    pub(super) fn heard(&self, deviation: Deviation) {
        let mut times = self.lock();
        times.spacing.record(deviation.spacing);
        times.late.record(deviation.late);
        times.grid.record(deviation.grid);
    }

    pub(super) fn own_delay(&self, delay: Duration) {
        self.lock().own_delay.record(delay);
    }

    pub(super) fn frames(&self) -> LiveFrames {
        LiveFrames {
            sent: self.sent.load(Relaxed),
            received: self.received.load(Relaxed),
            echoed: self.echoed.load(Relaxed),
        }
    }

    pub(super) fn times(&self) -> Times {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of all calls so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveFrames {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) echoed: u64,
}

/// In microseconds, to three digits.
#[derive(Clone, Debug)]
pub(super) struct TimeHistogram(Histogram<u64>);

impl TimeHistogram {
    pub(super) fn new() -> Self {
        let longest = LONGEST.as_micros() as u64;
        Self(Histogram::new_with_bounds(1, longest, 3).expect("the bounds are in order"))
    }

    pub(super) fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    pub(super) fn quantiles(&self) -> Option<Quantiles> {
        let Self(times) = self;
        (!times.is_empty()).then(|| Quantiles {
            min: times.min(),
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
            p999: times.value_at_quantile(0.999),
            max: times.max(),
        })
    }
}

/// In microseconds.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Quantiles {
    pub(super) min: u64,
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}
