//! When callers have something to do next.

#[cfg(not(target_os = "linux"))]
mod coarse;
#[cfg(target_os = "linux")]
mod exact;

#[cfg(not(target_os = "linux"))]
pub(super) use coarse::{Metronome, Timer};
#[cfg(target_os = "linux")]
pub(super) use exact::{Metronome, Timer};
