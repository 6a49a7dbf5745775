//! A server that takes calls over TLS: callers hear themselves. Asterisk reaches it through stunnel
//! or a proxy, as `audiosocket_smol::beyond_tcp` shows. Ctrl-C or SIGTERM ends it, and gives the
//! calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-smol --example smol_tls -- 127.0.0.1:9093 server.pem server.key
//! ```
//!
//! A fourth argument, a file with certificates of authorities, lets only those call that show a
//! certificate by one of them.

mod certificates;
mod stream;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_signal::{Signal, Signals};
use audiosocket_server::io::LogRateLimit;
use audiosocket_smol::{
    Acceptor, Audio, Call, CallRequest, Calls, End, Exception, Handler, Peer, Refusal, Response,
    ServerOptions, SessionConfig, serve_stream,
};
use futures_rustls::TlsAcceptor;
use smol::channel::{self, Receiver};
use smol::future::or;
use smol::stream::StreamExt;
use smol::{Async, Timer};
use socket2::SockRef;

use stream::TlsStream;

/// For connections that do not become calls.
static FAILURES: LogRateLimit = LogRateLimit::new();

/// How long calls may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait, once they are hung up, for those to end that are left.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [addr, certificate, key, callers @ ..] = &arguments[..] else {
        return Err("usage: smol_tls ADDRESS:PORT CERTIFICATE.pem KEY.pem [CALLERS.pem]".into());
    };
    let callers = callers.first().map(String::as_str);
    let server = Arc::new(Server {
        tls: certificates::server_config(certificate, key, callers)?.into(),
        echo: Arc::new(Echo),
        // It also has the limits on calls: here their defaults.
        calls: Calls::default(),
    });
    let addr: SocketAddr = addr.parse()?;
    Ok(smol::block_on(listen(addr, server))?)
}

async fn listen(addr: SocketAddr, server: Arc<Server>) -> io::Result<()> {
    // Of these options, `prepare` is what makes dead peers known and frames leave at once.
    let mut options = ServerOptions::new().bind(addr).listen()?;
    let listener = Async::new(options.listeners.remove(0))?;
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    println!("listening on {}", listener.get_ref().local_addr()?);

    // Every connection has a `busy`, from before its handshake on; when all are gone, none is left.
    let (busy, idle) = channel::bounded::<Infallible>(1);
    loop {
        let accepted = or(async { Some(listener.accept().await) }, async {
            signals.next().await;
            None
        });
        let Some(accepted) = accepted.await else {
            break;
        };
        match accepted {
            Ok((stream, peer)) if options.prepare(&SockRef::from(&stream)).is_ok() => {
                let (server, busy) = (Arc::clone(&server), busy.clone());
                smol::spawn(async move {
                    server.serve(stream, peer).await;
                    drop(busy);
                })
                .detach();
            }
            Ok(_) => {} // It has gone again.
            Err(error) => {
                // Most likely out of descriptors, and would fail again at once.
                eprintln!("cannot accept: {error}");
                Timer::after(Duration::from_millis(100)).await;
            }
        }
    }

    drop((listener, busy));
    if !is_idle(&idle, GRACE).await {
        server.calls.shut_down();
        // Beyond this there is only a handler that blocks.
        is_idle(&idle, LAST_WORDS).await;
    }
    Ok(())
}

struct Server {
    tls: TlsAcceptor,
    echo: Arc<Echo>,
    calls: Calls,
}

impl Server {
    /// One connection, from before its handshake to its end.
    async fn serve(&self, stream: Async<TcpStream>, peer: SocketAddr) {
        let config = SessionConfig::default();
        // The address, so that what decides by it works as it does over TCP.
        serve_stream(
            TlsStream::new(&self.tls, stream),
            peer.into(),
            Arc::clone(&self.echo),
            config,
            &self.calls,
        )
        .await;
    }
}

/// Whether no connection is left after that time at most.
async fn is_idle(idle: &Receiver<Infallible>, time: Duration) -> bool {
    let idle = async { idle.recv().await.is_err() };
    let late = async {
        Timer::after(time).await;
        false
    };
    or(idle, late).await
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
