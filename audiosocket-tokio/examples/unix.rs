//! A server that takes calls over a Unix socket. Callers hear their own voice.
//!
//! Asterisk reaches it through socat or HAProxy on its own machine: see `audiosocket_server::beyond_tcp`.
//!
//! ```sh
//! cargo run -p audiosocket-tokio --example unix -- /tmp/calls.sock
//! # Without a phone, in another terminal: a call through socat.
//! socat TCP-LISTEN:9092,bind=127.0.0.1,reuseaddr,fork UNIX-CONNECT:/tmp/calls.sock &
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092
//! ```

mod shutdown;

use std::error::Error;
use std::io;
use std::task::{Context, Poll, ready};

use audiosocket_tokio::listener::{Listener, SocketFile};
use audiosocket_tokio::{Callbacks, Peer, Server};
use tokio::net::{UnixListener, UnixStream};

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
    shutdown::on_signal(server.handle())?;
    println!("listening on {path}");
    Ok(server.serve_forever().await?)
}

/// The Unix socket at a path.
struct Calls {
    /// Dropped first. The next server can then take the path.
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
        // Peers of a Unix socket have no name, so each gets a number.
        let peer = format!("{} #{}", self.path, self.accepted);
        Poll::Ready(Ok((stream, peer.as_str().into())))
    }
}
