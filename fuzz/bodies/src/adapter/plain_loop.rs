use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
use audiosocket_server::CallDriver;

use super::Acceptor;
use super::Side;
use super::wire::{self, Wire};

/// The limits of an adapter for one call before other calls run. They decide the order of a deadline and of a read at the
/// same time, and the handler sees that order.
const ROUNDS: usize = 16;
const MAX_BYTES_READ: usize = 64 * 1024;

/// A plain loop that drives the core on a non-blocking stream. After each step it tries one read and one write in turn,
/// until nothing changes.
///
/// It has no wakers and no timers, and serves one call.
pub(super) struct PlainLoop {
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

impl PlainLoop {
    pub(super) fn new(side: &Side, config: SessionConfig) -> Self {
        let now = Timestamp::ZERO;
        let (acceptor, peer) = (Arc::new(side.acceptor.clone()), "peer".into());
        let open = Open {
            driver: CallDriver::new(acceptor, peer, config, &side.calls, now),
            wire: side.wire.clone(),
            now,
            buffer: vec![0; wire::MAX_READ],
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
            open.flush_before_close();
            self.open = None;
        }
    }
}

impl Open {
    fn time_to_deadline(&self) -> Option<Duration> {
        let due = self.driver.poll_timeout()?;
        Some(due.saturating_since(self.now))
    }

    /// Runs until nothing changes. Returns true if the connection must be closed.
    fn settle(&mut self) -> bool {
        loop {
            if let Some(closed) = self.run_rounds() {
                return closed;
            }
            // A due deadline comes before the remaining reads and writes.
            self.driver.handle_timeout(self.now);
            if self.driver.poll_transmit() == Transmit::Close {
                return true;
            }
        }
    }

    /// Runs the rounds that one call may do before other calls run. Returns `None` if more work may remain.
    fn run_rounds(&mut self) -> Option<bool> {
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
            if bytes_read >= MAX_BYTES_READ {
                break;
            }
        }
        None
    }

    /// Tries to flush the last bytes before the connection is closed.
    fn flush_before_close(&self) {
        if self.read_closed && self.unflushed {
            let _ = self.wire.borrow_mut().flush();
        }
    }

    /// Returns the number of bytes that were read, or `None` if there is nothing to read.
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
