//! The loops that every adapter shares, on a runtime made by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connection;
mod fairness;
mod rig;
mod runtime;
mod serving;
