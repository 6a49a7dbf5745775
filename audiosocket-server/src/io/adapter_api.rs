//! What every adapter exports beside its own server, so that it is the same in all.

/// Names for the root of each adapter.
pub use crate::{
    Acceptor, Call, CallEvent, CallRequest, Callbacks, Exception, Handler, HandlerEvent, Peer,
    Refusal, Response, ServerHandle, acceptor_fn,
};
pub use audiosocket_proto::{
    Audio, AudioBuf, Bytes, DtmfDigit, End, MarkOutcome, SampleRate, SendError, Uuid,
};

/// Which calls a server takes: networks, expected calls, limits.
pub mod admission {
    pub use crate::{
        Admission, AllowList, AnnounceError, Duplicate, ExpectedCalls, IpNet, LimitReached, Limits,
        ParseAllowListError,
    };
}

/// Deadlines, bounds and sockets.
pub mod config {
    pub use crate::io::Keepalive;
    pub use audiosocket_proto::{Ptime, SessionConfig};
}

/// What goes over the wire, and what can be wrong with it.
pub mod protocol {
    pub use audiosocket_proto::{ErrorFlags, Frame, FrameKind, PeerError, Timestamp};
}

/// What went through calls, and what did not.
pub mod stats {
    pub use crate::{CallCounters, CallStats, Calls, Lag};
    pub use audiosocket_proto::{Dropped, PlayoutStats};
}

/// Streams of calls and of their events.
pub mod stream {
    pub use crate::{
        Elapsed, EventInjector, Incoming, IncomingCalls, InjectError, Injected, Play, Played,
        incoming,
    };
}
