use std::fmt;

use super::stats::FrameCounters;

/// The progress of a running load test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Frames sent so far.
    pub sent: u64,
    /// Frames that all callers together will send; `None` if the mode does not fix it.
    pub planned: Option<u64>,
    /// Frames echoed so far.
    pub echoed: u64,
    /// Calls that have started and not ended.
    pub calls: usize,
}

impl Progress {
    pub(super) fn new(frames: FrameCounters, planned: Option<u64>, calls: usize) -> Self {
        Self {
            sent: frames.sent,
            planned,
            echoed: frames.echoed,
            calls,
        }
    }
}

pub(super) struct ProgressHook(Box<dyn FnMut(Progress) + Send>);

impl ProgressHook {
    pub(super) fn new(hook: impl FnMut(Progress) + Send + 'static) -> Self {
        Self(Box::new(hook))
    }

    pub(super) fn call(&mut self, progress: Progress) {
        (self.0)(progress);
    }
}

impl fmt::Debug for ProgressHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressHook")
    }
}
