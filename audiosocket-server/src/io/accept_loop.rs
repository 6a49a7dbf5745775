use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::{Acceptor, ServerAction, ServerDriver, ServerHandle};
use audiosocket_proto::{Epoch, Timestamp};
use socket2::{SockAddr, Socket};

use crate::io::accept_errors::is_of_one_connection;
use crate::io::runtime::{CoalescingTimer, Listener, Timer};
use crate::io::timeout_spread::TimeoutSpread;
use crate::io::{AcceptBackoff, BoundSockets, Connection, UnregisteredListener};

/// How many connections that wait in the kernel are taken at shutdown. A bound, since they may come
/// faster than they are taken.
const LAST_BATCH: usize = 4096;

/// A server on a runtime, from its first connection to the end of its shutdown: the loop with which
/// every adapter accepts.
pub struct AcceptLoop<L, T, A> {
    acceptor: Arc<A>,
    listening: BoundSockets,
    doors: Vec<Door<L>>,
    driver: ServerDriver,
    epoch: Epoch,
    timer: CoalescingTimer<T>,
    stagger: TimeoutSpread,
}

/// Runs a connection apart from the server that accepted it.
pub trait Serve<L: Listener, T, A: Acceptor>:
    FnMut(Connection<L::Stream, T, A>) -> io::Result<()>
{
}

impl<L: Listener, T, A: Acceptor, F> Serve<L, T, A> for F where
    F: FnMut(Connection<L::Stream, T, A>) -> io::Result<()>
{
}

/// A listening socket, and how it fares.
struct Door<L> {
    listener: L,
    errors: AcceptBackoff,
    paused_until: Option<Timestamp>,
}

impl<L: Listener, T: Timer, A: Acceptor> AcceptLoop<L, T, A> {
    /// Takes over the sockets of `listening`, each made the runtime's own by `adopt`.
    ///
    /// # Errors
    ///
    /// Those of `adopt`.
    pub fn new(
        acceptor: A,
        mut listening: BoundSockets,
        adopt: impl Fn(std::net::TcpListener) -> io::Result<L>,
    ) -> io::Result<Self> {
        let mut doors = Vec::new();
        for listener in std::mem::take(&mut listening.listeners) {
            doors.push(Door {
                listener: adopt(listener)?,
                errors: AcceptBackoff::default(),
                paused_until: None,
            });
        }
        Ok(Self {
            acceptor: Arc::new(acceptor),
            driver: ServerDriver::new(listening.session.linger, listening.limits),
            listening,
            doors,
            epoch: Epoch::new(T::now()),
            timer: CoalescingTimer::new(),
            stagger: TimeoutSpread::default(),
        })
    }

    /// Has the runtime watch the listening sockets only: it gives each connection up by `release`, for
    /// a [`BatchPoller`](crate::io::BatchPoller), or for another thread's runtime.
    pub fn bare(
        self,
        release: fn(L::Stream) -> io::Result<TcpStream>,
    ) -> AcceptLoop<UnregisteredListener<L>, T, A> {
        let doors = self.doors.into_iter().map(|door| Door {
            listener: UnregisteredListener::new(door.listener, release),
            errors: door.errors,
            paused_until: door.paused_until,
        });
        AcceptLoop {
            acceptor: self.acceptor,
            listening: self.listening,
            doors: doors.collect(),
            driver: self.driver,
            epoch: self.epoch,
            timer: self.timer,
            stagger: self.stagger,
        }
    }

    /// How often connections are to be looked after, if that is [asked
    /// for](crate::io::ServerOptions::wake_interval).
    pub fn wake_interval(&self) -> Option<Duration> {
        self.listening.wake_interval
    }

