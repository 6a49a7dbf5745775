//! The server layer: which callbacks come, in which order, and what their answers send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acceptors;
mod admission;
mod answers;
#[path = "../../../audiosocket-proto/tests/common/call.rs"]
mod call;
mod callbacks;
mod calls;
mod connection;
#[path = "../../../audiosocket-proto/tests/common/emitted.rs"]
mod emitted;
mod ends;
mod expected;
mod handles;
mod inbound_buffer;
mod incoming;
mod lag;
mod limits;
mod panics;
mod played;
mod playing;
mod playing_from_elsewhere;
#[path = "../../../audiosocket-proto/tests/common/reference.rs"]
mod reference;
mod shutdown;
#[path = "../../../audiosocket-proto/tests/common/wire.rs"]
mod wire;
