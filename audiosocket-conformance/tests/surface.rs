//! Code for one adapter works with another. Only the name of the crate and `.await` differ.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A program that uses all items of an adapter.
macro_rules! program {
    ($adapter:ident, $stream:expr, $listener:expr, $($wait:tt)*) => {{
        use std::sync::Arc;
        use $adapter::admission::{
            Admission, AllowList, AnnounceError, Duplicate, ExpectedCalls, IpNet, LimitReached,
            Limits, ParseAllowListError, ProxyHeaderError,
        };
        use $adapter::config::{Keepalive, Ptime, SessionConfig};
        use $adapter::listener::{ListenAddr, ListenOptions, SocketFile, TcpListener};
        use $adapter::protocol::{ErrorFlags, Frame, FrameKind, PeerError, Timestamp};
        use $adapter::stats::{
            CallCounters, CallStats, Calls, Dropped, Lag, PlayoutStats, Probe,
        };
        use $adapter::stream::{
            Elapsed, EventInjector, Incoming, IncomingCalls, InjectError, Injected, Played,
            Prebuffer, incoming,
        };
        use $adapter::{
            Acceptor, Audio, AudioBuf, Bed, Bytes, Call, CallEvent, CallHandle, CallRequest, Callbacks,
            DtmfDigit, End, Exception, Handler, IncomingCall, MarkOutcome, Peer, Refusal, Response,
            SampleRate, SendError, Server, ServerBuilder, ServerHandle, Uuid, acceptor_fn,
            serve_stream, start_server,
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
        let probe: Probe = server.handle().probe();
        assert!(!probe.is_answered());
        server.handle().shutdown(Duration::ZERO);
        server.serve_forever() $($wait)* ?;
        assert!(probe.is_answered());

        // All options.
        let networks: Result<AllowList, ParseAllowListError> = "127.0.0.1".parse();
        let networks = networks.map_err(io::Error::other)?;
        assert_eq!(networks.networks(), ["127.0.0.1/32".parse::<IpNet>().map_err(io::Error::other)?]);
        let expected = ExpectedCalls::new()
            .on_duplicate(Duplicate::Replace)
            .max_waiting(1)
            .clock(|| Timestamp::ZERO);
        expected.announce(1).map_err(io::Error::other)?;
        assert_eq!(expected.announce(2), Err(AnnounceError::Full));
        let builder: ServerBuilder<ListenOptions> = Server::builder()
            .bind("127.0.0.1:0")
            .bind(ListenAddr::from("localhost:0"))
            .listener(std::net::TcpListener::bind("127.0.0.1:0")?)
            .backlog(16)
            .reuse_port(true)
            .keepalive(Keepalive::default())
            .send_buffer(128 * 1024)
            .admission(Admission::new())
            .limits(Limits::default())
            .allow_list(networks.clone())
            .proxy_protocol(networks)
            .expected_calls(&expected)
            .admit_peer(|_| Ok(()))
            .session(SessionConfig::default())
            .event_queue(64 * 1024)
            .accept_queue(16);
        let server: Server<_> = builder.start(acceptor_fn(|_| Ok(Echo))) $($wait)* ?;
        assert!(server.local_addrs().len() >= 3);
        let handle: ServerHandle = server.handle();
        handle.shutdown(Duration::from_secs(60));
        assert!(handle.calls().is_empty());
        server.serve_forever() $($wait)* ?;

        // Accept.
        let mut server: Server = Server::bind(("127.0.0.1", 0)) $($wait)* ?;
        server.handle().shutdown(Duration::ZERO);
        let call: Option<IncomingCall> = server.accept() $($wait)*;
        assert!(call.is_none());
        let server = Server::builder().bind("127.0.0.1:0").listen() $($wait)* ?;
        server.handle().shutdown(Duration::ZERO);
        server.serve_calls(talk) $($wait)* ?;

        // A custom listener.
        let listener: TcpListener = $listener;
        let addr = listener.local_addr()?;
        let server = Server::with_listener(listener) $($wait)* ?;
        assert_eq!(server.local_addrs(), []);
        server.handle().shutdown(Duration::ZERO);
        server.serve_forever() $($wait)* ?;
        assert!(std::net::TcpStream::connect(addr).is_err());

        // An acceptor that returns calls.
        let (acceptor, calls): (Incoming, IncomingCalls) = incoming();
        let server = Server::builder().bind("127.0.0.1:0").start(acceptor) $($wait)* ?;
        server.handle().shutdown(Duration::ZERO);
        server.serve_forever() $($wait)* ?;
        drop(calls);

        let acceptor = Arc::new(|_: &CallRequest<'_>| Ok::<_, Refusal>(Echo));
        let calls = Calls::default();
        serve_stream($stream, Peer::from("pipe"), acceptor, SessionConfig::default(), &calls) $($wait)*;

        // The other types by name. Each adapter has the types of the core, except for the handles of a call.
        let _: Option<fn(Frame<'_>) -> Option<&dyn Acceptor<Handler = Echo>>> = None;
        let _: Option<(CallHandle, SocketFile)> = None;
        let _: Option<
            fn(
                AudioBuf, Bed, Bytes, Callbacks, DtmfDigit, End, ErrorFlags, Exception, FrameKind, Lag,
                PeerError, SampleRate, SendError, CallStats, Uuid, Dropped, LimitReached,
                MarkOutcome, Played, PlayoutStats, Ptime, CallEvent, Elapsed, EventInjector,
                InjectError, Injected, Prebuffer, ProxyHeaderError,
            ),
        > = CORE_TYPES;
        Ok::<(), io::Error>(())
    }};
}

/// The use of a call in each adapter.
macro_rules! talk {
    ($adapter:ident, $call:ident, $($wait:tt)*) => {{
        use $adapter::stream::Prebuffer;
        use $adapter::{AudioBuf, Bed, Bytes, CallEvent, CallHandle, SampleRate};

        let audio = AudioBuf::new(SampleRate::Hz8000, Bytes::from_static(&[0; 320]));
        let rate: SampleRate = $call.wait_sample_rate(Duration::from_millis(1)) $($wait)*;
        assert_eq!(rate, SampleRate::Hz8000);
        assert_eq!($call.answer_rate(), rate);
        $call.try_play(audio.clone())?;
        $call.mark(1)?;
        $call.play(audio.clone()) $($wait)* ?;
        let _ = $call.played() $($wait)*;
        let handle: CallHandle = $call.handle().clone();
        let _ = handle.played() $($wait)*;
        $call.pause();
        $call.resume();
        let prebuffer: Prebuffer = $call.prebuffer(Duration::from_millis(200));
        drop(prebuffer);
        $call.set_bed(Bed::new(audio.clone()).ducked(0.1))?;
        $call.remove_bed();
        $call.clear();
        println!("{} {} {:?} {:?}", $call.uuid(), $call.peer(), $call.stats(), $call.sample_rate());
        while let Some(event) = $call.next() $($wait)* {
            if let CallEvent::Ended(_) = event {
                $call.hangup();
            }
        }
        $call.hangup_after_playout();
        Ok(())
    }};
}

/// The types of the core that each adapter has under the same names.
type CoreTypes = fn(
    audiosocket_proto::AudioBuf,
    audiosocket_proto::Bed,
    audiosocket_proto::Bytes,
    audiosocket_server::Callbacks,
    audiosocket_proto::DtmfDigit,
    audiosocket_proto::End,
    audiosocket_proto::ErrorFlags,
    audiosocket_server::Exception,
    audiosocket_proto::FrameKind,
    audiosocket_server::Lag,
    audiosocket_proto::PeerError,
    audiosocket_proto::SampleRate,
    audiosocket_proto::SendError,
    audiosocket_server::CallStats,
    audiosocket_proto::Uuid,
    audiosocket_proto::Dropped,
    audiosocket_server::LimitReached,
    audiosocket_proto::MarkOutcome,
    audiosocket_server::Played,
    audiosocket_proto::PlayoutStats,
    audiosocket_proto::Ptime,
    audiosocket_server::CallEvent,
    audiosocket_server::Elapsed,
    audiosocket_server::EventInjector,
    audiosocket_server::InjectError,
    audiosocket_server::Injected,
    audiosocket_server::Prebuffer,
    audiosocket_server::ProxyHeaderError,
);

const CORE_TYPES: Option<CoreTypes> = None;

/// Returns a stream whose peer has closed.
fn stream() -> io::Result<UnixStream> {
    let (stream, _) = UnixStream::pair()?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

#[test]
fn tokio() -> io::Result<()> {
    async fn talk(
        mut call: audiosocket_tokio::IncomingCall,
    ) -> Result<(), audiosocket_tokio::SendError> {
        talk!(audiosocket_tokio, call, .await)
    }

    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stream = ::tokio::net::UnixStream::from_std(stream()?)?;
        program!(audiosocket_tokio, stream, TcpListener::bind("127.0.0.1:0").await?, .await)
    })
}

#[test]
fn smol() -> io::Result<()> {
    async fn talk(
        mut call: audiosocket_smol::IncomingCall,
    ) -> Result<(), audiosocket_smol::SendError> {
        talk!(audiosocket_smol, call, .await)
    }

    ::smol::block_on(async {
        let stream = ::smol::Async::new(stream()?)?;
        program!(audiosocket_smol, stream, TcpListener::bind("127.0.0.1:0").await?, .await)
    })
}

#[test]
fn blocking() -> io::Result<()> {
    fn talk(
        mut call: audiosocket_blocking::IncomingCall,
    ) -> Result<(), audiosocket_blocking::SendError> {
        talk!(audiosocket_blocking, call,)
    }

    program!(
        audiosocket_blocking,
        stream()?,
        TcpListener::bind("127.0.0.1:0")?,
    )
}
