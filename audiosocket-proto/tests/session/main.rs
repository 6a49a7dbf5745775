//! Tests of a session in virtual time: its start, its events, its deadlines and its end.

#[path = "../common/call.rs"]
mod call;
#[path = "../common/emitted.rs"]
mod emitted;
#[path = "../common/reference.rs"]
mod reference;
#[path = "../common/wire.rs"]
mod wire;

mod deadlines;
mod endings;
mod messages;
mod rig;
mod sending;
