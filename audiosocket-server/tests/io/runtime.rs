//! A runtime that the tests control: its clock and its sockets.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use audiosocket_server::io::{
    BoundSockets, ClosableListener, Listener, Stream, TcpOptions, Timer, UnregisteredStream,
    pending_if_would_block,
};
use audiosocket_server::{Lag, Peer};

thread_local! {
    static NOW: Cell<Instant> = Cell::new(Instant::now());
    static TIMERS_TOUCHED: Cell<usize> = const { Cell::new(0) };
}

/// Moves the clock.
pub(crate) fn pass(time: Duration) {
    NOW.set(NOW.get() + time);
}

/// Returns how often a timer was made or moved.
pub(crate) fn timers_touched() -> usize {
    TIMERS_TOUCHED.get()
}

pub(crate) struct FakeTimer(Instant);

impl Timer for FakeTimer {
    fn now() -> Instant {
        NOW.get()
    }

    fn at(deadline: Instant) -> Self {
        TIMERS_TOUCHED.set(TIMERS_TOUCHED.get() + 1);
        Self(deadline)
    }

    fn set(&mut self, deadline: Instant) {
        *self = Self::at(deadline);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if NOW.get() < self.0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

/// The next actions of a stream, in order. Without an action it has no bytes to read, and takes all bytes.
#[derive(Default)]
pub(crate) struct Script {
    /// Returns one byte more than it was given, which is an error.
    pub(crate) boasts: bool,
    pub(crate) reads: VecDeque<io::Result<Vec<u8>>>,
    pub(crate) lag: Option<Lag>,
    /// The count of the kernel. `None` for a stream that is not TCP.
    pub(crate) retransmissions: Option<u32>,
    /// How often the count was read.
    pub(crate) counted: Cell<usize>,
    pub(crate) writes: VecDeque<Poll<io::Result<usize>>>,
    pub(crate) flushes: VecDeque<Poll<io::Result<()>>>,
    pub(crate) closes: VecDeque<Poll<io::Result<()>>>,
    /// The actions of the stream, and its errors.
    pub(crate) log: Vec<String>,
    /// The bytes that it took.
    pub(crate) sent: Vec<u8>,
}

impl Script {
    fn write(&mut self, what: &str, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let next = self.writes.pop_front();
        let written = ready!(next.unwrap_or(Poll::Ready(Ok(usize::MAX))));
        let written = written.map(|most| most.min(bytes.len()));
        self.note(what, &written);
        let taken = *written.as_ref().unwrap_or(&0);
        self.sent.extend(&bytes[..taken]);
        Poll::Ready(written.map(|written| written + usize::from(self.boasts)))
    }

    fn note<T>(&mut self, what: &str, result: &io::Result<T>) {
        self.log.push(match result {
            Ok(_) => what.to_owned(),
            Err(error) => format!("{what}: {error}"),
        });
    }
}

#[derive(Default)]
pub(crate) struct FakeStream {
    script: Rc<RefCell<Script>>,
}

impl FakeStream {
    pub(crate) fn new(script: &Rc<RefCell<Script>>) -> Self {
        Self {
            script: script.clone(),
        }
    }
}

impl Stream for FakeStream {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut script = self.script.borrow_mut();
        let Some(read) = script.reads.pop_front() else {
            return Poll::Pending;
        };
        script.note("read", &read);
        Poll::Ready(read.map(|bytes| {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.script.borrow_mut().write("write", bytes)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut script = self.script.borrow_mut();
        let flushed = ready!(script.flushes.pop_front().unwrap_or(Poll::Ready(Ok(()))));
        script.note("flush", &flushed);
        Poll::Ready(flushed)
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut script = self.script.borrow_mut();
        let closed = ready!(script.closes.pop_front().unwrap_or(Poll::Ready(Ok(()))));
        script.note("close", &closed);
        Poll::Ready(closed)
    }

    fn take_lag(&mut self) -> Option<Lag> {
        self.script.borrow_mut().lag.take()
    }

    fn send_frames(&mut self, frames: &[u8]) -> Option<io::Result<usize>> {
        let mut script = self.script.borrow_mut();
        script.retransmissions?;
        match script.write("send frames", frames) {
            Poll::Ready(sent) => Some(sent),
            Poll::Pending => None,
        }
    }

    fn retransmissions(&self) -> Option<u32> {
        let script = self.script.borrow();
        script.counted.set(script.counted.get() + 1);
        script.retransmissions
    }
}

/// Connections that wait in the kernel, and errors.
pub(crate) type Incoming = Rc<RefCell<VecDeque<io::Result<()>>>>;

#[derive(Default)]
pub(crate) struct FakeListener {
    pub(crate) incoming: Incoming,
    /// Connections that wait in the kernel, without an event.
    pub(crate) waiting: Incoming,
    /// `None` if the listener cannot be closed.
    pub(crate) room: Option<Rc<Cell<Room>>>,
}

/// What the server last did with a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Room {
    #[default]
    New,
    Open(usize),
    Closed,
}

impl Listener for FakeListener {
    type Stream = FakeStream;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(FakeStream, Peer)>> {
        accept(&self.incoming)
    }

    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(FakeStream, Peer)>> {
        accept(&self.waiting)
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.room.is_some().then_some(self as _)
    }
}

impl ClosableListener for FakeListener {
    fn close(&mut self) -> io::Result<()> {
        self.set_room(Room::Closed);
        Ok(())
    }

    fn open(&mut self, room: usize) -> io::Result<()> {
        self.set_room(Room::Open(room));
        Ok(())
    }
}

impl FakeListener {
    fn set_room(&self, room: Room) {
        self.room.as_ref().unwrap().set(room);
    }
}

fn accept(from: &Incoming) -> Poll<io::Result<(FakeStream, Peer)>> {
    let Some(accepted) = from.borrow_mut().pop_front() else {
        return Poll::Pending;
    };
    Poll::Ready(accepted.map(|()| (FakeStream::default(), "peer".into())))
}

/// A real listener, which the runtime does not watch.
pub(crate) struct KernelListener {
    socket: TcpListener,
    options: TcpOptions,
}

impl KernelListener {
    pub(crate) fn new(mut sockets: BoundSockets) -> Self {
        Self {
            socket: sockets.listeners.remove(0).socket,
            options: sockets.tcp,
        }
    }
}

impl Listener for KernelListener {
    type Stream = UnregisteredStream;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(UnregisteredStream, Peer)>> {
        let accepted = self.options.accept(&self.socket);
        let (stream, peer) = ready!(pending_if_would_block(accepted))?;
        Poll::Ready(Ok((stream.into(), peer.into())))
    }
}
