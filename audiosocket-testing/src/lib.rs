#![doc = include_str!("../README.md")]
//!
//! # By task
//!
//! | task | item |
//! |---|---|
//! | write a test that makes one call by hand | [`client::Client`] |
//! | check a server as a release of Asterisk that you do not have | [`client::Client::connect_as`] |
//! | check a whole dialogue, or that a bot stops when the caller speaks | [`load::Scenario`] |
//! | place many calls and measure latency, jitter and lost frames | [`load::LoadTest`] |
//! | check that noise and the echo of a bot do not interrupt it | [`sounds`] |
//! | fail a test when the audio is not steady | [`load::AudioLimits`] |
//! | find what a release of Asterisk can do | [`asterisk::AsteriskRelease`] |
//! | record the audio of the calls of a load test | [`load::CallTap`] |
//! | check the callbacks of a handler, or wait for one | [`transcript::TranscriptAcceptor`] |
//! | build a handler from closures | [`transcript::Answers`] |
//! | start a server as a process, read its output and stop it | [`process::Process`] |
//! | measure the processor time, memory and descriptors of a process | [`usage::ObservedProcess`] |

pub mod asterisk;
pub mod client;
pub mod load;
pub mod process;
pub mod sounds;
pub mod transcript;
pub mod usage;
