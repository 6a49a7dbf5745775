#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}
#[cfg(feature = "io")]
pub mod io;

mod admission;
mod block_on;
mod call;
mod callbacks;
mod exception;
mod handler;
mod inbound_buffer;
#[cfg(all(
    feature = "memory-guard",
    any(target_os = "linux", target_os = "android")
))]
mod memory_guard;
mod peer;
mod response;
mod shutdown;
mod stream;
mod wake_cell;

pub use admission::allow_list::{AllowList, Allowed, ParseAllowListError};
pub use admission::calls::{Calls, Idle};
pub use admission::expected::{
    AnnounceError, Duplicate, ExpectedCallHandler, ExpectedCalls, ExpectedOnly, WithMetadata,
};
pub use admission::limits::{CallCounters, LimitReached, Limits};
pub use call::Call;
pub use call::driver::CallDriver;
pub use call::handle::CallHandle;
pub use call::played::Played;
pub use call::stats::CallStats;
pub use callbacks::Callbacks;
pub use exception::Exception;
pub use handler::{Acceptor, CallRequest, Handler, Refusal};
pub use inbound_buffer::{InboundBuffer, Lag};
pub use ipnet::IpNet;
#[cfg(all(
    feature = "memory-guard",
    any(target_os = "linux", target_os = "android")
))]
pub use memory_guard::MemoryGuard;
pub use peer::Peer;
pub use response::Response;
pub use shutdown::{ServerAction, ServerDriver, ServerHandle};
pub use stream::event_queue::CallEvent;
pub use stream::handler::StreamHandler;
pub use stream::incoming_call::{Elapsed, IncomingCall};
pub use stream::{Incoming, IncomingCalls, incoming};
