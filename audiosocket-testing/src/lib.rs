#![doc = include_str!("../README.md")]
//!
//! # By task
//!
//! | task | item |
//! |---|---|
//! | write a test that makes one call by hand | [`client::Client`] |
//! | place many calls and measure latency, jitter and lost frames | [`load::LoadTest`] |
//! | record the audio of the calls of a load test | [`load::CallTap`] |
//! | check the callbacks of a handler, or wait for one | [`transcript::TranscriptAcceptor`] |
//! | build a handler from closures | [`transcript::Answers`] |
//! | start a server as a process, read its output and stop it | [`process::Process`] |
//! | measure the processor time, memory and descriptors of a process | [`usage::ObservedProcess`] |

pub mod client;
pub mod load;
pub mod process;
pub mod transcript;
pub mod usage;
