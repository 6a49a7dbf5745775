//! What a run has come to so far, shared by all its calls.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies beyond it are counted as this.
const LONGEST: Duration = Duration::from_secs(120);

/// The counters are for the progress bar; what calls come to is told by their outcomes.
#[derive(Debug)]
pub(super) struct Live {
    sent: AtomicU64,
    echoed: AtomicU64,
    /// In microseconds. One for all calls: it takes tens of kilobytes, and all calls run on one
    /// thread, so that the lock is never waited for.
    latencies: Mutex<Histogram<u64>>,
}

impl Live {
    pub(super) fn new() -> Self {
        let longest = LONGEST.as_micros() as u64;
        Self {
            sent: AtomicU64::new(0),
            echoed: AtomicU64::new(0),
            latencies: Mutex::new(
                Histogram::new_with_bounds(1, longest, 3).expect("the bounds are in order"),
            ),
        }
    }

    pub(super) fn sent(&self, frames: u64) {
        self.sent.fetch_add(frames, Relaxed);
    }

    pub(super) fn echoed(&self, latency: Duration) {
        self.echoed.fetch_add(1, Relaxed);
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let latencies = &mut self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        latencies.saturating_record(micros);
    }

    /// Frames sent and echoed.
    pub(super) fn frames(&self) -> (u64, u64) {
        (self.sent.load(Relaxed), self.echoed.load(Relaxed))
    }

    pub(super) fn latencies(&self) -> Histogram<u64> {
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
