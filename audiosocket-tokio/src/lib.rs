//! An AudioSocket server for tokio. Asterisk connects by TCP and sends the raw audio and the key presses of a call. The
//! server answers with audio, which Asterisk plays to the caller.
//!
//! ```
//! use audiosocket_tokio::start_server;
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let server = start_server(
//!         |_uuid, _peer, audio| audio.into(), // an echo
//!         |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
//!         "127.0.0.1:9092"
//! #       .replace("9092", "0"),
//!     )
//!     .await?;
//! #   server.handle().shutdown(std::time::Duration::ZERO);
//!     server.serve_forever().await
//! }
//! ```
//!
//! | task | start here |
//! |---|---|
//! | answer all calls with two closures | [`start_server`], [`Callbacks`] |
//! | serve each call in a task of its own | [`Server::accept`], [`Server::serve_calls`] |
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
//! | replace the process of a server, and keep its calls | the module `handover`, with the feature `handover` on Unix |
//! | use less CPU for many calls | [`ServerBuilder::threads`], [`ServerBuilder::wake_interval`] |
//!
//! [`Handler`] lists what the server promises to a handler: the first and the last callback, their order, and panics.
//!
//! # Where the code runs
//!
//! Each call is one task. Each worker thread has one read buffer. A callback runs on a worker thread, so it must not
//! block. Move slow work to `tokio::task::spawn_blocking` or to a task of its own.

#[doc = include_str!("../docs/coming-from-python.md")]
pub mod coming_from_python {}

#[doc = include_str!("../docs/expected-calls.md")]
pub mod expected_calls {}

#[cfg(all(feature = "handover", unix))]
pub mod handover;
pub mod listener;

mod builder;
mod runtime;
mod serve_stream;
mod server;
mod threads;

#[doc(inline)]
pub use audiosocket_server::io::adapter_api::*;
#[doc(inline)]
pub use audiosocket_server::{CallHandle, IncomingCall};

pub use builder::{Custom, ServerBuilder};
pub use serve_stream::serve_stream;
pub use server::{Server, start_server};

/// The workspace's README, whose examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct WorkspaceReadme;

/// The README, whose examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
