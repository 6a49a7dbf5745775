use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
use audiosocket_server::CallDriver;

use super::Acceptor;
use super::End;
use super::wire::{self, Wire};

/// How much an adapter lets one call do in one go: what it then acts on first, of what came due at the
/// same time as there was more to read or write, is seen by the handler.
const ROUNDS: usize = 16;
const MOST_READ: usize = 64 * 1024;

/// The core on a non-blocking socket, driven in the plainest way: whenever anything may have
/// happened, everything is tried, in rounds of one read and one write, until nothing changes.
///
/// Without wakers, timers, or a thought for other calls.
pub(super) struct Naive {
    /// `None` once the connection is closed.
    open: Option<Open>,
}

struct Open {
    driver: CallDriver<Acceptor>,
    wire: Rc<RefCell<Wire>>,
    now: Timestamp,
    buffer: Vec<u8>,
    read_closed: bool,
    unflushed: bool,
}

impl Naive {
    pub(super) fn new(end: &End, config: SessionConfig) -> Self {
        let now = Timestamp::ZERO;
        let (acceptor, peer) = (Arc::new(end.acceptor.clone()), "peer".into());
        let open = Open {
            driver: CallDriver::new(acceptor, peer, config, &end.calls, now),
            wire: end.wire.clone(),
            now,
            buffer: vec![0; wire::MOST],
            read_closed: false,
            unflushed: false,
        };
        Self { open: Some(open) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.open.is_none()
    }

    pub(super) fn pass(&mut self, time: Duration) {
        if let Some(open) = &mut self.open {
            open.now = open.now + time;
        }
    }

    pub(super) fn time_to_deadline(&self) -> Option<Duration> {
        self.open.as_ref()?.time_to_deadline()
    }

    pub(super) fn settle(&mut self) {
        if let Some(open) = &mut self.open
            && open.settle()
        {
            open.flush_at_last();
            self.open = None;
        }
    }
}

impl Open {
    fn time_to_deadline(&self) -> Option<Duration> {
        let due = self.driver.poll_timeout()?;
        Some(due.saturating_since(self.now))
    }

    /// Tells whether the connection is to be closed.
    fn settle(&mut self) -> bool {
        loop {
            if let Some(closed) = self.bout() {
                return closed;
            }
            // What has come due is acted on, however much is left to be read and written.
            self.driver.handle_timeout(self.now);
            if self.driver.poll_transmit() == Transmit::Close {
                return true;
            }
        }
    }

    /// As much as one call may do before others have their turn; `None` if there may be more.
    fn bout(&mut self) -> Option<bool> {
        self.driver.poll_commands(self.now, Waker::noop());
        let mut bytes_read = 0;
        for _ in 0..ROUNDS {
            let read = self.read();
            bytes_read += read.unwrap_or(0);
            let written = self.write();
            if self.driver.poll_transmit() == Transmit::Close {
                return Some(true);
            }
            if read.is_none() && !written {
                if self.time_to_deadline() != Some(Duration::ZERO) {
                    return Some(false);
                }
                self.driver.handle_timeout(self.now);
            }
            if bytes_read >= MOST_READ {
                break;
            }
        }
        None
    }

    /// What was written last leaves if it can, before the connection is closed.
    fn flush_at_last(&self) {
        if self.read_closed && self.unflushed {
            let _ = self.wire.borrow_mut().flush();
        }
    }

    /// How much was read; `None` if nothing can be.
    fn read(&mut self) -> Option<usize> {
        if self.read_closed {
            return None;
        }
        let result = self.wire.borrow_mut().read(&mut self.buffer);
        let len = *result.as_ref().unwrap_or(&0);
        match result {
            Ok(0) => {
                self.read_closed = true;
                self.driver.handle_eof(self.now);
            }
            Ok(len) => self.driver.receive(self.now, &self.buffer[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.read_closed = true;
                self.driver.handle_read_error(self.now, error);
            }
        }
        Some(len)
    }

    fn write(&mut self) -> bool {
        let mut wire = self.wire.borrow_mut();
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => match wire.write(bytes) {
                Ok(0) => Err(ErrorKind::BrokenPipe.into()),
                Ok(written) => {
                    self.unflushed = true;
                    self.driver.transmitted(self.now, written);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            _ if self.unflushed => match wire.flush() {
                Ok(()) => {
                    self.unflushed = false;
                    drop(wire);
                    return self.write();
                }
                failed => failed,
            },
            Transmit::HalfClose => wire.close().map(|()| self.driver.half_closed()),
            _ => return false,
        };
        drop(wire);
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() != ErrorKind::Interrupted => self.fail(error),
            _ => {}
        }
        true
    }

    fn fail(&mut self, error: io::Error) {
        self.unflushed = false;
        self.driver.handle_write_error(self.now, error);
    }
}
