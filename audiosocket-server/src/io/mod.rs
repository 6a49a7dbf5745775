//! Sockets and loops for adapters: what a server does with a runtime that is three small traits.

pub mod surface;

mod accept_errors;
mod accept_loop;
#[cfg(feature = "batch")]
mod batch;
mod blocked_handler;
mod connection;
mod keepalive;
mod log_limit;
mod options;
mod read_buffer;
mod runtime;
mod timeout_spread;
mod unregistered;

pub use accept_errors::AcceptBackoff;
pub use accept_loop::{AcceptLoop, Serve};
#[cfg(feature = "batch")]
pub use batch::BatchPoller;
pub use connection::Connection;
pub use keepalive::Keepalive;
pub use log_limit::LogRateLimit;
pub use options::{BoundSockets, ServerOptions};
pub use read_buffer::release_read_buffer;
pub use runtime::{Listener, Stream, Timer};
pub use unregistered::{UnregisteredListener, UnregisteredStream};
