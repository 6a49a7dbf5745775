use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;

use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
use audiosocket_server::{CallDriver, Calls, Lag};

use super::woken::Woken;
use crate::acceptor::ScriptedAcceptor;
use crate::env::Fault;

/// The bytes in each direction at which a write must wait, and the maximum of one read.
const CAPACITY: usize = 64 * 1024;

/// A [`CallDriver`] and a model of the TCP connection between it and a peer.
pub(super) struct Connection {
    /// `None` once the server has closed.
    served: Option<Served>,
    /// Bytes on their way to the server.
    inbound: VecDeque<u8>,
    /// The result of a read after these bytes.
    inbound_end: Option<StreamEnd>,
    /// Bytes on their way to the peer.
    outbound: VecDeque<u8>,
    /// The result of a read of the peer after these bytes.
    outbound_end: Option<StreamEnd>,
    lag: Option<Lag>,
    /// The handler blocks, so the server does nothing on this connection.
    blocked: bool,
    /// The result of each write of the server.
    write_error: Option<ErrorKind>,
}

struct Served {
    driver: CallDriver<ScriptedAcceptor>,
    commanded: Arc<Woken>,
    read_closed: bool,
    write_closed: bool,
}

#[derive(Clone, Copy)]
enum StreamEnd {
    Orderly,
    Failed(ErrorKind),
}

/// The server's end.
impl Connection {
    pub(super) fn new(
        acceptor: ScriptedAcceptor,
        peer: SocketAddr,
        session: SessionConfig,
        now: Timestamp,
        calls: &Calls,
    ) -> Self {
        let driver = CallDriver::new(Arc::new(acceptor), peer.into(), session, calls, now);
        Self {
            served: Some(Served {
                driver,
                // The first poll gives the driver its waker.
                commanded: Arc::new(Woken::new(true)),
                read_closed: false,
                write_closed: false,
            }),
            inbound: VecDeque::new(),
            inbound_end: None,
            outbound: VecDeque::new(),
            outbound_end: None,
            lag: None,
            blocked: false,
            write_error: None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let served = self.served.as_ref().filter(|_| !self.blocked)?;
        served.driver.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        let Some(served) = self.served.as_mut().filter(|_| !self.blocked) else {
            return;
        };
        served.driver.handle_timeout(now);
        assert!(
            served.driver.poll_timeout().is_none_or(|next| next > now),
            "a deadline was handled and is still there"
        );
    }

    /// Runs commands, one read and one write. Returns whether there was anything to do.
    pub(super) fn step(&mut self, now: Timestamp) -> bool {
        let Some(served) = self.served.as_mut().filter(|_| !self.blocked) else {
            return false;
        };
        if let Some(lag) = self.lag.take() {
            served.driver.handle_lag(now, lag);
        }
        let commanded = served.commanded.take();
        if commanded {
            let waker = Waker::from(Arc::clone(&served.commanded));
            served.driver.poll_commands(now, &waker);
        }
        let read = self.read(now);
        let written = self.write(now);
        commanded || read || written
    }

    fn read(&mut self, now: Timestamp) -> bool {
        let Some(served) = self.served.as_mut().filter(|served| !served.read_closed) else {
            return false;
        };
        if !self.inbound.is_empty() {
            let bytes = std::mem::take(&mut self.inbound);
            served.driver.receive(now, &Vec::from(bytes));
            return true;
        }
        match self.inbound_end {
            None => return false,
            Some(StreamEnd::Orderly) => served.driver.handle_eof(now),
            Some(StreamEnd::Failed(error)) => served.driver.handle_read_error(now, error.into()),
        }
        served.read_closed = true;
        true
    }

    fn write(&mut self, now: Timestamp) -> bool {
        let Some(served) = &mut self.served else {
            return false;
        };
        let driver = &mut served.driver;
        match (driver.poll_transmit(), self.write_error) {
            (Transmit::Idle, _) => return false,
            (Transmit::Close, _) => self.hang_up(),
            (_, Some(error)) => {
                assert!(!served.write_closed, "a write after a failed write");
                served.write_closed = true;
                driver.handle_write_error(now, error.into());
            }
            (Transmit::HalfClose, None) => {
                self.outbound_end = Some(StreamEnd::Orderly);
                driver.half_closed();
            }
            (Transmit::Bytes(bytes), None) => {
                let written = bytes.len().min(CAPACITY - self.outbound.len());
                if written == 0 {
                    return false;
                }
                self.outbound.extend(&bytes[..written]);
                driver.transmitted(now, written);
            }
            (other, None) => panic!("an unknown action: {other:?}"),
        }
        true
    }

    /// The server closes its end. If there are unread bytes, the kernel sends a reset, which destroys
    /// the bytes on their way to the peer.
    fn hang_up(&mut self) {
        self.served = None;
        if self.inbound.is_empty() {
            self.outbound_end.get_or_insert(StreamEnd::Orderly);
        } else {
            self.outbound.clear();
            self.outbound_end = Some(StreamEnd::Failed(ErrorKind::ConnectionReset));
        }
    }
}

/// The peer's end.
impl Connection {
    pub(super) fn is_closed(&self) -> bool {
        self.served.is_none()
    }

    /// Whether [`send`](Self::send) takes a byte at once.
    pub(super) fn takes_more(&self) -> bool {
        self.is_closed() || self.inbound.len() < CAPACITY
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed() {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let taken = bytes.len().min(CAPACITY - self.inbound.len());
        self.inbound.extend(&bytes[..taken]);
        Ok(taken)
    }

    /// Whether [`receive`](Self::receive) returns at once.
    pub(super) fn has_more(&self) -> bool {
        !self.outbound.is_empty() || self.outbound_end.is_some()
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.outbound_end {
            Some(StreamEnd::Failed(error)) if self.outbound.is_empty() => Err(error.into()),
            _ => self.outbound.read(buffer),
        }
    }

    pub(super) fn half_close(&mut self) {
        self.inbound_end = Some(StreamEnd::Orderly);
    }

    /// The peer closes its end. Unread bytes make the kernel send a reset.
    pub(super) fn close(&mut self) {
        let end = if self.outbound.is_empty() {
            StreamEnd::Orderly
        } else {
            StreamEnd::Failed(ErrorKind::ConnectionReset)
        };
        self.inbound_end.get_or_insert(end);
        self.write_error.get_or_insert(ErrorKind::BrokenPipe);
    }

    pub(super) fn reset(&mut self) {
        self.fail(Fault::Read(ErrorKind::ConnectionReset));
        self.fail(Fault::Write(ErrorKind::ConnectionReset));
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Read(error) => self.inbound_end = Some(StreamEnd::Failed(error)),
            Fault::Write(error) => self.write_error = Some(error),
            Fault::Abandoned => self.hang_up(),
            Fault::Blocked => self.blocked = true,
            Fault::Unblocked => self.blocked = false,
            Fault::Lagged(bytes) => {
                let lag = self.lag.get_or_insert_default();
                lag.frames += 1;
                lag.bytes += bytes;
            }
        }
    }
}
