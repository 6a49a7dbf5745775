//! What a server does with its calls: callbacks, admission, panics contained, shutdown.
//!
//! The adapters (`audiosocket-tokio` and its siblings) move bytes, watch a clock and accept
//! connections. Everything that they would otherwise each decide is decided here, once:
//! [`CallDriver`] turns the [events](crate::Event) of a session into calls of a [`Handler`], and
//! the answers into bytes.
//!
//! # What is promised to a handler
//!
//! - [`Acceptor::admit_peer`] sees who connects, before anything is read, and can refuse.
//! - [`Acceptor::accept`] sees UUID and peer and makes the handler, or refuses the call.
//! - [`Handler::on_start`] comes first, once. [`Handler::on_end`] comes last, once, whatever
//!   happened before: an orderly end, a reset, a time-out, a panic, a runtime that was shut down.
//!   Nothing comes between an end and its `on_end` except the `on_exception` that tells why.
//! - Callbacks of one call never overlap. Callbacks of different calls may.
//! - A panic in a callback ends that call: the caller hears a hangup, the handler gets
//!   `on_exception` with [`Exception::HandlerPanicked`] and then `on_end`, and no other call
//!   notices. (Not so in a program built with `panic = "abort"`.)
//!
//! # Three ways to write one
//!
//! A [`Handler`] is made for each call and called back. [`Callbacks`] is the same for two closures.
//! [`incoming`] turns calls into streams of events, for code that would rather ask than be called
//! back. Whichever it is, a [`CallHandle`] plays on the call, stops what is played, and hangs up, from
//! any task or thread.
//!
//! What is answered to audio, or [sent](Call::send), goes out at once as one frame: the sender is the
//! clock. What is [played](Call::play) waits in the call's [`Playout`](crate::Playout) and leaves in
//! time. Where nothing does either, silence keeps the call going.
//!
//! [`ServerDriver`] is the other half of a server: how
//! long it accepts, and what becomes of its calls when it is shut down.

mod announced;
mod backlog;
mod call;
mod callbacks;
mod calls;
mod desk;
mod driver;
mod events;
mod exception;
mod hall;
mod handle;
mod handler;
mod incoming;
mod incoming_call;
mod limits;
mod peer;
mod played;
mod response;
mod server_driver;
mod shared;
mod streamed;
mod voice;
mod wait;

pub use announced::{
    AnnounceError, Announced, AnnouncedCall, AnnouncedOnly, Duplicate, WithMetadata,
};
pub use backlog::{Backlog, Lag};
pub use call::Call;
pub use callbacks::Callbacks;
pub use calls::{Calls, Idle};
pub use driver::CallDriver;
pub use events::CallEvent;
pub use exception::Exception;
pub use handle::CallHandle;
pub use handler::{Acceptor, CallRequest, Handler, Refusal};
pub use incoming::{Incoming, IncomingCalls, incoming};
pub use incoming_call::{Elapsed, IncomingCall};
pub use limits::{CallCounters, Full, Limits};
pub use peer::Peer;
pub use played::Played;
pub use response::Response;
pub use server_driver::{Duty, ServerDriver, ServerHandle};
pub use streamed::Streamed;
