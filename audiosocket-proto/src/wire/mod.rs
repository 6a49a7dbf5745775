//! Frames on the wire and their meaning.

pub mod encoder;

mod audio;
mod decoder;
pub(crate) mod frame;
mod message;
mod rate;

pub use audio::{Audio, AudioBuf};
pub use decoder::Decoder;
pub use frame::{Frame, FrameKind, HEADER_LEN, Header, MAX_PAYLOAD_LEN};
pub use message::{DtmfDigit, ErrorFlags, Message};
pub use rate::{ParseSampleRateError, SampleRate};
