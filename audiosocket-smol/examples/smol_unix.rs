//! A server that takes calls over a Unix socket: callers hear themselves. Asterisk reaches it through
//! socat or HAProxy on its machine: see `audiosocket_server::beyond_tcp`. Ctrl-C or SIGTERM shuts it down, and
//! gives the calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-smol --example smol_unix -- /run/audiosocket/calls.sock
//! ```

use std::error::Error;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_signal::{Signal, Signals};
use audiosocket_smol::listener::{Listener, SocketFile};
use audiosocket_smol::{Callbacks, Peer, Server, ServerHandle};
use smol::Async;
use smol::stream::StreamExt;

/// How long calls may go on once the server shuts down.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: smol_unix SOCKET")?;
    let (socket, file) = SocketFile::listen(&path)?;
    let listener = Calls {
        _file: file,
        socket: Async::new(socket)?,
        path: path.clone(),
        accepted: 0,
    };
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    smol::block_on(async {
        let server = Server::builder()
            .with_listener(listener)
            .start(echo)
            .await?;
        shut_down_at_signal(server.handle())?;
        println!("listening on {path}");
        Ok(server.serve_forever().await?)
    })
}

/// The Unix socket at a path.
struct Calls {
    /// Dropped first: from then on the next server can have the path.
    _file: SocketFile,
    socket: Async<UnixListener>,
    path: String,
    accepted: u64,
}

impl Listener for Calls {
    type Stream = Async<UnixStream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let stream = loop {
            match self.socket.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_readable(cx))?;
                }
                accepted => break accepted?.0,
            }
        };
        self.accepted += 1;
        // Peers of a Unix socket have no name; the number keeps their calls apart.
        let peer = format!("{} #{}", self.path, self.accepted);
        Poll::Ready(Ok((Async::new(stream)?, peer.as_str().into())))
    }
}

/// Shuts the server down at Ctrl-C or SIGTERM.
fn shut_down_at_signal(server: ServerHandle) -> io::Result<()> {
    let mut signals = Signals::new([Signal::Int, Signal::Term])?;
    smol::spawn(async move {
        signals.next().await;
        server.shutdown(GRACE);
    })
    .detach();
    Ok(())
}
