//! The server layer: which callbacks come, in which order, and what their answers send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/call.rs"]
mod call;
#[path = "../common/emitted.rs"]
mod emitted;
#[path = "../common/reference.rs"]
mod reference;
#[path = "../common/wire.rs"]
mod wire;

mod acceptors;
mod admission;
mod announced;
mod answers;
mod backlog;
mod callbacks;
mod calls;
mod connection;
mod ends;
mod handles;
mod incoming;
mod lag;
mod limits;
mod panics;
mod played;
mod playing;
mod playing_from_elsewhere;
mod server_driver;
