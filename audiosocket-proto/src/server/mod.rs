//! What a server does with its calls: callbacks, admission, panics contained, shutdown.
//!
//! The adapters (`audiosocket-tokio` and its siblings) move bytes, watch a clock and accept
//! connections. Everything that they would otherwise each decide is decided here, once:
//! [`CallDriver`] turns the [events](crate::Event) of a session into calls of a [`Handler`], and
//! the answers into bytes.
//!
//! # What is promised to a handler
//!
//! - [`Acceptor::accept`] sees UUID and peer and makes the handler, or refuses the call.
//! - [`Handler::on_start`] comes first, once. [`Handler::on_end`] comes last, once, whatever
//!   happened before: an orderly end, a reset, a time-out, a panic, a runtime that was shut down.
//!   Nothing comes between an end and its `on_end` except the `on_exception` that tells why.
//! - Callbacks of one call never overlap. Callbacks of different calls may.
//! - A panic in a callback ends that call: the caller hears a hangup, the handler gets
//!   `on_exception` with [`Exception::HandlerPanicked`] and then `on_end`, and no other call
//!   notices. (Not so in a program built with `panic = "abort"`.)
//!
//! [`Callbacks`] is the same for two closures. [`ServerDriver`] is the other half of a server: how
//! long it accepts, and what becomes of its calls when it is shut down.

mod backlog;
mod call;
mod callbacks;
mod calls;
mod driver;
mod exception;
mod handle;
mod handler;
mod mailbox;
mod peer;
mod response;
mod server_driver;

pub use backlog::{Backlog, Lag};
pub use call::Call;
pub use callbacks::Callbacks;
pub use calls::{Calls, Idle, Registration};
pub use driver::CallDriver;
pub use exception::Exception;
pub use handle::CallHandle;
pub use handler::{Acceptor, CallRequest, Handler, Refusal};
pub use peer::Peer;
pub use response::Response;
pub use server_driver::{Duty, ServerDriver, ServerHandle};
