#![doc = include_str!("../README.md")]

#[doc = include_str!("../docs/coming-from-python.md")]
pub mod coming_from_python {}

#[doc = include_str!("../docs/expected-calls.md")]
pub mod expected_calls {}

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
