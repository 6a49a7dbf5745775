#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

pub mod client;
pub mod encoder;

mod audio;
mod buffer;
mod config;
mod decoder;
mod error;
mod event;
mod frame;
mod message;
mod playout;
mod ptime;
mod rate;
#[cfg(feature = "serde")]
mod serde_impls;
mod session;
mod stats;
mod time;

pub use bytes::Bytes;
pub use uuid::Uuid;

pub use audio::{Audio, AudioBuf};
pub use config::SessionConfig;
pub use decoder::Decoder;
pub use error::{PeerError, SendError};
pub use event::{End, Event, Transmit};
pub use frame::{Frame, FrameKind, HEADER_LEN, Header, MAX_PAYLOAD_LEN};
pub use message::{DtmfDigit, ErrorFlags, Message};
pub use playout::{Dropped, MarkOutcome, Playout, PlayoutOutput, PlayoutStats, silence_after};
pub use ptime::Ptime;
pub use rate::{ParseSampleRateError, SampleRate};
pub use session::Session;
pub use stats::SessionStats;
#[cfg(feature = "std")]
pub use time::Epoch;
pub use time::Timestamp;
