//! An AudioSocket server for smol, async-std and every other executor. Asterisk connects by TCP and sends the raw audio
//! and the key presses of a call. The server answers with audio, which Asterisk plays to the caller.
//!
//! ```
//! use audiosocket_smol::start_server;
//!
//! fn main() -> std::io::Result<()> {
//!     smol::block_on(async {
//!         let server = start_server(
//!             |_uuid, _peer, audio| audio.into(), // an echo
//!             |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
//!             "127.0.0.1:9092"
//! #           .replace("9092", "0"),
//!         )
//!         .await?;
//! #       server.handle().shutdown(std::time::Duration::ZERO);
//!         server.serve_forever().await
//!     })
//! }
//! ```
//!
//! | task | start here |
//! |---|---|
//! | answer all calls with two closures | [`start_server`], [`Callbacks`] |
//! | serve each call in a future of its own | [`Server::accept`], [`Server::serve_calls`] |
//! | keep state for each call | [`Handler`], [`Acceptor`], [`ServerBuilder::serve`] |
//! | play audio, and stop it when the caller speaks | [`IncomingCall`], [`CallHandle`]; in a callback [`Call`] |
//! | set addresses, limits, deadlines and socket options | [`Server::builder`] |
//! | use a socket that is open already, such as one from systemd | [`ServerBuilder::listener`] |
//! | find the port that the system chose | [`Server::local_addrs`] |
//! | accept calls from some networks only | [`ServerBuilder::allow_list`] |
//! | accept only calls that were announced, with their metadata | [`ServerBuilder::expected_calls`] |
//! | shut down and let calls end | [`ServerHandle::shutdown`] |
//! | count calls | [`ServerHandle::counters`], [`stats`] |
//! | serve calls over TLS, a Unix socket or an in-memory stream | [`Server::with_listener`], [`serve_stream`] |
//! | use less CPU for many calls | [`ServerBuilder::wake_interval`] |
//! | use more cores | one server for each core, with [`ServerBuilder::reuse_port`] |
//!
//! [`Handler`] lists what the server promises to a handler: the first and the last callback, their order, and panics.
//!
//! # Where the code runs
//!
//! No executor is needed. All calls run inside the future of [`Server::accept`], [`Server::serve_calls`] or
//! [`Server::serve_forever`], wherever your program awaits it: under `smol::block_on`, in a task of `smol::spawn`, or
//! under another executor. A callback runs in that future, so it must not block. Move slow work to `smol::unblock` or
//! to a task of its own.

pub mod listener;

mod builder;
mod runtime;
mod serve_stream;
mod server;
mod timer;

#[doc(inline)]
pub use audiosocket_server::io::adapter_api::*;
#[doc(inline)]
pub use audiosocket_server::{CallHandle, IncomingCall};

pub use builder::{Custom, ServerBuilder};
pub use serve_stream::serve_stream;
pub use server::{Server, start_server};

/// The README, whose examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
