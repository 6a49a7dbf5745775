#![doc = include_str!("../README.md")]
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
