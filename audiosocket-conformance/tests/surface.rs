//! That code for one adapter is code for another, but for the crate's name and `.await`.

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A program with all that adapters have, for the one that is named.
macro_rules! program {
    ($adapter:ident, $stream:expr, $($wait:tt)*) => {{
        use std::sync::Arc;
        use $adapter::{
            Acceptor, Audio, Bytes, Call, CallHandle, CallRequest, Callbacks, Calls, DtmfDigit, End,
            ErrorFlags, Exception, Frame, FrameKind, Handler, Keepalive, Lag, Peer, PeerError,
            Refusal, Response, SampleRate, SendError, Server, ServerHandle, ServerOptions,
            SessionConfig, Stats, Uuid, serve_stream, start_server,
        };

        struct Echo;

        impl Handler for Echo {
            fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
                audio.into()
            }
        }

        let server = start_server(|_, _, audio| audio.into(), |_, _, _| {}, "127.0.0.1:0") $($wait)* ?;
        assert_eq!(server.local_addrs().len(), 1);
        server.handle().shutdown(Duration::ZERO);
        server.serve_forever() $($wait)* ?;

        let options = ServerOptions::new()
            .bind("127.0.0.1:0")
            .listener(std::net::TcpListener::bind("127.0.0.1:0")?)
            .backlog(16)
            .reuse_port(true)
            .keepalive(Some(Keepalive::default()))
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

        /// The names of the rest; and they are the core's own types, in every adapter.
        fn core(
            names: Option<(Bytes, CallHandle, Callbacks, DtmfDigit, End, ErrorFlags, Exception)>,
            more: Option<(FrameKind, Lag, PeerError, SampleRate, SendError, Stats, Uuid)>,
            _: fn(Frame<'_>) -> Option<&dyn Acceptor<Handler = Echo>>,
        ) -> (Option<Names>, Option<More>) {
            (names, more)
        }
        assert!(matches!(core(None, None, |_| None), (None, None)));
        Ok::<(), io::Error>(())
    }};
}

type Names = (
    audiosocket_proto::Bytes,
    audiosocket_proto::server::CallHandle,
    audiosocket_proto::server::Callbacks,
    audiosocket_proto::DtmfDigit,
    audiosocket_proto::End,
    audiosocket_proto::ErrorFlags,
    audiosocket_proto::server::Exception,
);

type More = (
    audiosocket_proto::FrameKind,
    audiosocket_proto::server::Lag,
    audiosocket_proto::PeerError,
    audiosocket_proto::SampleRate,
    audiosocket_proto::SendError,
    audiosocket_proto::Stats,
    audiosocket_proto::Uuid,
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
    for row in include_str!("../../docs/surface.md").lines() {
        assert!(readme.contains(row), "README.md lacks: {row}");
    }
}
