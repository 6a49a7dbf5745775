//! A server that takes calls over TLS, each on a thread of its own: callers hear themselves.
//! Asterisk reaches it through stunnel or a proxy, as `audiosocket_blocking::beyond_tcp` shows.
//! Ctrl-C or SIGTERM ends it, and gives the calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_tls -- 127.0.0.1:9093 server.pem server.key
//! ```
//!
//! A fourth argument, a file with certificates of authorities, lets only those call that show a
//! certificate by one of them.

mod certificates;
mod stream;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_blocking::{
    Acceptor, Audio, Call, CallRequest, Calls, End, Exception, Handler, Limits, Peer, Refusal,
    Response, ServerOptions, SessionConfig, serve_stream,
};
use audiosocket_server::io::LogRateLimit;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use socket2::SockRef;

use stream::TlsStream;

/// How many connections may be open at once, those in their handshake among them: each has a thread.
/// Further ones are closed.
const CONNECTIONS: usize = 1024;

/// For connections that do not become calls.
static FAILURES: LogRateLimit = LogRateLimit::new();

/// How long calls may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait, once they are hung up, for those to end that are left.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [addr, certificate, key, callers @ ..] = &arguments[..] else {
        return Err(
            "usage: blocking_tls ADDRESS:PORT CERTIFICATE.pem KEY.pem [CALLERS.pem]".into(),
        );
    };
    let callers = callers.first().map(String::as_str);
    let tls = certificates::server_config(certificate, key, callers)?;

    // Of these options, `prepare` is what makes dead peers known and frames leave at once.
    let mut options = ServerOptions::new()
        .bind(addr.parse::<SocketAddr>()?)
        .listen()?;
    let listener = options.listeners.remove(0);
    let (stopped, stop) = UnixStream::pair()?;
    pipe::register(SIGINT, stop.try_clone()?)?;
    pipe::register(SIGTERM, stop)?;
    println!("listening on {}", listener.local_addr()?);

    let echo = Arc::new(Echo);
    let mut limits = Limits::default();
    limits.max_calls = CONNECTIONS;
    // So that no address alone can hold them all before it has called.
    limits.max_pending_per_addr = CONNECTIONS / 4;
    let calls = Calls::new(limits);
    // Every thread has a `busy`; when all are gone, none is left.
    let (busy, idle) = channel::<Infallible>();
    loop {
        let mut ready = [
            PollFd::new(&listener, PollFlags::IN),
            PollFd::new(&stopped, PollFlags::IN),
        ];
        let waited = poll(&mut ready, None);
        if waited.is_ok() && !ready[1].revents().is_empty() {
            break;
        }
        let served = listener.accept().and_then(|(connection, peer)| {
            if options.prepare(&SockRef::from(&connection)).is_err() {
                return Ok(()); // It has gone again.
            }
            let connection = TlsStream::new(&tls, connection).map_err(io::Error::other)?;
            let (echo, calls, busy) = (Arc::clone(&echo), calls.clone(), busy.clone());
            let config = SessionConfig::default();
            let thread = thread::Builder::new().name("call".to_owned());
            let thread = thread.spawn(move || {
                // The address, so that what decides by it works as it does over TCP.
                serve_stream(connection, peer.into(), echo, config, &calls);
                drop(busy);
            });
            thread.map(drop)
        });
        match served {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                // Most likely out of descriptors or threads, and would fail again at once.
                eprintln!("cannot serve a connection: {error}");
                thread::sleep(Duration::from_millis(100));
            }
            _ => {}
        }
    }

    drop((listener, busy));
    if idle.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
        calls.shut_down();
        // Beyond this there is only a handler that blocks.
        let _ = idle.recv_timeout(LAST_WORDS);
    }
    Ok(())
}

/// Callers hear themselves, and it is said how their calls ended. Your handler goes here.
struct Echo;

impl Acceptor for Echo {
    type Handler = Self;

    fn accept(&self, _request: &CallRequest<'_>) -> Result<Self, Refusal> {
        Ok(Self)
    }

    fn on_exception(&self, peer: &Peer, error: &Exception) {
        // Anybody can make this happen, without end.
        if let Some(left_out) = FAILURES.take(Instant::now()) {
            eprintln!("{peer}: {error} ({left_out} others not told)");
        }
    }
}

impl Handler for Echo {
    fn on_audio<'a>(&mut self, _call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }

    fn on_exception(&mut self, call: &mut Call<'_>, error: &Exception) {
        eprintln!("{}: {error}", call.uuid());
    }

    fn on_end(&mut self, call: &mut Call<'_>, end: End) {
        println!("{} from {}: {end}", call.uuid(), call.peer());
    }
}
