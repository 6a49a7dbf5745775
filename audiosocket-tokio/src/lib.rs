#![doc = include_str!("../README.md")]

#[doc = include_str!("../docs/coming-from-python.md")]
pub mod coming_from_python {}

#[doc = include_str!("../docs/announced-calls.md")]
pub mod announced_calls {}

mod runtime;
mod server;
mod stream;
mod threads;

#[doc(inline)]
pub use audiosocket_server::io::surface::*;

pub use server::{Server, start_server};
pub use stream::serve_stream;

/// The workspace's README, so that its server is known to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct WorkspaceReadme;
