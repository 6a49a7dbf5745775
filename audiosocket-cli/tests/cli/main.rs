//! The program as its users have it: run as a process, over real sockets.

#![allow(
    clippy::unwrap_used,
    reason = "clippy does not take helpers for parts of tests"
)]

mod call;
mod call_misbehaving;
mod decode;
mod demo;
mod process;
mod serve;
mod server;
