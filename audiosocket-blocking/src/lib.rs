#![doc = include_str!("../README.md")]
#![cfg(unix)]

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
