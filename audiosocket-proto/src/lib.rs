#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

pub mod client;

mod buffer;
mod config;
mod error;
mod event;
mod playout;
mod ptime;
#[cfg(feature = "serde")]
mod serde_impls;
mod session;
mod stats;
mod time;
mod wire;

pub use bytes::Bytes;
pub use uuid::Uuid;

pub use config::SessionConfig;
pub use error::{PeerError, SendError};
pub use event::{End, Event, Transmit};
pub use playout::{Dropped, MarkOutcome, Playout, PlayoutOutput, PlayoutStats, silence_after};
pub use ptime::Ptime;
pub use session::Session;
pub use stats::SessionStats;
#[cfg(feature = "std")]
pub use time::Epoch;
pub use time::Timestamp;
pub use wire::{
    Audio, AudioBuf, Decoder, DtmfDigit, ErrorFlags, Frame, FrameKind, HEADER_LEN, Header,
    MAX_PAYLOAD_LEN, Message, ParseSampleRateError, SampleRate, encoder,
};
