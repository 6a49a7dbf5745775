#![doc = include_str!("../README.md")]

mod accept;
mod keepalive;
mod options;

pub use accept::AcceptErrors;
pub use keepalive::Keepalive;
pub use options::{Listening, ServerOptions};
