#![doc = include_str!("../README.md")]
#![doc = include_str!("../SURFACE.md")]

#[doc = include_str!("../docs/coming-from-python.md")]
pub mod coming_from_python {}

mod runtime;
mod server;
mod stream;

pub use audiosocket_net::{Keepalive, ServerOptions};
pub use audiosocket_proto::server::{
    Acceptor, Call, CallHandle, CallRequest, Callbacks, Calls, Exception, Handler, Lag, Peer,
    Refusal, Response, ServerHandle,
};
pub use audiosocket_proto::{
    Audio, Bytes, DtmfDigit, End, ErrorFlags, Frame, FrameKind, PeerError, SampleRate, SendError,
    SessionConfig, Stats, Uuid,
};

pub use server::{Server, start_server};
pub use stream::serve_stream;

/// The workspace's README, so that its server is known to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct WorkspaceReadme;
