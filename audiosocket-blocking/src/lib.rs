#![doc = include_str!("../README.md")]
#![doc = include_str!("../SURFACE.md")]
#![cfg(unix)]

#[doc = include_str!("../BEYOND-TCP.md")]
pub mod beyond_tcp {}

mod alarm;
mod bell;
mod keeper;
mod line;
mod runtime;
mod server;
mod stream;

#[doc(inline)]
pub use audiosocket_server::io::surface::*;

pub use server::{Server, start_server};
pub use stream::{Duplex, serve_stream};
