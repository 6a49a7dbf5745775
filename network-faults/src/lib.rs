//! A line between two network namespaces that loses, delays and reorders packets, for the tests of the program and of
//! Asterisk. It needs root, iproute2, procps and `/dev/net/tun`.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod line;
mod namespace;

pub use line::{FAR, Line, LineFaults, NEAR};
pub use namespace::{Namespace, unique, wrapped};
