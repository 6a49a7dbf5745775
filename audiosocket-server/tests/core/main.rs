//! The server layer: the callbacks, their order, and the effect of their answers.

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
#[cfg(unix)]
mod handover;
mod lag;
mod limits;
mod observing;
mod panics;
mod playing;
mod proxied;
mod recorder;
#[path = "../../../audiosocket-proto/tests/common/reference.rs"]
mod reference;
mod shutdown;
mod stream;
#[path = "../../../audiosocket-proto/tests/common/wire.rs"]
mod wire;
