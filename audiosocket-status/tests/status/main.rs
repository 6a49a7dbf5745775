//! The status server, by HTTP.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod metrics;
mod page;
mod support;
