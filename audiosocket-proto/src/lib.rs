//! `audiosocket-proto` is the sans-IO core of
//! [AudioSocket](https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/), the protocol that carries
//! the audio and the key presses of an Asterisk call over TCP. Bytes and times go in, and events and bytes come
//! out. The crate has no sockets, no clock and no threads, so any event loop can use it.
//!
//! For a server, use `audiosocket-tokio`, `audiosocket-smol` or `audiosocket-blocking`. For a server in your own
//! event loop, use `audiosocket-server`, which adds handlers, limits and shutdown.
//!
//! ```
//! use audiosocket_proto::{Decoder, Event, SendError, Session, SessionConfig, Timestamp, Transmit};
//!
//! fn main() -> Result<(), SendError> {
//!     let now = Timestamp::ZERO;
//!     let mut session = Session::new(SessionConfig::default(), now);
//!     let mut decoder = Decoder::new();
//!
//!     // Bytes from the socket: the UUID of the call, then a frame of audio with one sample.
//!     let mut input: &[u8] = b"\x01\x00\x10sixteen bytes !!\x10\x00\x02\x34\x12";
//!     while let Some(event) = session.receive(now, &mut decoder, &mut input) {
//!         match event {
//!             Event::Started(uuid) => println!("call {uuid}"),
//!             Event::Audio(audio) => session.send(now, audio)?, // an echo
//!             other => println!("{other:?}"),
//!         }
//!     }
//!     // Bytes for the socket.
//!     let echo = b"\x10\x00\x02\x34\x12";
//!     assert_eq!(session.poll_transmit(), Transmit::Bytes(echo));
//!     session.transmitted(now, echo.len());
//!     Ok(())
//! }
//! ```
//!
//! # What you need for a task
//!
//! | task | item |
//! |---|---|
//! | serve one call: order of frames, deadlines, unsent bytes, the end | [`Session`], configured by [`SessionConfig`] |
//! | find frames in a stream | [`Decoder`] |
//! | get the meaning of a frame | [`Message::parse`] |
//! | read and make audio | [`Audio`], [`AudioBuf`], [`SampleRate`] |
//! | write single frames for Asterisk | [`encoder`] |
//! | play audio on time, with silence, marks and barge-in | [`Playout`] |
//! | convert times | [`Timestamp`], `Epoch` (feature `std`) |
//! | continue a call in another process | [`Session::snapshot`], [`Playout::snapshot`] |
//! | simulate Asterisk in a test | [`client`] |
//!
//! # Promises
//!
//! - Input from the network never panics. A session holds at most one incomplete frame and
//!   [`SessionConfig::max_unsent`] bytes of output. A playout holds at most [`SessionConfig::max_playout`].
//! - A frame allocates nothing once the buffers have their size.
//! - A function panics only because of a bug of its caller. Its documentation has the condition.
//!
//! # Features
//!
//! | feature | default | effect |
//! |---|---|---|
//! | `std` | yes | `Epoch`, and output buffers that the calls of a thread share; without it the crate is `no_std` with `alloc` |
//! | `serde` | no | `Serialize` and `Deserialize` for statistics, sample rates, frame kinds, keys, errors of peers, ends of calls, times, audio and snapshots |

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

/// Tests the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;

pub mod client;

mod buffer;
mod config;
mod error;
mod event;
mod histogram;
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
pub use histogram::DurationHistogram;
pub use playout::{
    Bed, Dropped, MarkOutcome, Playout, PlayoutOutput, PlayoutSnapshot, PlayoutStats, silence_after,
};
pub use ptime::Ptime;
pub use session::{Session, SessionSnapshot};
pub use stats::SessionStats;
#[cfg(feature = "std")]
pub use time::Epoch;
pub use time::Timestamp;
pub use wire::{
    Audio, AudioBuf, Decoder, DtmfDigit, ErrorFlags, Frame, FrameKind, HEADER_LEN, Header,
    MAX_PAYLOAD_LEN, Message, ParseSampleRateError, SampleRate, encoder,
};
