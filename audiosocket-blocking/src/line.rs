use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::Stream;
use audiosocket_server::{InboundBuffer, Lag};
use rustix::event::{PollFd, PollFlags};

use crate::Duplex;
use crate::alarm::Alarm;
use crate::keeper::{self, Keep, Turn};

/// How often is read ahead from one stream before other things get their turn.
const ROUNDS: usize = 16;

/// How long a handler may take before what is known of its stream is out of date.
const LONG: Duration = Duration::from_millis(10);

/// A non-blocking stream on a thread of its own, which waits for it. While that thread is held up
/// in a handler, the [keeper](crate::keeper) reads.
#[derive(Debug)]
pub(crate) struct Line<S> {
    shared: Arc<Shared<S>>,
    alarm: Arc<Alarm>,
    /// Whether a read that fills less than its buffer has emptied the stream, so that reading once
    /// more is in vain. True of sockets, and not of TLS.
    short_is_empty: bool,
    /// What is known not to be ready, and what is waited for since it was asked for.
    unready: PollFlags,
    /// When that was last up to date.
    looked_at: Instant,
    lag: Option<Lag>,
}

#[derive(Debug)]
struct Shared<S> {
    inner: Mutex<Inner<S>>,
    /// Odd while the thread is busy; another number each time that it gets round to reading.
    turn: Turn,
}

#[derive(Debug)]
struct Inner<S> {
    stream: S,
    backlog: InboundBuffer,
    /// How the stream ended, if the keeper met its end.
    ended: Option<io::Result<usize>>,
    /// Its end was told, so that nobody asks for more.
    over: bool,
}

impl<S: Duplex> Line<S> {
    /// Takes over a stream that is non-blocking, and an alarm for the thread.
    pub(crate) fn new(
        stream: S,
        alarm: Arc<Alarm>,
        config: &SessionConfig,
        short_is_empty: bool,
    ) -> Self {
        let inner = Inner {
            stream,
            backlog: InboundBuffer::new(config.max_unread),
            ended: None,
            over: false,
        };
        let turn = Turn::new(AtomicU64::new(1));
        let shared = Arc::new(Shared {
            inner: Mutex::new(inner),
            turn: Arc::clone(&turn),
        });
        let keep: Arc<dyn Keep> = shared.clone();
        keeper::watch(Arc::downgrade(&keep), turn);
        Self {
            shared,
            alarm,
            short_is_empty,
            unready: PollFlags::empty(),
            looked_at: Instant::now(),
            lag: None,
        }
    }

    /// Gives access to the stream while nothing is read or written.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.shared.lock().stream)
    }

    /// Ends a [`wait`](Self::wait).
    pub(crate) fn waker(&self) -> Waker {
        Arc::clone(&self.alarm).into()
    }

    /// Waits until there is something to do.
    pub(crate) fn wait(&mut self, deadline: Option<Instant>) {
        self.shared.turn.fetch_add(1, Ordering::Release);
        // The keeper does not wait for this lock, and has nothing to do here now.
        let inner = self.shared.lock();
        // It may have had, if this thread was kept from running since it looked.
        if inner.has_read_ahead() {
            drop(inner);
            self.shared.turn.fetch_add(1, Ordering::Release);
            return;
        }
        let mut fds = [
            self.alarm.poll_fd(),
            PollFd::from_borrowed_fd(inner.stream.as_fd(), self.unready),
        ];
        // A stream from which nothing is wanted any more would still tell that it has ended.
        let wanted = if self.unready.is_empty() { 1 } else { 2 };
        self.alarm.wait(&mut fds[..wanted], deadline);
        let mut ready = fds[1].revents();
        if ready.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            ready = PollFlags::all();
        }
        self.unready &= !ready;
        if self.unready.contains(PollFlags::IN) {
            // Otherwise the read that follows looks.
            self.looked_at = Instant::now();
        }
        drop(inner);
        self.shared.turn.fetch_add(1, Ordering::Release);
    }

    fn write<T>(&mut self, write: impl FnOnce(&mut S) -> io::Result<T>) -> Poll<io::Result<T>> {
        if self.unready.contains(PollFlags::OUT) {
            return Poll::Pending;
        }
        let result = write(&mut self.shared.lock().stream);
        unless_would_block(result, PollFlags::OUT, &mut self.unready)
    }
}

