#![doc = include_str!("../README.md")]

pub mod client;
pub mod load;
pub mod process;
pub mod transcript;
pub mod usage;
