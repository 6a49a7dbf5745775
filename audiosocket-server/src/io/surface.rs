//! What every adapter hands on to its users beside its own server, so that it is the same in all.

#[doc = include_str!("../../docs/adapters-compared.md")]
pub mod adapters_compared {}

#[doc = include_str!("../../docs/beyond-tcp.md")]
pub mod beyond_tcp {}

pub use crate::io::{Keepalive, ServerOptions};
pub use crate::{
    Acceptor, AnnounceError, Call, CallCounters, CallEvent, CallHandle, CallRequest, CallStats,
    Callbacks, Calls, Duplicate, Elapsed, Exception, ExpectedCallHandler, ExpectedCalls,
    ExpectedOnly, Handler, Incoming, IncomingCall, IncomingCalls, Lag, Limits, Peer, Played,
    Refusal, Response, ServerHandle, WithMetadata, incoming,
};
pub use crate::{AllowList, Allowed, IpNet, ParseAllowListError};
pub use audiosocket_proto::{
    Audio, Bytes, Dropped, DtmfDigit, End, ErrorFlags, Frame, FrameKind, MarkOutcome, PeerError,
    PlayoutStats, Ptime, SampleRate, SendError, SessionConfig, Timestamp, Uuid,
};
