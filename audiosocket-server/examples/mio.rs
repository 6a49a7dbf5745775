//! The core in an event loop of your own, with `mio`: any number of calls on one thread. Callers hear their own voice.
//! The page `embedding` of the crate explains the order of its steps.
//!
//! ```sh
//! cargo run -p audiosocket-server --example mio -- 127.0.0.1:9092
//! # Without a phone, in another terminal: callers that check the echo.
//! cargo run --release -p audiosocket-cli -- call 127.0.0.1:9092 --calls 5
//! ```

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_proto::{Epoch, SessionConfig, Timestamp, Transmit};
use audiosocket_server::{Acceptor, CallDriver, Callbacks};
use audiosocket_server::{Limits, ServerAction, ServerDriver};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
/// How often one call may read and write before the next call does.
const ROUNDS: usize = 16;
/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let listener = std::net::TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:9092"))?;
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    let config = SessionConfig::default();
    let server = ServerDriver::new(config.linger, Limits::default());
    let (handle, mut signals) = (server.handle().clone(), Signals::new([SIGINT, SIGTERM])?);
    thread::spawn(move || {
        // At the second signal all calls are hung up at once.
        for (_signal, grace) in signals.forever().zip([10, 0]) {
            handle.shutdown(Duration::from_secs(grace));
        }
    });
    println!("listening on {}", listener.local_addr()?);
    serve(listener, &Arc::new(echo), config, server)
}

/// Serves until a shutdown of `server` is complete.
pub(crate) fn serve<A: Acceptor>(
    listener: std::net::TcpListener,
    acceptor: &Arc<A>,
    config: SessionConfig,
    mut server: ServerDriver,
) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let waker = Waker::from(Arc::new(MioWaker(mio::Waker::new(poll.registry(), WAKER)?)));
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    let mut listener = TcpListener::from_std(listener);
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry()
        .register(&mut listener, LISTENER, interest)?;
    let mut listener = Some(listener);
    let epoch = Epoch::new(Instant::now());
    let (mut calls, mut buffer) = (HashMap::new(), vec![0; 64 * 1024]);
    // No token is used twice, so that an event of a closed connection cannot reach a new one.
    let mut tokens = (0..).map(Token);
    // The calls to poll now, when to poll all calls (at or before their deadlines), and when to accept.
    let (mut due, mut poll_at, mut accept_at) = (BTreeSet::new(), None, None);
    loop {
        let now = epoch.timestamp(Instant::now());
        let action = server.poll(now, &mut Context::from_waker(&waker));
        if action == ServerAction::Accept && listener.is_none() {
            // There is a place again. On Unix, mio binds with `SO_REUSEADDR`, since the calls have the address too.
            let opened = TcpListener::bind(addr).and_then(|mut opened| {
                let registry = poll.registry();
                registry.register(&mut opened, LISTENER, interest)?;
                Ok(opened)
            });
            match opened {
                Ok(opened) => listener = Some(opened),
                Err(error) => {
                    eprintln!("cannot listen on {addr}: {error}");
                    accept_at = Some(now + ACCEPT_PAUSE);
                }
            }
        }
        let closes = matches!(action, ServerAction::Refuse | ServerAction::StopAccepting);
        if closes || accept_at.is_some_and(|at| at <= now) {
            accept_at = None;
            while let Some(accepted) = listener.as_ref().map(TcpListener::accept) {
                let token = tokens.next().unwrap_or(WAKER);
                let prepared = accepted.and_then(|(mut stream, peer)| {
                    stream.set_nodelay(true)?;
                    poll.registry().register(&mut stream, token, interest)?;
                    Ok((stream, peer))
                });
                match prepared {
                    Ok((stream, peer)) => {
                        let (acceptor, open) = (acceptor.clone(), server.handle().calls());
                        let driver = CallDriver::new(acceptor, peer.into(), config, open, now);
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
        match action {
            ServerAction::Refuse => listener = None,
            ServerAction::StopAccepting => (listener, accept_at) = (None, Some(now)),
            ServerAction::Over => return Ok(()),
            _ => {}
        }
        if poll_at.is_some_and(|at| at <= now) {
            poll_at = None;
            due.extend(calls.keys());
        }
        for token in std::mem::take(&mut due) {
            let Some(call) = calls.get_mut(&token) else {
                continue;
            };
            if call.run(now, &waker, &mut buffer) {
                due.insert(token);
            }
            let deadlines = [poll_at, call.driver.poll_timeout()];
            poll_at = deadlines.into_iter().flatten().min();
            if call.driver.poll_transmit() == Transmit::Close {
                calls.remove(&token);
            }
        }

        let deadlines = [poll_at, accept_at, server.poll_timeout()];
        let next = deadlines.into_iter().flatten().min();
        let next = if due.is_empty() { next } else { Some(now) };
        match poll.poll(&mut events, next.map(|at| at.saturating_since(now))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &events {
            match event.token() {
                LISTENER => accept_at = accept_at.or(Some(now)),
                WAKER => due.extend(calls.keys()), // One waker serves all calls.
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

/// Ends the poll when another thread shuts the server down or changes a call.
struct MioWaker(mio::Waker);

impl Wake for MioWaker {
    fn wake(self: Arc<Self>) {
        let _ = self.0.wake();
    }
}

struct Connection<A: Acceptor> {
    stream: TcpStream,
    driver: CallDriver<A>,
    /// Whether there can be bytes to read. `mio` reports only changes of it.
    readable: bool,
}

impl<A: Acceptor> Connection<A> {
    /// Reads and writes what is possible now. Returns whether the call reached [`ROUNDS`] and has more to do.
    fn run(&mut self, now: Timestamp, waker: &Waker, buffer: &mut [u8]) -> bool {
        self.driver.poll_commands(now, waker);
        // It reads first, so that all answers to one read leave in one write.
        let more = (0..ROUNDS).all(|_| (self.readable && self.read(now, buffer)) | self.write(now));
        // In a flood too. It comes after the reads, because a read can move the deadline.
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
