use std::any::Any;
use std::io::{self, Read};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use audiosocket_server::Lag;
use audiosocket_server::io::{Stream, send_frames, tcp_retransmissions};
use rustix::event::{PollFd, PollFlags};

use crate::Duplex;
use crate::inbound_buffer::InboundBuffer;
use crate::read_ahead::{self, ProgressCounter, ReadAhead};
use crate::thread_waker::ThreadWaker;

/// The maximum number of reads in a row of one stream, so that it does not delay other streams.
const MAX_READS: usize = 16;

/// The maximum age of a check of a stream. A handler can take a long time between two checks.
const MAX_AGE: Duration = Duration::from_millis(10);

/// A non-blocking stream with a thread of its own, which waits for the stream. While a handler blocks that thread, the
/// [read-ahead thread](crate::read_ahead) reads from the stream.
#[derive(Debug)]
pub(crate) struct ReadAheadStream<S> {
    shared: Arc<SharedStream<S>>,
    waker: Arc<ThreadWaker>,
    /// The events that the thread waits for.
    unready: PollFlags,
    /// The time of the last check of `unready`.
    checked_at: Instant,
    lag: Option<Lag>,
}

#[derive(Debug)]
struct SharedStream<S> {
    inner: Mutex<ReadState<S>>,
    /// Odd while the thread is busy. Changes with each read of the thread.
    progress: ProgressCounter,
}

#[derive(Debug)]
struct ReadState<S> {
    stream: S,
    buffer: InboundBuffer,
    /// The end of the stream, if the read-ahead thread has read it.
    ended: Option<io::Result<usize>>,
    /// The call has read the end of the stream.
    over: bool,
}

impl<S: Duplex> ReadAheadStream<S> {
    /// Wraps a non-blocking stream, with the waker of the thread that polls it. At most `max_unread` bytes are read ahead.
    pub(crate) fn new(stream: S, waker: Arc<ThreadWaker>, max_unread: usize) -> Self {
        let inner = ReadState {
            stream,
            buffer: InboundBuffer::new(max_unread),
            ended: None,
            over: false,
        };
        let progress = ProgressCounter::new(AtomicU64::new(1));
        let shared = Arc::new(SharedStream {
            inner: Mutex::new(inner),
            progress: Arc::clone(&progress),
        });
        let call: Arc<dyn ReadAhead> = shared.clone();
        read_ahead::track(Arc::downgrade(&call), progress);
        Self {
            shared,
            waker,
            unready: PollFlags::empty(),
            checked_at: Instant::now(),
            lag: None,
        }
    }

    /// Runs `use_stream` with the stream, while no thread reads or writes.
    pub(crate) fn with<R>(&self, use_stream: impl FnOnce(&S) -> R) -> R {
        use_stream(&self.shared.lock().stream)
    }

    /// Returns a waker that ends a [`wait`](Self::wait).
    pub(crate) fn waker(&self) -> Waker {
        Arc::clone(&self.waker).into()
    }

    /// Waits until the stream is ready, the waker is woken, or the deadline has come.
    pub(crate) fn wait(&mut self, deadline: Option<Instant>) {
        self.shared.progress.fetch_add(1, Ordering::Release);
        // While this lock is held, the read-ahead thread does not read. It does not wait for the lock.
        let inner = self.shared.lock();
        // The read-ahead thread may have read before, if this thread did not run for some time.
        if inner.has_read_ahead() {
            drop(inner);
            self.shared.progress.fetch_add(1, Ordering::Release);
            return;
        }
        let mut fds = [
            self.waker.poll_fd(),
            PollFd::from_borrowed_fd(inner.stream.as_fd(), self.unready),
        ];
        // `poll` reports the end of a stream even if no event is wanted. Then the stream must be left out.
        let wanted = if self.unready.is_empty() { 1 } else { 2 };
        self.waker.wait(&mut fds[..wanted], deadline);
        let mut ready = fds[1].revents();
        if ready.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            ready = PollFlags::all();
        }
        self.unready &= !ready;
        if self.unready.contains(PollFlags::IN) {
            // Otherwise the next read sets the time.
            self.checked_at = Instant::now();
        }
        drop(inner);
        self.shared.progress.fetch_add(1, Ordering::Release);
    }

    fn write<T>(&mut self, write: impl FnOnce(&mut S) -> io::Result<T>) -> Poll<io::Result<T>> {
        if self.unready.contains(PollFlags::OUT) {
            return Poll::Pending;
        }
        let result = write(&mut self.shared.lock().stream);
        pending_if_would_block(result, PollFlags::OUT, &mut self.unready)
    }
}

