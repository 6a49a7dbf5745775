//! The program as its users have it: run as a process, over real sockets.

#![allow(
    clippy::unwrap_used,
    reason = "clippy does not take helpers for parts of tests"
)]

#[macro_use]
mod runtimes;

mod call;
mod caller;
mod crowd;
mod decode;
mod demo;
mod heard;
mod help;
mod process;
mod recordings;
mod serve;
mod server;
