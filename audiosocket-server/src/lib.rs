#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}
#[doc = include_str!("../docs/beyond-tcp.md")]
pub mod beyond_tcp {}
#[cfg(feature = "io")]
pub mod io;

mod admission;
mod block_on;
mod call;
mod callbacks;
mod exception;
mod handler;
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

pub use admission::Admission;
pub use admission::allow_list::{AllowList, ParseAllowListError};
pub use admission::counts::CallCounters;
pub use admission::expected::{AnnounceError, Duplicate, ExpectedCalls};
pub use admission::limits::{LimitReached, Limits};
pub use admission::open_calls::Calls;
pub use admission::wait_idle::Idle;
pub use call::Call;
pub use call::driver::CallDriver;
pub use call::handle::CallHandle;
pub use call::play::Play;
pub use call::played::Played;
pub use call::stats::CallStats;
pub use callbacks::Callbacks;
pub use exception::{Exception, Lag};
pub use handler::{Acceptor, CallRequest, Handler, HandlerEvent, Refusal, acceptor_fn};
pub use ipnet::IpNet;
#[cfg(all(
    feature = "memory-guard",
    any(target_os = "linux", target_os = "android")
))]
pub use memory_guard::MemoryGuard;
pub use peer::Peer;
pub use response::Response;
pub use shutdown::{ServerAction, ServerDriver, ServerHandle};
pub use stream::event::{CallEvent, Injected};
pub use stream::event_queue::{EventInjector, InjectError};
pub use stream::handler::StreamHandler;
pub use stream::incoming::{Incoming, IncomingCalls, incoming};
pub use stream::incoming_call::{Elapsed, IncomingCall};