impl<S: Duplex> Stream for ReadAheadStream<S> {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.shared.progress.fetch_add(2, Ordering::Release);
        if !self.unready.is_empty() && self.checked_at.elapsed() > MAX_AGE {
            // The check may be from before a slow handler. Such a check must not decide about a deadline.
            self.unready = PollFlags::empty();
        }
        if !self.unready.contains(PollFlags::IN) {
            self.checked_at = Instant::now();
        }
        let mut inner = self.shared.lock();
        if !inner.buffer.is_empty() {
            // The handler is too slow but does not block.
            inner.read_ahead(buffer);
        }
        self.lag = self.lag.take().or_else(|| inner.buffer.take_lag());
        let buffered = inner.buffer.pop(buffer);
        if buffered > 0 {
            return Poll::Ready(Ok(buffered));
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
            inner.buffer.pass(&buffer[..len]);
            if inner.stream.short_read_is_empty() && len < buffer.len() {
                self.unready |= PollFlags::IN;
            }
        }
        pending_if_would_block(result, PollFlags::IN, &mut self.unready)
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

    fn begin_frames(&mut self, rest: &[u8]) {
        self.shared.lock().buffer.begin_frames(rest);
    }

    fn take_lag(&mut self) -> Option<Lag> {
        self.lag.take()
    }

    fn send_frames(&mut self, frames: &[u8]) -> Option<io::Result<usize>> {
        self.with(|stream| {
            let tcp = (stream as &dyn Any).downcast_ref::<TcpStream>()?;
            send_frames(tcp, frames)
        })
    }

    fn retransmissions(&self) -> Option<u32> {
        self.with(|stream| tcp_retransmissions(stream))
    }
}

impl<S> SharedStream<S> {
    fn lock(&self) -> MutexGuard<'_, ReadState<S>> {
        // Only a panic in the stream poisons the lock. The stream can be used after that.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Read + Send + 'static> ReadAhead for SharedStream<S> {
    fn read_ahead(&self, progress: u64, buffer: &mut [u8]) {
        let mut inner = match self.inner.try_lock() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The thread of the call has the lock, so its handler has returned.
            Err(TryLockError::WouldBlock) => return,
        };
        // If the progress has changed, the handler has returned. Its thread may wait for the socket already, and would
        // not see bytes that are read here.
        if self.progress.load(Ordering::Acquire) == progress {
            inner.read_ahead(buffer);
        }
    }
}

impl<S> ReadState<S> {
    fn has_read_ahead(&self) -> bool {
        !self.buffer.is_empty() || self.ended.is_some()
    }
}

impl<S: Read> ReadState<S> {
    /// Reads the bytes that have arrived, into the inbound buffer.
    fn read_ahead(&mut self, buffer: &mut [u8]) {
        for _ in 0..MAX_READS {
            if self.over || self.ended.is_some() || self.buffer.is_full() {
                return;
            }
            // A stream of the application may panic. This thread also reads for other calls, so it must survive.
            let read = catch_unwind(AssertUnwindSafe(|| self.stream.read(buffer)));
            let read = read
                .unwrap_or_else(|_| Err(io::Error::other("the stream panicked while it was read")));
            match read {
                ended if is_end(&ended) => self.ended = Some(ended),
                Ok(len) => self.buffer.push(&buffer[..len]),
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

/// Turns `WouldBlock` into pending, and adds `interest` to the events to wait for.
fn pending_if_would_block<T>(
    result: io::Result<T>,
    interest: PollFlags,
    unready: &mut PollFlags,
) -> Poll<io::Result<T>> {
    let result = audiosocket_server::io::pending_if_would_block(result);
    if result.is_pending() {
        *unready |= interest;
    }
    result
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;

    use super::*;

    const MAX_UNREAD: usize = 128 * 1024;

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

    /// A call can write after it has read the end of its stream, even if its handler then blocks and the read-ahead
    /// thread checks it.
    #[test]
    fn the_stream_is_not_read_ahead_after_the_call_has_read_its_end() {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let mut stream = ReadAheadStream::new(stream, ThreadWaker::new().unwrap(), MAX_UNREAD);
        let mut cx = Context::from_waker(Waker::noop());
        let read = stream.poll_read(&mut cx, &mut [0; 8]);
        assert!(matches!(read, Poll::Ready(Ok(0))));
        let mut written = 0;
        while let Poll::Ready(len) = stream.poll_write(&mut cx, &[1; 4096]) {
            written += len.unwrap();
        }
        let progress = stream.shared.progress.load(Ordering::Relaxed);
        stream.shared.read_ahead(progress, &mut [0; 8]);

        peer.read_exact(&mut vec![0; written]).unwrap();
        stream.wait(None);
        let written = stream.poll_write(&mut cx, b"last words");
        assert!(matches!(written, Poll::Ready(Ok(_))));
    }

    #[test]
    fn a_panic_of_a_stream_during_a_read_ahead_ends_its_call_only() {
        let stream = Panics(File::open("/dev/null").unwrap());
        let mut stream = ReadAheadStream::new(stream, ThreadWaker::new().unwrap(), MAX_UNREAD);
        let progress = stream.shared.progress.load(Ordering::Relaxed);
        stream.shared.read_ahead(progress, &mut [0; 8]);

        // The thread must not wait for an event of this stream.
        stream.wait(None);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(error)) = stream.poll_read(&mut cx, &mut [0; 8]) else {
            panic!("the read must return the panic as an error");
        };
        assert_eq!(error.to_string(), "the stream panicked while it was read");
    }
}
