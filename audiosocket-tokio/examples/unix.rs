//! A server that takes calls over a Unix socket: callers hear themselves. Asterisk reaches it through
//! socat or HAProxy on its machine: see `audiosocket_server::beyond_tcp`. Ctrl-C or SIGTERM shuts it down, and
//! gives the calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example unix -- /run/audiosocket/calls.sock
//! ```

use std::error::Error;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use audiosocket_tokio::listener::{Listener, SocketFile};
use audiosocket_tokio::{Callbacks, Peer, Server, ServerHandle};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

/// How long calls may go on once the server shuts down.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: unix SOCKET")?;
    let (socket, file) = SocketFile::listen(&path)?;
    let listener = Calls {
        _file: file,
        socket: UnixListener::from_std(socket)?,
        path: path.clone(),
        accepted: 0,
    };
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    let server = Server::builder()
        .with_listener(listener)
        .start(echo)
        .await?;
    shut_down_at_signal(server.handle())?;
    println!("listening on {path}");
    Ok(server.serve_forever().await?)
}

/// The Unix socket at a path.
struct Calls {
    /// Dropped first: from then on the next server can have the path.
    _file: SocketFile,
    socket: UnixListener,
    path: String,
    accepted: u64,
}

impl Listener for Calls {
    type Stream = UnixStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, Peer)>> {
        let (stream, _) = ready!(self.socket.poll_accept(cx))?;
        self.accepted += 1;
        // Peers of a Unix socket have no name; the number keeps their calls apart.
        let peer = format!("{} #{}", self.path, self.accepted);
        Poll::Ready(Ok((stream, peer.as_str().into())))
    }
}

/// Shuts the server down at Ctrl-C or SIGTERM.
fn shut_down_at_signal(server: ServerHandle) -> io::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        server.shutdown(GRACE);
    });
    Ok(())
}
