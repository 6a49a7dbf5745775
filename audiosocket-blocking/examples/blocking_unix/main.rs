//! A server that takes calls over a Unix socket, each on a thread of its own: callers hear
//! themselves. Asterisk reaches it through socat or HAProxy on its machine, as
//! `audiosocket_blocking::beyond_tcp` shows. Ctrl-C or SIGTERM ends it, and gives the calls ten
//! seconds.
//!
//! ```sh
//! cargo run -p audiosocket-blocking --example blocking_unix -- /run/audiosocket/calls.sock
//! ```

mod socket_file;

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use audiosocket_blocking::{Callbacks, Calls, Limits, Peer, SessionConfig, serve_stream};
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use socket_file::SocketFile;

/// How many connections may be open at once: each has a thread. Further ones are hung up.
const CONNECTIONS: usize = 1024;

/// How long calls may go on once the server is to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait, once they are hung up, for those to end that are left.
const LAST_WORDS: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: blocking_unix SOCKET")?;
    let (listener, socket_file) = SocketFile::listen(&path)?;
    listener.set_nonblocking(true)?;
    let (stopped, stop) = UnixStream::pair()?;
    pipe::register(SIGINT, stop.try_clone()?)?;
    pipe::register(SIGTERM, stop)?;
    println!("listening on {path}");

    let echo = Arc::new(Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    ));
    let mut limits = Limits::default();
    limits.max_calls = CONNECTIONS;
    let calls = Calls::new(limits);
    // Every thread has a `busy`; when all are gone, none is left.
    let (busy, idle) = channel::<Infallible>();
    let mut number = 0_u64;
    loop {
        let mut ready = [
            PollFd::new(&listener, PollFlags::IN),
            PollFd::new(&stopped, PollFlags::IN),
        ];
        let waited = poll(&mut ready, None);
        if waited.is_ok() && !ready[1].revents().is_empty() {
            break;
        }
        let served = listener.accept().and_then(|(connection, _)| {
            number += 1;
            // Who connects has no name of their own; this tells one call from another.
            let peer = Peer::from(&*format!("{path} #{number}"));
            let (echo, calls, busy) = (Arc::clone(&echo), calls.clone(), busy.clone());
            let config = SessionConfig::default();
            let thread = thread::Builder::new().name("call".to_owned());
            let thread = thread.spawn(move || {
                serve_stream(connection, peer, echo, config, &calls);
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

    // The file first: from then on the next server can have the path.
    drop((socket_file, listener, busy));
    if idle.recv_timeout(GRACE) == Err(RecvTimeoutError::Timeout) {
        calls.shut_down();
        // Beyond this there is only a handler that blocks.
        let _ = idle.recv_timeout(LAST_WORDS);
    }
    Ok(())
}
