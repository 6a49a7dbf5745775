//! A server that takes calls over a Unix socket. Callers hear their own voice.
//!
//! Asterisk reaches it through socat or HAProxy on its own machine: see `audiosocket_server::beyond_tcp`.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_unix -- /tmp/calls.sock
//! # Without a phone, in another terminal: a call through socat.
//! socat TCP-LISTEN:9092,bind=127.0.0.1,reuseaddr,fork UNIX-CONNECT:/tmp/calls.sock &
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092
//! ```

mod shutdown;

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use audiosocket_blocking::admission::Limits;
use audiosocket_blocking::listener::{Listener, SocketFile};
use audiosocket_blocking::{Callbacks, Peer, Server};

/// How many connections are open at once at most. Each has a thread. The server closes further connections.
const CONNECTIONS: usize = 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: blocking_unix SOCKET")?;
    let (socket, file) = SocketFile::listen(&path)?;
    let listener = Calls {
        _file: file,
        socket,
        path: path.clone(),
        accepted: 0,
    };
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    let builder = Server::builder().limits(Limits::new().max_calls(CONNECTIONS));
    let server = builder.with_listener(listener).start(echo)?;
    shutdown::on_signal(server.handle())?;
    println!("listening on {path}");
    Ok(server.serve_forever()?)
}

/// The Unix socket at a path.
struct Calls {
    /// Dropped first. The next server can then take the path.
    _file: SocketFile,
    socket: UnixListener,
    path: String,
    accepted: u64,
}

impl AsFd for Calls {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Listener for Calls {
    type Stream = UnixStream;

    fn accept(&mut self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.socket.accept()?;
        self.accepted += 1;
        // Peers of a Unix socket have no name, so each gets a number.
        let peer = format!("{} #{}", self.path, self.accepted);
        Ok((stream, peer.as_str().into()))
    }
}
