//! The core in an event loop made by hand: any number of calls on one thread, with `mio`. Callers
//! hear themselves. `audiosocket_proto::embedding` says why it does what it does, in this order.
//!
//! ```sh
//! cargo run -p audiosocket-proto --example mio -- 127.0.0.1:9092
//! ```

use std::collections::{BTreeSet, HashMap};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use audiosocket_proto::server::{Acceptor, CallDriver, Callbacks, Calls};
use audiosocket_proto::{Epoch, SessionConfig, Timestamp, Transmit};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

#[path = "mio/connection.rs"]
mod connection;
#[path = "mio/wakes.rs"]
mod wakes;

use connection::Connection;
use wakes::Wakes;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const STOP: Token = Token(usize::MAX - 2);
/// How many connections to accept before the others get their turn.
const ACCEPTS: usize = 1024;
/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1);
    let addr = addr.unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let listener = std::net::TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    let echo = Callbacks::new(
        |_uuid, _peer, audio| audio.into(),
        |uuid, peer, error| eprintln!("{uuid:?} from {peer}: {error}"),
    );
    Server::new(listener, Arc::new(echo), SessionConfig::default())?.run()
}

/// All calls of a thread, and the one buffer that they are read into.
pub(crate) struct Server<A: Acceptor> {
    poll: Poll,
    listener: Option<TcpListener>,
    /// When to accept again, if there may be something to accept.
    accept_at: Option<Timestamp>,
    acceptor: Arc<A>,
    config: SessionConfig,
    calls: Calls,
    /// No token is used twice, so what comes late for a closed connection finds nobody.
    connections: HashMap<Token, Connection<A>>,
    accepted: usize,
    /// When to look at which connection even if nothing happens there.
    timers: BTreeSet<(Timestamp, Token)>,
    wakes: Arc<Wakes>,
    epoch: Epoch,
    buffer: Box<[u8]>,
}

impl<A: Acceptor> Server<A> {
    pub(crate) fn new(
        listener: std::net::TcpListener,
        acceptor: Arc<A>,
        config: SessionConfig,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let registry = poll.registry();
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        let wakes = Arc::new(Wakes::new(mio::Waker::new(registry, WAKER)?));
        Ok(Self {
            poll,
            listener: Some(listener),
            accept_at: None,
            acceptor,
            config,
            calls: Calls::default(),
            connections: HashMap::new(),
            accepted: 0,
            timers: BTreeSet::new(),
            wakes,
            epoch: Epoch::new(Instant::now()),
            buffer: vec![0; 64 * 1024].into(),
        })
    }

    /// Ends the server when it is woken: the listener closes, and every call is hung up.
    #[allow(dead_code, reason = "for those who include this file")]
    pub(crate) fn stopper(&self) -> std::task::Waker {
        self.wakes.waker(STOP)
    }

    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while self.listener.is_some() || !self.connections.is_empty() {
            let timer = self.timers.first().map(|(at, _)| *at);
            let next = timer.into_iter().chain(self.accept_at).min();
            let patience = next.map(|at| at.saturating_since(self.now()));
            match self.poll.poll(&mut events, patience) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let now = self.now();
            let mut due = self.wakes.take();
            let timers = self.timers.iter().take_while(|(at, _)| *at <= now);
            due.extend(timers.map(|(_, token)| *token));
            for event in &events {
                if event.token() == LISTENER {
                    self.accept_at.get_or_insert(now);
                } else if let Some(connection) = self.connections.get_mut(&event.token()) {
                    connection.ready(event);
                    due.insert(event.token());
                }
            }
            if self.accept_at.is_some_and(|at| at <= now) {
                self.accept(now);
            }
            if due.remove(&STOP) {
                self.calls.shut_down();
                self.accept(now);
                (self.listener, self.accept_at) = (None, None);
            }
            for token in due {
                self.serve(token);
            }
        }
        Ok(())
    }

    /// Everything that can be done on one connection now.
    fn serve(&mut self, token: Token) {
        let now = self.now();
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        let unfinished = connection.turn(now, &mut self.buffer);
        let closed = connection.driver.poll_transmit() == Transmit::Close;
        let timer = match connection.driver.poll_timeout() {
            _ if closed => None,
            _ if unfinished => Some(now),
            deadline => deadline,
        };
        if timer != connection.timer {
            let old = std::mem::replace(&mut connection.timer, timer);
            old.map(|at| self.timers.remove(&(at, token)));
            self.timers.extend(timer.map(|at| (at, token)));
        }
        if closed && let Some(mut connection) = self.connections.remove(&token) {
            let _ = self.poll.registry().deregister(&mut connection.stream);
        }
    }

    /// Takes those who wait, until the system refuses.
    fn accept(&mut self, now: Timestamp) {
        for _ in 0..ACCEPTS {
            let Some(listener) = &self.listener else {
                return;
            };
            match listener.accept() {
                // That one only; the next may be well.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.accept_at = None;
                    return;
                }
                Err(error) => {
                    eprintln!("cannot accept: {error}");
                    self.accept_at = Some(now + ACCEPT_PAUSE);
                    return;
                }
                Ok((stream, peer)) => {
                    let driver =
                        CallDriver::new(self.acceptor.clone(), peer.into(), self.config, now);
                    self.begin(stream, driver);
                }
            }
        }
    }

    fn begin(&mut self, mut stream: TcpStream, driver: CallDriver<A>) {
        let token = Token(self.accepted);
        self.accepted += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut stream, token, interest);
        // TCP keepalive is missing here, since `mio` cannot set it: see `audiosocket-net`.
        if registered.and_then(|()| stream.set_nodelay(true)).is_err() {
            return; // It has gone again.
        }
        let registration = self.calls.register(driver.handle());
        let waker = self.wakes.waker(token);
        let connection = Connection::new(stream, driver, waker, registration);
        self.connections.insert(token, connection);
        self.serve(token); // From here on it has a deadline, and its handle a waker.
    }

    fn now(&self) -> Timestamp {
        self.epoch.timestamp(Instant::now())
    }
}
