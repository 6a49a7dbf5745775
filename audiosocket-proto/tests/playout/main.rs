//! The playout under made-up time: what comes out, when, and what is told of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bound;
mod clearing;
mod cutting;
mod draining;
mod hangup;
mod marks;
mod model;
mod rig;
mod schedule;
mod silence;
mod stats;
