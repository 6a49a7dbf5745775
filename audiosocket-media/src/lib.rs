#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod pcm;
pub mod vad;
pub mod wav;

mod codec;
mod g711;
mod prompt;
mod resample;
mod tone;

pub use audiosocket_proto::SampleRate;

pub use codec::{AudioDecoder, AudioWarning, Codec, CodecDetector, Decoded};
pub use g711::Law;
pub use prompt::Prompt;
pub use resample::{Resampler, UnsupportedRate};
pub use tone::tone;
