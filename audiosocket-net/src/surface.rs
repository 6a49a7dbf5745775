//! What every adapter hands on to its users beside its own server, so that it is the same in all.

pub use crate::{Keepalive, ServerOptions};
pub use audiosocket_proto::server::{
    Acceptor, Call, CallHandle, CallRequest, Callbacks, Calls, Exception, Handler, Lag, Peer,
    Refusal, Response, ServerHandle,
};
pub use audiosocket_proto::{
    Audio, Bytes, DtmfDigit, End, ErrorFlags, Frame, FrameKind, PeerError, SampleRate, SendError,
    SessionConfig, Stats, Uuid,
};
