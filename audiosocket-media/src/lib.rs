#![doc = include_str!("../README.md")]

mod g711;

pub use audiosocket_proto::SampleRate;

pub use g711::Law;
