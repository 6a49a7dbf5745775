//! The names that all adapters export.

/// Names for the root of each adapter.
pub use crate::{
    Acceptor, Call, CallEvent, CallRequest, Callbacks, Exception, Handler, HandlerEvent, Peer,
    Refusal, Response, ServerHandle, acceptor_fn,
};
pub use audiosocket_proto::{
    Audio, AudioBuf, Bed, Bytes, DtmfDigit, End, MarkOutcome, SampleRate, SendError, Uuid,
};

/// The checks that decide which calls a server accepts: networks, expected calls, limits. You need it for `Admission`
/// and its parts.
pub mod admission {
    pub use crate::{
        Admission, AllowList, AnnounceError, Duplicate, ExpectedCalls, IpNet, LimitReached, Limits,
        ParseAllowListError, ProxyHeaderError, WhenFull,
    };
}

/// Deadlines and limits of a call, and keepalive of its socket. You need it to change the defaults.
pub mod config {
    pub use crate::io::Keepalive;
    #[cfg(feature = "tls")]
    pub use crate::io::TlsConfig;
    pub use audiosocket_proto::{Ptime, SessionConfig};
}

/// Frames on the wire, and errors in them. You need it for `on_ignored`, `on_exception` and `observe_sent`.
pub mod protocol {
    pub use crate::ObservedFrame;
    pub use audiosocket_proto::{ErrorFlags, Frame, FrameKind, PeerError, Timestamp};
}

/// Counters of calls and of servers, the state of a server, the audio that was dropped, and the faults of calls.
pub mod stats {
    pub use crate::{
        AudioFault, CallCounters, CallSide, CallStats, CallTimes, Calls, Diagnosis, EndCounts, Lag,
        LastEvent, Probe, Readiness, RecentRefusal, ServerStats,
    };
    pub use audiosocket_proto::{Dropped, DurationHistogram, PlayoutStats, SessionStats};
}

/// Calls as streams of events. You need it for the types of their futures and errors, and to inject events.
pub mod stream {
    pub use crate::{
        Elapsed, EventInjector, Incoming, IncomingCalls, InjectError, Injected, Play, Played,
        Prebuffer, incoming,
    };
}
