//! Calls that send audio and read nothing.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

const PTIME: Duration = Duration::from_millis(20);

/// 20 ms of silence at 192 kHz. Its echo fills the buffers of the kernel within seconds.
static LOUD: [u8; 7683] = {
    let mut frame = [0; 7683];
    (frame[0], frame[1], frame[2]) = (0x18, 0x1e, 0x00);
    frame
};

/// A thread that sends for all deaf calls, spread over 20 ms. With timers of one millisecond, ten calls
/// would always send at the same time.
pub(super) struct Talker {
    calls: Sender<Call>,
    thread: thread::JoinHandle<io::Result<()>>,
}

/// Adds calls to a [`Talker`].
#[derive(Clone)]
pub(super) struct Deaf(Sender<Call>);

struct Call {
    stream: TcpStream,
    /// Dropped when the call has ended.
    _going_on: oneshot::Sender<()>,
}

impl Talker {
    /// Starts the thread for this many calls, with the core and the priority of the current thread.
    pub(super) fn start(calls: u64) -> io::Result<Self> {
        let (sender, joining) = channel();
        let thread = thread::Builder::new()
            .name("deaf".to_owned())
            .spawn(move || talk(calls, &joining))?;
        Ok(Self {
            calls: sender,
            thread,
        })
    }

    pub(super) fn deaf(&self) -> Deaf {
        Deaf(self.calls.clone())
    }

    /// Ends all calls. No [`Deaf`] may be left.
    pub(super) fn end(self) -> io::Result<()> {
        drop(self.calls);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the thread of the deaf calls panicked")))
    }
}

impl Deaf {
    /// Sends audio until the server ends the call.
    pub(super) async fn talk(&self, stream: tokio::net::TcpStream) {
        let (going_on, ended) = oneshot::channel();
        let stream = stream.into_std().and_then(|stream| {
            stream.set_nonblocking(false)?;
            // A server must read its input.
            stream.set_write_timeout(Some(Duration::from_secs(1)))?;
            Ok(stream)
        });
        let call = stream.map(|stream| Call {
            stream,
            _going_on: going_on,
        });
        if call.is_ok_and(|call| self.0.send(call).is_ok()) {
            let _ = ended.await;
        }
    }
}

/// # Errors
///
/// If the server does not read.
fn talk(calls: u64, joining: &Receiver<Call>) -> io::Result<()> {
    let mut seats: Vec<Option<Call>> = (0..calls).map(|_| None).collect();
    let between = PTIME / seats.len() as u32;
    let mut due = Instant::now();
    loop {
        for index in 0..seats.len() {
            match joining.try_recv() {
                Ok(call) => {
                    if let Some(seat) = seats.iter_mut().find(|seat| seat.is_none()) {
                        *seat = Some(call);
                    }
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
            let sent = seats[index]
                .as_mut()
                .map(|call| call.stream.write_all(&LOUD));
            match sent {
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Some(Err(_)) => seats[index] = None,
                _ => {}
            }
            due += between;
            let now = Instant::now();
            // A frame that is later than a ptime is skipped.
            due = due.max(now.checked_sub(PTIME).unwrap_or(now));
            thread::sleep(due.saturating_duration_since(now));
        }
    }
}
