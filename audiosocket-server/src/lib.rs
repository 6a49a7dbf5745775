//! The part of an AudioSocket server that is the same for every runtime: handlers, limits, call handles, panics,
//! shutdown. If you want a server, use an adapter: `audiosocket-tokio`, `audiosocket-smol` or `audiosocket-blocking`.
//! This crate is for an event loop of your own, and for adapters to other runtimes.
//!
//! ```
//! use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
//! use audiosocket_server::{CallDriver, Callbacks, Calls};
//! use std::sync::Arc;
//!
//! let echo = Arc::new(Callbacks::new(
//!     |_uuid, _peer, audio| audio.into(),
//!     |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
//! ));
//! let calls = Calls::default();
//!
//! // Your event loop has taken a connection and read these bytes from it.
//! let now = Timestamp::ZERO;
//! let mut call = CallDriver::new(echo, "pipe".into(), SessionConfig::default(), &calls, now);
//! call.receive(now, b"\x01\x00\x10sixteen bytes !!\x10\x00\x02\x34\x12");
//!
//! // These bytes are for the peer.
//! assert_eq!(call.poll_transmit(), Transmit::Bytes(b"\x10\x00\x02\x34\x12"));
//! ```
//!
//! | task | start here |
//! |---|---|
//! | answer all calls with two closures | [`Callbacks`] |
//! | keep state for each call | [`Handler`], [`Acceptor`], [`acceptor_fn`] |
//! | serve each call in a task or a thread of its own | [`incoming`], [`IncomingCall`] |
//! | play audio, and stop it when the caller speaks | [`CallHandle::play`], [`CallHandle::clear`] |
//! | decide which calls to accept | [`Admission`], [`Limits`], [`AllowList`], [`ExpectedCalls`] |
//! | drive one connection from your event loop | [`CallDriver`] |
//! | shut down, and let calls end | [`ServerDriver`], [`ServerHandle::shutdown`] |
//! | count calls | [`ServerHandle::counters`], [`CallHandle::stats`] |
//! | show what the server does | [`ServerHandle::stats`], [`ServerHandle::open_calls`], [`ServerHandle::readiness`] |
//! | find out why a call was silent | [`Diagnosis`] |
//! | refuse calls while memory is short | `MemoryGuard`, with the feature `memory-guard` on Linux |
//! | give live calls to another process | [`Handler::hand_over`], and the module `handover`, with the feature `handover` on Unix |
//! | write an adapter for another runtime | the module `io`, with the feature `io` |
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `io` | the connection loop and the accept loop over three small traits; listening sockets |
//! | `batch` | `io`, and one poll for all calls of a thread at an interval |
//! | `tls` | `io`, and TLS by rustls |
//! | `serde` | `Serialize` and `Deserialize` for statistics, counters and ends of calls |
//! | `memory-guard` | `MemoryGuard`, on Linux |
//! | `handover` | `io`, and live calls that move to another process, on Unix |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc = include_str!("../docs/embedding.md")]
pub mod embedding {}
#[doc = include_str!("../docs/beyond-tcp.md")]
pub mod beyond_tcp {}
#[cfg(all(feature = "handover", unix))]
pub mod handover;
#[cfg(feature = "io")]
pub mod io;

mod admission;
mod block_on;
mod call;
mod callbacks;
mod diagnosis;
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
pub use admission::limits::{LimitReached, Limits, WhenFull};
pub use admission::open_calls::Calls;
pub use admission::proxy_header::ProxyHeaderError;
pub use admission::readiness::Readiness;
pub use admission::server_stats::{EndCounts, RecentRefusal, ServerStats};
pub use admission::wait_idle::Idle;
pub use call::Call;
pub use call::driver::CallDriver;
pub use call::handle::CallHandle;
pub use call::play::Play;
pub use call::play::played::Played;
pub use call::play::prebuffer::Prebuffer;
pub use call::sent::ObservedFrame;
pub use call::stats::{CallStats, LastEvent};
pub use call::times::CallTimes;
pub use callbacks::Callbacks;
pub use diagnosis::{AudioFault, CallSide, Diagnosis};
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
pub use shutdown::{Probe, ServerAction, ServerDriver, ServerHandle};
pub use stream::event::{CallEvent, Injected};
pub use stream::event_queue::{EventInjector, InjectError};
pub use stream::handler::StreamHandler;
pub use stream::incoming::{Incoming, IncomingCalls, incoming};
pub use stream::incoming_call::{Elapsed, IncomingCall};

/// The README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
