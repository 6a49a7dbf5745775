#![doc = include_str!("../README.md")]

pub mod surface;

mod accept;
mod connection;
mod keepalive;
mod options;
mod runtime;
mod scratch;
mod serving;

pub use accept::AcceptErrors;
pub use connection::Connection;
pub use keepalive::Keepalive;
pub use options::{Listening, ServerOptions};
pub use runtime::{Listener, Stream, Timer};
pub use serving::{Serve, Serving};
