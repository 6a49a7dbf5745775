#![doc = include_str!("../README.md")]

mod clock;
mod runtime;
mod server;
mod stream;

#[doc(inline)]
pub use audiosocket_server::io::surface::*;

pub use server::{Server, start_server};
pub use stream::serve_stream;