impl<S: Duplex> Stream for Line<S> {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.shared.turn.fetch_add(2, Ordering::Release);
        if !self.unready.is_empty() && self.looked_at.elapsed() > LONG {
            // Deadlines must not be judged by what was known before the handler took so long.
            self.unready = PollFlags::empty();
        }
        if !self.unready.contains(PollFlags::IN) {
            self.looked_at = Instant::now();
        }
        let mut inner = self.shared.lock();
        if !inner.backlog.is_empty() {
            // A handler that is too slow, but not so slow that the keeper takes it to block.
            inner.read_ahead(buffer);
        }
        self.lag = self.lag.take().or_else(|| inner.backlog.take_lag());
        let waited = inner.backlog.pop(buffer);
        if waited > 0 {
            return Poll::Ready(Ok(waited));
        }
        if let Some(ended) = inner.ended.take() {
            inner.over = true;
            return Poll::Ready(ended);
        }
        if self.unready.contains(PollFlags::IN) {
            return Poll::Pending;
        }
        let result = inner.stream.read(buffer);
        inner.over = is_end(&result);
        if let Ok(len) = result {
            inner.backlog.pass(&buffer[..len]);
            if self.short_is_empty && len < buffer.len() {
                self.unready |= PollFlags::IN;
            }
        }
        unless_would_block(result, PollFlags::IN, &mut self.unready)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(|stream| stream.write(bytes))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(S::flush)
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(S::close_write)
    }

    fn take_lag(&mut self) -> Option<Lag> {
        self.lag.take()
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        // A stream that panicked is the only one that could poison it, and can be asked again.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Read + Send + 'static> Keep for Shared<S> {
    fn read_ahead(&self, turn: u64, buffer: &mut [u8]) {
        let mut inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The thread is back.
            Err(TryLockError::WouldBlock) => return,
        };
        // Else it is, too, and may have found nothing to read: it would not hear of what is read
        // here.
        if self.turn.load(Ordering::Acquire) == turn {
            inner.read_ahead(buffer);
        }
    }
}

impl<S> Inner<S> {
    fn has_read_ahead(&self) -> bool {
        !self.backlog.is_empty() || self.ended.is_some()
    }
}

impl<S: Read> Inner<S> {
    /// Reads what is there into the backlog.
    fn read_ahead(&mut self, buffer: &mut [u8]) {
        for _ in 0..ROUNDS {
            if self.over || self.ended.is_some() || self.backlog.is_full() {
                return;
            }
            // It is the user's, and may panic on a thread that serves others as well.
            let read = catch_unwind(AssertUnwindSafe(|| self.stream.read(buffer)));
            let read = read.unwrap_or_else(|_| Err(io::Error::other("the stream panicked")));
            match read {
                ended if is_end(&ended) => self.ended = Some(ended),
                Ok(len) => self.backlog.push(&buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
    }
}

fn is_end(read: &io::Result<usize>) -> bool {
    match read {
        Ok(len) => *len == 0,
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        ),
    }
}

/// What an attempt came to; pending, and noted, if it would have had to wait.
fn unless_would_block<T>(
    result: io::Result<T>,
    interest: PollFlags,
    unready: &mut PollFlags,
) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            *unready |= interest;
            Poll::Pending
        }
        result => Poll::Ready(result),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;

    use super::*;

    struct Panics(File);

    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("bad")
        }
    }

    impl Write for Panics {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    impl AsFd for Panics {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Duplex for Panics {}

    /// The last words of a call are written although its end was met, and its handler blocked at that
    /// long enough for the keeper to come by.
    #[test]
    fn the_keeper_leaves_a_stream_alone_whose_end_was_told() {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let config = SessionConfig::default();
        let mut line = Line::new(stream, Alarm::new().unwrap(), &config, true);
        let mut cx = Context::from_waker(Waker::noop());
        let read = line.poll_read(&mut cx, &mut [0; 8]);
        assert!(matches!(read, Poll::Ready(Ok(0))));
        let mut written = 0;
        while let Poll::Ready(len) = line.poll_write(&mut cx, &[1; 4096]) {
            written += len.unwrap();
        }
        let turn = line.shared.turn.load(Ordering::Relaxed);
        line.shared.read_ahead(turn, &mut [0; 8]);

        peer.read_exact(&mut vec![0; written]).unwrap();
        line.wait(None);
        let written = line.poll_write(&mut cx, b"last words");
        assert!(matches!(written, Poll::Ready(Ok(_))));
    }

    #[test]
    fn a_stream_that_panics_under_the_keeper_fails_its_own_call() {
        let stream = Panics(File::open("/dev/null").unwrap());
        let config = SessionConfig::default();
        let mut line = Line::new(stream, Alarm::new().unwrap(), &config, false);
        let turn = line.shared.turn.load(Ordering::Relaxed);
        line.shared.read_ahead(turn, &mut [0; 8]);

        // The thread does not wait for what it will not be told of.
        line.wait(None);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(error)) = line.poll_read(&mut cx, &mut [0; 8]) else {
            panic!("the panic was not told");
        };
        assert_eq!(error.to_string(), "the stream panicked");
    }
}
