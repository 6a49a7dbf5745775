#![doc = include_str!("../README.md")]

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
