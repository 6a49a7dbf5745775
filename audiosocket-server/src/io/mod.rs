//! Sockets and loops for adapters: what a server does on a runtime, which is three small traits here.
//!
//! Servers use an adapter. This module is what adapters are made of, and may change with any release.

pub mod surface;

mod accept_backoff;
mod accept_loop;
#[cfg(feature = "batch")]
mod batch;
mod blocked_handler;
mod builder;
mod connection;
pub(crate) mod instruments;
mod keepalive;
mod listen_addr;
mod log_limit;
mod options;
mod read_buffer;
mod runtime;
#[cfg(unix)]
mod socket_file;
mod timeout_spread;
mod timer;

#[doc(no_inline)]
pub use audiosocket_proto::SessionConfig;

pub use crate::block_on::block_on;
pub use accept_backoff::AcceptBackoff;
pub use accept_loop::AcceptLoop;
#[cfg(feature = "batch")]
pub use batch::{BatchConnection, BatchPoller, UnregisteredStream, UnregisteredTimer};
pub use connection::Connection;
pub use keepalive::Keepalive;
pub use listen_addr::ListenAddr;
pub use log_limit::LogRateLimit;
pub use options::{BoundSockets, ListenOptions, ServerConfig, TcpOptions, pending_if_would_block};
pub use read_buffer::release_read_buffer;
pub use runtime::{Listener, Stream, Timer};
#[cfg(unix)]
pub use socket_file::SocketFile;
