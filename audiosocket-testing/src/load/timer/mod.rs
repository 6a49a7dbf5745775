//! Timers of callers.

#[cfg(not(target_os = "linux"))]
mod coarse;
#[cfg(target_os = "linux")]
mod exact;

#[cfg(not(target_os = "linux"))]
pub(super) use coarse::{CallTimer, SharedTimer};
#[cfg(target_os = "linux")]
pub(super) use exact::{CallTimer, SharedTimer};
