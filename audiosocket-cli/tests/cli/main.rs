//! The program as its users have it: run as a process, over real sockets.

#![allow(
    clippy::unwrap_used,
    reason = "clippy does not take helpers for parts of tests"
)]

#[macro_use]
mod runtimes;

mod call;
mod call_audio;
mod call_hearing;
mod call_load;
mod call_misbehaving;
mod caller;
mod crowd;
mod decode;
mod demo;
mod heard;
mod process;
mod recordings;
mod serve;
mod serve_bot;
mod serve_faults;
mod serve_gathered;
mod serve_limits;
mod serve_memory;
#[cfg(feature = "jemalloc")]
mod serve_memory_flood;
#[cfg(feature = "jemalloc")]
mod serve_memory_given_back;
mod serve_play;
mod serve_record;
mod server;
