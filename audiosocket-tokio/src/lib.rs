#![doc = include_str!("../README.md")]

#[doc = include_str!("../docs/coming-from-python.md")]
pub mod coming_from_python {}

mod connection;
mod scratch;
mod server;

pub use audiosocket_net::{Keepalive, ServerOptions};
pub use audiosocket_proto::server::{
    Acceptor, Call, CallHandle, CallRequest, Callbacks, Calls, Exception, Handler, Peer, Refusal,
    Response,
};
pub use audiosocket_proto::{
    Audio, Bytes, DtmfDigit, End, ErrorFlags, Frame, FrameKind, PeerError, SampleRate, SendError,
    SessionConfig, Stats, Uuid,
};

pub use connection::serve_stream;
pub use server::{Server, ServerHandle, start_server};

/// The workspace's README, so that its server is known to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct WorkspaceReadme;
