#![doc = include_str!("../README.md")]

mod address;
mod call;
mod cli;
mod decode;
mod demo;
mod duration;
mod logging;
mod open_files;
mod output;
mod serve;
mod signals;
mod usage_error;

use std::process::ExitCode;

/// Gives back to the system what a crowd of calls took, as the system's own often does not.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
