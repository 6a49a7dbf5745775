//! The server layer: which callbacks come, in which order, and what their answers send.

#[path = "../common/call.rs"]
mod call;
#[path = "../common/emitted.rs"]
mod emitted;
#[path = "../common/reference.rs"]
mod reference;
#[path = "../common/wire.rs"]
mod wire;

mod admission;
mod answers;
mod backlog;
mod callbacks;
mod calls;
mod desk;
mod ends;
mod handles;
mod lag;
mod panics;
mod server_driver;
