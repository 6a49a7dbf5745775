//! An AudioSocket server on threads, for handlers that block. Asterisk connects by TCP and sends the raw audio and the
//! key presses of a call. The server answers with audio, which Asterisk plays to the caller.
//!
//! ```
//! use audiosocket_blocking::start_server;
//!
//! fn main() -> std::io::Result<()> {
//!     let server = start_server(
//!         |_uuid, _peer, audio| audio.into(), // an echo
//!         |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
//!         "127.0.0.1:9092"
//! #       .replace("9092", "0"),
//!     )?;
//! #   server.handle().shutdown(std::time::Duration::ZERO);
//!     server.serve_forever()
//! }
//! ```
//!
//! | task | start here |
//! |---|---|
//! | answer all calls with two closures | [`start_server`], [`Callbacks`] |
//! | serve each call on a thread of its own | [`Server::accept`], [`Server::serve_calls`] |
//! | keep state for each call | [`Handler`], [`Acceptor`], [`ServerBuilder::serve`] |
//! | play audio, and stop it when the caller speaks | [`IncomingCall`], [`CallHandle`]; in a callback [`Call`] |
//! | set addresses, limits, deadlines and socket options | [`Server::builder`] |
//! | use a socket that is open already, such as one from systemd | [`ServerBuilder::listener`] |
//! | find the port that the system chose | [`Server::local_addrs`] |
//! | accept calls from some networks only | [`ServerBuilder::allow_list`] |
//! | accept only calls that were announced, with their metadata | [`ServerBuilder::expected_calls`] |
//! | shut down and let calls end | [`ServerHandle::shutdown`] |
//! | count calls | [`ServerHandle::counters`], [`stats`] |
//! | serve calls over TLS or a Unix socket | [`Server::with_listener`], [`serve_stream`] |
//! | let a handler block | nothing to do: see [below](#handlers-that-block) |
//! | give handlers more stack | [`ServerBuilder::stack_size`] |
//!
//! [`Handler`] lists what the server promises to a handler: the first and the last callback, their order, and panics.
//!
//! # Handlers that block
//!
//! Each call has a thread, and its callbacks run on that thread. A callback may wait for a disk, a database or a
//! recogniser. Other calls do not wait for it.
//!
//! Asterisk ends a call whose socket is full. So one thread of the process reads for the calls whose handlers block. It
//! begins at most half a second after the handler blocks. The audio waits for the handler, up to
//! [`ServerBuilder::max_unread`] bytes: 128 KiB by default, which is eight seconds at 8 kHz. Above that limit the server
//! **drops the oldest audio, in whole frames**. It never drops a key press. The handler gets [`Exception::Lagged`] with
//! the number of dropped frames before it gets the audio after the gap.
//!
//! While the handler of a call blocks, the server sends nothing on that call. Deadlines and hangups act when the handler
//! returns. Do not do slow work in [`Handler::on_end`], such as an upload: give it to another thread. The hangup leaves
//! after `on_end`, and the [linger time](config::SessionConfig::linger) begins before it.
#![cfg(unix)]

pub mod listener;

mod builder;
mod call;
mod inbound_buffer;
mod read_ahead;
mod read_ahead_stream;
mod runtime;
mod serve_stream;
mod server;
mod thread_waker;
mod wake_fd;

#[doc(inline)]
pub use audiosocket_server::io::adapter_api::*;

pub use builder::{Custom, ServerBuilder};
pub use call::{CallHandle, IncomingCall};
pub use serve_stream::{Duplex, serve_stream};
pub use server::{Server, start_server};

/// The README, whose examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
