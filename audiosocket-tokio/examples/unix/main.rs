//! A server that takes calls over a Unix socket: callers hear themselves. Asterisk reaches it
//! through socat or HAProxy on its machine, as `audiosocket_tokio::beyond_tcp` shows. Ctrl-C or
//! SIGTERM ends it, and gives the calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example unix -- /run/audiosocket/calls.sock
//! ```

mod socket_file;

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_tokio::{Callbacks, Calls, Peer, SessionConfig, serve_stream};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use socket_file::SocketFile;

/// How long calls may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait, once they are hung up, for those to end that are left.
const LAST_WORDS: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: unix SOCKET")?;
    let (listener, socket_file) = SocketFile::listen(&path)?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    println!("listening on {path}");

    let echo = Arc::new(Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    ));
    // It also has the limits on connections: here their defaults.
    let calls = Calls::default();
    // Every connection has a `busy`; when all are gone, none is left.
    let (busy, mut idle) = mpsc::channel::<Infallible>(1);
    let mut number = 0_u64;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                number += 1;
                // Who connects has no name of their own; this tells one call from another.
                let peer = Peer::from(&*format!("{path} #{number}"));
                let (echo, calls, busy) = (Arc::clone(&echo), calls.clone(), busy.clone());
                tokio::spawn(async move {
                    serve_stream(stream, peer, echo, SessionConfig::default(), &calls).await;
                    drop(busy);
                });
            }
            Err(error) => {
                // Most likely out of descriptors, and would fail again at once.
                eprintln!("cannot accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    // The file first: from then on the next server can have the path.
    drop((socket_file, listener, busy));
    if timeout(GRACE, idle.recv()).await.is_err() {
        calls.shut_down();
        // Beyond this there is only a handler that blocks.
        let _ = timeout(LAST_WORDS, idle.recv()).await;
    }
    Ok(())
}
