//! Tests of the playout in virtual time: its frames, their times, its marks and its counters.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bed;
mod bound;
mod clearing;
mod cutting;
mod draining;
mod hangup;
mod marks;
mod model;
mod pausing;
mod prebuffer;
mod rig;
mod schedule;
mod silence;
mod stats;