    /// The addresses that the server listens on, with the real port where 0 was asked for.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.listening.local_addrs
    }

    /// Shuts the server down from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.driver.handle().clone()
    }

    /// The sockets that are accepted from now, for a runtime that is not told by wakers.
    pub fn listeners(&self) -> impl Iterator<Item = &L> {
        self.doors
            .iter()
            .filter(|door| door.paused_until.is_none())
            .map(|door| &door.listener)
    }

    /// When to poll next, whatever happens until then; `None` for never. For a runtime whose
    /// timers do not wake.
    pub fn deadline(&self) -> Option<Instant> {
        self.epoch.instant(self.due()?)
    }

    /// Accepts, and has `serve` run each connection apart; ready once
    /// [`ServerHandle::shutdown`] has done its work. If `serve` fails, its connection is lost, and
    /// nothing is accepted for a moment.
    pub fn poll(&mut self, cx: &mut Context<'_>, mut serve: impl Serve<L, T, A>) -> Poll<()> {
        loop {
            match self.driver.poll(self.now(), cx) {
                ServerAction::Accept => self.accept(cx, &mut serve),
                ServerAction::StopAccepting => {
                    self.take_what_waits(&mut serve);
                    continue;
                }
                ServerAction::Over => break,
                _ => {}
            }
            let (now, due) = (self.now(), self.due());
            ready!(self.timer.poll(cx, &self.epoch, now, due));
        }
        let calls = self.driver.handle().calls().len();
        if calls > 0 {
            tracing::warn!(calls, "handlers still block, and are left behind");
        }
        Poll::Ready(())
    }

    /// One from each listener before the calls that there are get their turn, since each takes several
    /// times what a frame does.
    fn accept(&mut self, cx: &mut Context<'_>, serve: &mut impl Serve<L, T, A>) {
        let mut more = false;
        for index in 0..self.doors.len() {
            more |= self.accept_one(index, cx, serve).is_ready();
        }
        if more {
            T::yield_now(cx);
        }
    }

    /// Pending if nothing can be accepted now.
    fn accept_one(
        &mut self,
        index: usize,
        cx: &mut Context<'_>,
        serve: &mut impl Serve<L, T, A>,
    ) -> Poll<()> {
        let now = self.now();
        let door = &mut self.doors[index];
        if door.paused_until.is_some_and(|until| now < until) {
            return Poll::Pending;
        }
        door.paused_until = None;
        let served = match ready!(door.listener.poll_accept(cx)) {
            Ok((stream, peer)) => self.serve(stream, peer, serve),
            Err(error) => Err(error),
        };
        let door = &mut self.doors[index];
        match served {
            Ok(()) => door.errors.accepted(),
            Err(error) => {
                let pause = door.errors.failed(&error);
                door.paused_until = pause.map(|pause| now + pause);
            }
        }
        Poll::Ready(())
    }

    /// Closes the listeners. Connections that wait in the kernel are calls to their callers
    /// already, and would be reset, so they are taken first.
    fn take_what_waits(&mut self, serve: &mut impl Serve<L, T, A>) {
        for mut door in std::mem::take(&mut self.doors) {
            for _ in 0..LAST_BATCH {
                // Asked directly: the runtime may not know yet that something waits.
                let served = match door.listener.socket().accept() {
                    Ok((connection, peer)) => adopt(&mut door.listener, connection, &peer)
                        .and_then(|(stream, peer)| self.serve(stream, peer, serve)),
                    Err(error) if is_of_one_connection(&error) => Err(error),
                    Err(_) => break,
                };
                if let Err(error) = served {
                    tracing::warn!(%error, "cannot serve a connection that waited at shutdown");
                }
            }
        }
    }

    fn serve(
        &mut self,
        stream: L::Stream,
        peer: SocketAddr,
        serve: &mut impl Serve<L, T, A>,
    ) -> io::Result<()> {
        let mut local_addr = None;
        let prepared = L::configure(&stream, |socket| {
            local_addr = socket.local_addr()?.as_socket();
            self.listening.prepare(socket)
        });
        if let Err(error) = prepared {
            tracing::debug!(%peer, %error, "a connection was gone before it was served");
            return Ok(());
        }
        let mut session = self.listening.session;
        let now = self.now();
        session.uuid_timeout = self.stagger.patience(now, session.uuid_timeout);
        let connection = Connection::new(
            stream,
            peer.into(),
            Arc::clone(&self.acceptor),
            session,
            self.driver.handle().calls(),
        );
        if connection.is_turned_away() {
            connection.turn_away();
            return Ok(());
        }
        serve(match local_addr {
            Some(local_addr) => connection.at(local_addr),
            None => connection,
        })
    }

    fn due(&self) -> Option<Timestamp> {
        let pauses = self.doors.iter().filter_map(|door| door.paused_until);
        pauses.chain(self.driver.poll_timeout()).min()
    }

    fn now(&self) -> Timestamp {
        self.epoch.timestamp(T::now())
    }
}

fn adopt<L: Listener>(
    listener: &mut L,
    connection: Socket,
    peer: &SockAddr,
) -> io::Result<(L::Stream, SocketAddr)> {
    connection.set_nonblocking(true)?;
    let peer = peer.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    Ok((listener.adopt(TcpStream::from(connection))?, peer))
}

impl<L, T, A> fmt::Debug for AcceptLoop<L, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptLoop")
            .field("listening", &self.listening)
            .finish_non_exhaustive()
    }
}
