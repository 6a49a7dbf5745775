//! Runs the program as a process, over real sockets.

#![allow(
    clippy::unwrap_used,
    reason = "clippy allows this in tests, and does not count helpers of tests"
)]

#[macro_use]
mod runtimes;

mod call;
mod caller;
mod crowd;
mod decode;
mod demo;
mod errors;
mod help;
mod listening;
mod observe;
mod process;
mod recordings;
#[cfg(feature = "tls")]
mod relay;
mod releases;
mod serve;
mod server;
mod top;
