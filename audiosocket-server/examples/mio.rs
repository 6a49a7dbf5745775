//! The core in an event loop made by hand: any number of calls on one thread, with `mio`. Callers
//! hear themselves. `audiosocket_server::embedding` says why it does what it does, in this order.
//! Run it with `cargo run -p audiosocket-proto --example mio -- 127.0.0.1:9092`.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use audiosocket_proto::{Epoch, SessionConfig, Timestamp, Transmit};
use audiosocket_server::{Acceptor, CallDriver, Callbacks};
use audiosocket_server::{Limits, ServerAction, ServerDriver};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);
const BELL: Token = Token(usize::MAX - 1);
/// How often one call may read and write before the others get their turn.
const ROUNDS: usize = 16;
/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let listener = std::net::TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:9092"))?;
    println!("listening on {}", listener.local_addr()?);
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    let config = SessionConfig::default();
    let server = ServerDriver::new(config.linger, Limits::default());
    serve(listener, &Arc::new(echo), config, server)
}

/// Serves until `server`, which its handle shuts down, says that all is over.
pub(crate) fn serve<A: Acceptor>(
    listener: std::net::TcpListener,
    acceptor: &Arc<A>,
    config: SessionConfig,
    mut server: ServerDriver,
) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let bell = Waker::from(Arc::new(Bell(mio::Waker::new(poll.registry(), BELL)?)));
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry()
        .register(&mut listener, LISTENER, interest)?;
    let mut listener = Some(listener);
    let epoch = Epoch::new(Instant::now());
    let (mut calls, mut buffer) = (HashMap::new(), vec![0; 64 * 1024]);
    // No token is used twice, so what comes late for a closed connection finds nobody.
    let mut tokens = (0..).map(Token);
    // Those to look at now; when to look at all, at or before their deadlines; when to accept.
    let (mut due, mut look_at, mut accept_at) = (BTreeSet::new(), None, None);
    loop {
        let now = epoch.timestamp(Instant::now());
        let duty = server.poll(now, &mut Context::from_waker(&bell));
        if duty == ServerAction::StopAccepting || accept_at.is_some_and(|at| at <= now) {
            accept_at = None;
            while let Some(accepted) = listener.as_ref().map(TcpListener::accept) {
                let token = tokens.next().unwrap_or(BELL);
                let prepared = accepted.and_then(|(mut stream, peer)| {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, token, interest)?;
                    Ok((stream, peer))
                });
                match prepared {
                    Ok((stream, peer)) => {
                        let (acceptor, among) = (acceptor.clone(), server.handle().calls());
                        let driver = CallDriver::new(acceptor, peer.into(), config, among, now);
                        let connection = Connection {
                            stream,
                            driver,
                            readable: false,
                        };
                        calls.insert(token, connection);
                        due.insert(token);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        eprintln!("cannot accept: {error}");
                        accept_at = Some(now + ACCEPT_PAUSE);
                        break;
                    }
                }
            }
        }
        match duty {
            ServerAction::StopAccepting => (listener, accept_at) = (None, Some(now)),
            ServerAction::Over => return Ok(()),
            _ => {}
        }
        if look_at.is_some_and(|at| at <= now) {
            look_at = None;
            due.extend(calls.keys());
        }
        for token in std::mem::take(&mut due) {
            let Some(call) = calls.get_mut(&token) else {
                continue;
            };
            if call.turn(now, &bell, &mut buffer) {
                due.insert(token);
            }
            let deadlines = [look_at, call.driver.poll_timeout()];
            look_at = deadlines.into_iter().flatten().min();
            if call.driver.poll_transmit() == Transmit::Close {
                calls.remove(&token);
            }
        }

        let deadlines = [look_at, accept_at, server.poll_timeout()];
        let next = deadlines.into_iter().flatten().min();
        let next = if due.is_empty() { next } else { Some(now) };
        match poll.poll(&mut events, next.map(|at| at.saturating_since(now))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LISTENER => accept_at = accept_at.or(Some(now)),
                BELL => due.extend(calls.keys()), // It does not say for whom.
                token => {
                    if let Some(call) = calls.get_mut(&token) {
                        call.readable |= event.is_readable();
                        due.insert(token);
                    }
                }
            }
        }
    }
}

/// Rung by whoever shuts the server down or hangs up a call.
struct Bell(mio::Waker);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.wake();
    }
}

struct Connection<A: Acceptor> {
    stream: TcpStream,
    driver: CallDriver<A>,
    /// There may be something to read, which `mio` tells only when it changes.
    readable: bool,
}

impl<A: Acceptor> Connection<A> {
    /// Everything that can be done now. True if there was more to do than one turn is long.
    fn turn(&mut self, now: Timestamp, bell: &Waker, buffer: &mut [u8]) -> bool {
        self.driver.poll_commands(now, bell);
        // Reading first, so that all answers to one read leave in one write.
        let more = (0..ROUNDS).all(|_| (self.readable && self.read(now, buffer)) | self.write(now));
        // Also amid a flood, and only after what the socket had: that may move the deadline.
        self.driver.handle_timeout(now);
        while self.write(now) {}
        more
    }

    fn read(&mut self, now: Timestamp, buffer: &mut [u8]) -> bool {
        let result = self.stream.read(buffer);
        self.readable = matches!(result, Ok(1..));
        match result {
            Ok(0) => self.driver.handle_eof(now),
            Ok(len) => self.driver.receive(now, &buffer[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.driver.handle_read_error(now, error),
        }
        true
    }

    fn write(&mut self, now: Timestamp) -> bool {
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => {
                let result = self.stream.write(bytes);
                result.map(|written| self.driver.transmitted(now, written))
            }
            Transmit::HalfClose => {
                let result = self.stream.shutdown(Shutdown::Write);
                result.map(|()| self.driver.half_closed())
            }
            _ => return false,
        };
        match result {
            Ok(()) => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.driver.handle_write_error(now, error),
        }
        false
    }
}
