//! A server that takes calls over a Unix socket: callers hear themselves. Asterisk reaches it
//! through socat or HAProxy on its machine, as `audiosocket_smol::beyond_tcp` shows. Ctrl-C or
//! SIGTERM ends it, and gives the calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-smol --example smol_unix -- /run/audiosocket/calls.sock
//! ```

mod socket_file;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_signal::{Signal, Signals};
use audiosocket_smol::{Callbacks, Calls, Peer, SessionConfig, serve_stream};
use smol::channel::{self, Receiver};
use smol::future::or;
use smol::stream::StreamExt;
use smol::{Async, Timer};

use socket_file::SocketFile;

/// How long calls may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait, once they are hung up, for those to end that are left.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: smol_unix SOCKET")?;
    Ok(smol::block_on(listen(&path))?)
}

async fn listen(path: &str) -> io::Result<()> {
    let (listener, socket_file) = SocketFile::listen(path)?;
    let listener = Async::new(listener)?;
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    println!("listening on {path}");

    let echo = Arc::new(Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    ));
    // It also has the limits on connections: here their defaults.
    let calls = Calls::default();
    // Every connection has a `busy`; when all are gone, none is left.
    let (busy, idle) = channel::bounded::<Infallible>(1);
    let mut number = 0_u64;
    loop {
        let accepted = or(async { Some(listener.accept().await) }, async {
            signals.next().await;
            None
        });
        let Some(accepted) = accepted.await else {
            break;
        };
        match accepted {
            Ok((stream, _)) => {
                number += 1;
                // Who connects has no name of their own; this tells one call from another.
                let peer = Peer::from(&*format!("{path} #{number}"));
                let (echo, calls, busy) = (Arc::clone(&echo), calls.clone(), busy.clone());
                smol::spawn(async move {
                    serve_stream(stream, peer, echo, SessionConfig::default(), &calls).await;
                    drop(busy);
                })
                .detach();
            }
            Err(error) => {
                // Most likely out of descriptors, and would fail again at once.
                eprintln!("cannot accept: {error}");
                Timer::after(Duration::from_millis(100)).await;
            }
        }
    }

    // The file first: from then on the next server can have the path.
    drop((socket_file, listener, busy));
    if !is_idle(&idle, GRACE).await {
        calls.shut_down();
        // Beyond this there is only a handler that blocks.
        is_idle(&idle, LAST_WORDS).await;
    }
    Ok(())
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
