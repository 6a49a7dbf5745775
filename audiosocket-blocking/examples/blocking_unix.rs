//! A server that takes calls over a Unix socket, each on a thread of its own: callers hear themselves. Asterisk reaches it through
//! socat or HAProxy on its machine: see `audiosocket_server::beyond_tcp`. Ctrl-C or SIGTERM shuts it down, and
//! gives the calls ten seconds.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_unix -- /run/audiosocket/calls.sock
//! ```

use std::error::Error;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use audiosocket_blocking::admission::Limits;
use audiosocket_blocking::listener::{Listener, SocketFile};
use audiosocket_blocking::{Callbacks, Peer, Server, ServerHandle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How many connections may be open at once: each has a thread. Further ones are closed.
const CONNECTIONS: usize = 1024;

/// How long calls may go on once the server shuts down.
const GRACE: Duration = Duration::from_secs(10);

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
    shut_down_at_signal(server.handle())?;
    println!("listening on {path}");
    Ok(server.serve_forever()?)
}

/// The Unix socket at a path.
struct Calls {
    /// Dropped first: from then on the next server can have the path.
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
        // Peers of a Unix socket have no name; the number keeps their calls apart.
        let peer = format!("{} #{}", self.path, self.accepted);
        Ok((stream, peer.as_str().into()))
    }
}

/// Shuts the server down at Ctrl-C or SIGTERM.
fn shut_down_at_signal(server: ServerHandle) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        signals.forever().next();
        server.shutdown(GRACE);
    });
    Ok(())
}
