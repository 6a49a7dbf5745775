#![doc = include_str!("../README.md")]

pub mod pcm;
pub mod wav;

mod g711;
mod resample;

pub use audiosocket_proto::SampleRate;

pub use g711::Law;
pub use resample::{Resampler, UnsupportedRate};
