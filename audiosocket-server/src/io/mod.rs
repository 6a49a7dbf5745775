//! Sockets and loops for adapters. You need this module to write an adapter for another runtime.
//!
//! An adapter implements three small traits: [`Stream`], [`Timer`] and [`Listener`]. [`AcceptLoop`] takes connections,
//! and [`Connection`] serves one of them. A server needs only an adapter. This module may change with each release.

pub mod adapter_api;

mod accept;
#[cfg(feature = "batch")]
mod batch;
mod blocked_handler;
mod builder;
mod coalescing_timer;
mod connection;
mod handshake;
mod log_limit;
pub(crate) mod observers;
mod read_buffer;
mod runtime;
#[cfg(feature = "tls")]
mod tls;
mod tls_layer;

#[doc(no_inline)]
pub use audiosocket_proto::SessionConfig;

pub use crate::block_on::block_on;
pub use accept::accept_backoff::AcceptBackoff;
pub use accept::accept_loop::AcceptLoop;
pub use accept::keepalive::Keepalive;
pub use accept::listen_addr::ListenAddr;
pub use accept::listen_backlog::ListenBacklog;
pub use accept::options::{
    BoundSockets, ListenOptions, ListeningSocket, ServerConfig, TcpOptions, pending_if_would_block,
};
#[cfg(unix)]
pub use accept::socket_file::SocketFile;
#[cfg(feature = "batch")]
pub use batch::{BatchConnection, BatchPoller, UnregisteredStream, UnregisteredTimer};
pub use connection::Connection;
pub use connection::retransmissions::tcp_retransmissions;
pub use connection::segments::send_frames;
pub use handshake::HandshakeState;
pub use log_limit::LogRateLimit;
pub use read_buffer::release_read_buffer;
pub use runtime::{ClosableListener, Listener, Stream, Timer};
#[cfg(feature = "tls")]
pub use tls::TlsConfig;
