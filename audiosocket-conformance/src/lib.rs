#![doc = include_str!("../README.md")]
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod bench;
mod cases;
mod frames;
mod line;
mod list;
mod orders;
mod playing;
mod recorder;
mod runner;
mod transcript;
mod world;

pub use list::run;
pub use runner::Runner;
