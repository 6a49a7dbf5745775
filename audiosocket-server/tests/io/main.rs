//! The loops of all adapters, on a runtime that the tests control.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accept_loop;
mod batch;
mod connection;
mod fairness;
mod retransmissions;
mod rig;
mod runtime;
mod segments;
