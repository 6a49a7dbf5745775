//! Counters and histograms that all calls of a run share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::rx::jitter::Deviation;

/// A longer time counts as this time.
const LONGEST: Duration = Duration::from_secs(120);

/// The state of a run so far. The counters are for the progress and the server's cost; the report
/// comes from the outcomes of calls.
#[derive(Debug, Default)]
pub(super) struct RunStats {
    sent: AtomicU64,
    received: AtomicU64,
    echoed: AtomicU64,
    connected: AtomicU64,
    /// Notified for each call that has connected.
    connects: Notify,
    /// Notified for each call that stops sending or ends.
    stops: Notify,
    /// All calls share one, since a histogram takes hundreds of kilobytes. If all calls run on one
    /// thread, they never wait for the lock.
    times: Mutex<Times>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// The time from the connection of a call to its first audio that is not silence.
    pub(super) first_audio: TimeHistogram,
    /// The time from the write of a frame to its echo.
    pub(super) latency: TimeHistogram,
    /// The time from the scheduled time of a frame to its echo.
    pub(super) since_due: TimeHistogram,
    /// See [`Deviation`].
    pub(super) jitter: TimeHistogram,
    pub(super) lateness: TimeHistogram,
    pub(super) drift: TimeHistogram,
    /// The delay with which this process reads.
    pub(super) self_latency: TimeHistogram,
}

impl RunStats {
    pub(super) fn sent(&self, frames: u64) {
        self.sent.fetch_add(frames, Relaxed);
    }

    /// Counts a received frame of audio, of any kind.
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Relaxed);
    }

    /// Records the first audio of a call that is not silence.
    pub(super) fn first_audio(&self, since_connected: Duration) {
        self.lock().first_audio.record(since_connected);
    }

    pub(super) fn echoed(&self, latency: Duration, since_due: Option<Duration>) {
        self.echoed.fetch_add(1, Relaxed);
        let mut times = self.lock();
        times.latency.record(latency);
        if let Some(since_due) = since_due {
            times.since_due.record(since_due);
        }
    }

    /// Counts a call that has connected.
    pub(super) fn connected(&self) {
        self.connected.fetch_add(1, Relaxed);
        self.connects.notify_one();
    }

    /// Counts a call that stops sending or ends.
    pub(super) fn stopped(&self) {
        self.stops.notify_one();
    }

    /// Waits until this many calls have connected.
    pub(super) async fn all_connected(&self, calls: u32) {
        while self.connected.load(Relaxed) < calls.into() {
            self.connects.notified().await;
        }
    }

    /// Waits until the first call stops. Only one task may wait.
    pub(super) async fn first_stopped(&self) {
        self.stops.notified().await;
    }

    pub(super) fn deviation(&self, deviation: Deviation) {
        let mut times = self.lock();
        times.jitter.record(deviation.jitter);
        times.lateness.record(deviation.lateness);
        times.drift.record(deviation.drift);
    }

    pub(super) fn self_latency(&self, latency: Duration) {
        self.lock().self_latency.record(latency);
    }

    pub(super) fn frames(&self) -> FrameCounters {
        FrameCounters {
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

/// The frames of all calls so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameCounters {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) echoed: u64,
}

/// A histogram of microseconds, with three significant digits.
#[derive(Clone, Debug)]
pub(super) struct TimeHistogram(Histogram<u64>);

impl Default for TimeHistogram {
    fn default() -> Self {
        let longest = LONGEST.as_micros() as u64;
        Self(Histogram::new_with_bounds(1, longest, 3).expect("the bounds are in order"))
    }
}

impl TimeHistogram {
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

/// The distribution of a time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Quantiles {
    /// The minimum.
    pub min: u64,
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The 99.9th percentile.
    pub p999: u64,
    /// The maximum.
    pub max: u64,
}
