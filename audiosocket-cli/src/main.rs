#![doc = include_str!("../README.md")]

mod address;
mod call;
mod capture;
mod cli;
mod decode;
mod demo;
mod duration;
mod file_error;
mod generate;
mod help;
mod logging;
mod open_files;
mod output;
mod packet_capture;
mod serve;
mod signals;
mod tap;
mod top;
mod usage_error;

use std::process::ExitCode;

/// jemalloc returns the memory of ended calls to the system. The allocator of the C library keeps most of it.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
