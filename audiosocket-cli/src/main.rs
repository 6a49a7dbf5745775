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

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
