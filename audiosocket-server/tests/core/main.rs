//! The server layer: which callbacks come, in which order, and what their answers send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admission;
mod answers;
#[path = "../../../audiosocket-proto/tests/common/call.rs"]
mod call;
mod callbacks;
mod calls;
#[path = "../../../audiosocket-proto/tests/common/emitted.rs"]
mod emitted;
mod ends;
mod events;
mod expected;
mod handles;
mod incoming;
mod incoming_events;
mod lag;
mod limits;
mod panics;
mod play_waits;
mod played;
mod playing;
mod playing_from_elsewhere;
mod recorder;
#[path = "../../../audiosocket-proto/tests/common/reference.rs"]
mod reference;
mod shutdown;
mod shutdown_work;
#[path = "../../../audiosocket-proto/tests/common/wire.rs"]
mod wire;
