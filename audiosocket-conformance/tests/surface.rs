//! That code for one adapter is code for another, but for the crate's name and `.await`.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A program with all that adapters have, for the one that is named.
macro_rules! program {
    ($adapter:ident, $stream:expr, $($wait:tt)*) => {{
        use std::sync::Arc;
        use $adapter::{
            Acceptor, AllowList, Allowed, AnnounceError, ExpectedCalls, ExpectedCallHandler, ExpectedOnly,
            Audio, Bytes, Call, CallCounters, CallEvent, CallHandle, CallRequest, Callbacks, Calls, Dropped,
            DtmfDigit, Duplicate, Elapsed, End, ErrorFlags, Exception, Frame, FrameKind, Handler,
            Incoming, IncomingCall, IncomingCalls, IpNet, Keepalive, Lag, Limits, MarkOutcome, ParseAllowListError, Peer, PeerError,
            Played, PlayoutStats, Ptime, Refusal, Response, SampleRate, SendError, Server,
            ServerHandle, ServerOptions, SessionConfig, CallStats, Timestamp, Uuid, WithMetadata,
            incoming, serve_stream, start_server,
        };

        struct Echo;

        impl Handler for Echo {
            fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
                audio.into()
            }
        }

        let server = start_server(|_, _, audio| audio.into(), |_, _, _| {}, "127.0.0.1:0") $($wait)* ?;
        assert_eq!(server.local_addrs().len(), 1);
        let counters: CallCounters = server.handle().counters();
        assert_eq!(counters.connections, 0);
        server.handle().shutdown(Duration::ZERO);
        server.serve_forever() $($wait)* ?;

        let options = ServerOptions::new()
            .bind("127.0.0.1:0")
            .listener(std::net::TcpListener::bind("127.0.0.1:0")?)
            .backlog(16)
            .reuse_port(true)
            .keepalive(Some(Keepalive::default()))
            .send_buffer(Some(128 * 1024))
            .wake_interval(None)
            .limits(Limits::default())
            .session(SessionConfig::default());
        let server = Server::start(|_: &CallRequest<'_>| Ok(Echo), options) $($wait)* ?;
        assert_eq!(server.local_addrs().len(), 2);
        let handle: ServerHandle = server.handle();
        handle.shutdown(Duration::from_secs(60));
        assert!(handle.calls().is_empty());
        server.serve_forever() $($wait)* ?;

        let acceptor = Arc::new(|_: &CallRequest<'_>| Ok::<_, Refusal>(Echo));
        let calls = Calls::default();
        serve_stream($stream, Peer::from("pipe"), acceptor, SessionConfig::default(), &calls) $($wait)*;

        let (acceptor, calls) = incoming();
        let server = Server::start(acceptor, ServerOptions::new().bind("127.0.0.1:0")) $($wait)* ?;
        server.handle().shutdown(Duration::ZERO);
        server.serve_forever() $($wait)* ?;
        let calls: IncomingCalls = calls;
        drop(calls);

        let networks: Result<AllowList, ParseAllowListError> = "127.0.0.1".parse();
        let networks = networks.map_err(io::Error::other)?;
        assert_eq!(networks.networks(), ["127.0.0.1/32".parse::<IpNet>().map_err(io::Error::other)?]);
        let announced = ExpectedCalls::new()
            .on_duplicate(Duplicate::Replace)
            .max_waiting(1)
            .clock(|| Timestamp::ZERO);
        announced.announce(1).map_err(io::Error::other)?;
        assert_eq!(announced.announce(2), Err(AnnounceError::Full));
        let accept = |_: &CallRequest<'_>, _| Ok(Echo);
        let acceptor: Allowed<ExpectedOnly<i32, WithMetadata<i32, _>>> =
            networks.then(announced.then(accept));
        let _: fn(ExpectedCallHandler<i32, Echo>) = drop;
        let server = Server::start(acceptor, ServerOptions::new().bind("127.0.0.1:0")) $($wait)* ?;
        server.handle().shutdown(Duration::ZERO);
        server.serve_forever() $($wait)* ?;

        /// The names of the rest; and they are the core's own types, in every adapter.
        fn core(
            names: Option<(Bytes, CallHandle, Callbacks, DtmfDigit, End, ErrorFlags, Exception)>,
            more: Option<(FrameKind, Lag, PeerError, SampleRate, SendError, CallStats, Uuid)>,
            play: Option<(Dropped, MarkOutcome, Played, PlayoutStats, Ptime)>,
            stream: Option<(CallEvent, Elapsed, Incoming, IncomingCall)>,
            _: fn(Frame<'_>) -> Option<&dyn Acceptor<Handler = Echo>>,
        ) -> (Option<Names>, Option<More>, Option<Play>, Option<Streams>) {
            (names, more, play, stream)
        }
        assert!(matches!(
            core(None, None, None, None, |_| None),
            (None, None, None, None)
        ));
        Ok::<(), io::Error>(())
    }};
}

type Names = (
    audiosocket_proto::Bytes,
    audiosocket_server::CallHandle,
    audiosocket_server::Callbacks,
    audiosocket_proto::DtmfDigit,
    audiosocket_proto::End,
    audiosocket_proto::ErrorFlags,
    audiosocket_server::Exception,
);

type More = (
    audiosocket_proto::FrameKind,
    audiosocket_server::Lag,
    audiosocket_proto::PeerError,
    audiosocket_proto::SampleRate,
    audiosocket_proto::SendError,
    audiosocket_server::CallStats,
    audiosocket_proto::Uuid,
);

type Play = (
    audiosocket_proto::Dropped,
    audiosocket_proto::MarkOutcome,
    audiosocket_server::Played,
    audiosocket_proto::PlayoutStats,
    audiosocket_proto::Ptime,
);

type Streams = (
    audiosocket_server::CallEvent,
    audiosocket_server::Elapsed,
    audiosocket_server::Incoming,
    audiosocket_server::IncomingCall,
);

/// A peer that has left, and the stream on which to find out.
fn stream() -> io::Result<UnixStream> {
    let (stream, _) = UnixStream::pair()?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

#[test]
fn tokio() -> io::Result<()> {
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stream = ::tokio::net::UnixStream::from_std(stream()?)?;
        program!(audiosocket_tokio, stream, .await)
    })
}

#[test]
fn smol() -> io::Result<()> {
    ::smol::block_on(async {
        let stream = ::smol::Async::new(stream()?)?;
        program!(audiosocket_smol, stream, .await)
    })
}

#[test]
fn blocking() -> io::Result<()> {
    program!(audiosocket_blocking, stream()?,)
}

/// The README has the table that each adapter's documentation has.
#[test]
fn one_table() {
    let readme = include_str!("../../README.md");
    for row in include_str!("../../audiosocket-server/docs/adapters-compared.md").lines() {
        assert!(readme.contains(row), "README.md lacks: {row}");
    }
}
