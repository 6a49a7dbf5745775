//! The loops that every adapter shares, on a runtime made by hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accept_loop;
mod batch;
mod connection;
mod fairness;
mod rig;
mod runtime;
