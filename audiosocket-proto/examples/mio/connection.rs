use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::task::Waker;

use audiosocket_proto::server::{Acceptor, CallDriver, Registration};
use audiosocket_proto::{Timestamp, Transmit};
use mio::event::Event;
use mio::net::TcpStream;

/// How often one call may read and write before the others get their turn.
const ROUNDS: usize = 16;

/// A socket and the call on it.
pub(super) struct Connection<A: Acceptor> {
    pub(super) stream: TcpStream,
    pub(super) driver: CallDriver<A>,
    /// What the socket was when `mio` told last, which it does only when that changes.
    readable: bool,
    writable: bool,
    /// The end of the stream is in the socket, behind what can be read.
    peer_closed: bool,
    /// There is nothing more to read, ever.
    read_over: bool,
    /// As the loop has it.
    pub(super) timer: Option<Timestamp>,
    waker: Waker,
    _registration: Registration,
}

impl<A: Acceptor> Connection<A> {
    pub(super) fn new(
        stream: TcpStream,
        driver: CallDriver<A>,
        waker: Waker,
        registration: Registration,
    ) -> Self {
        Self {
            stream,
            driver,
            readable: false,
            writable: false,
            peer_closed: false,
            read_over: false,
            timer: None,
            waker,
            _registration: registration,
        }
    }

    pub(super) fn ready(&mut self, event: &Event) {
        self.readable |= event.is_readable();
        self.writable |= event.is_writable();
        self.peer_closed |= event.is_read_closed();
    }

    /// Everything that can be done now. True if there was more to do than one turn is long.
    pub(super) fn turn(&mut self, now: Timestamp, buffer: &mut [u8]) -> bool {
        self.driver.poll_commands(now, &self.waker);
        let mut rounds = 0;
        // Reading first, so that all answers to one read leave in one write.
        while rounds < ROUNDS && (self.read(now, buffer) | self.write(now)) {
            rounds += 1;
        }
        // Also in the midst of a flood, and only after what the socket had: that may move it.
        self.driver.handle_timeout(now);
        while self.write(now) {}
        rounds == ROUNDS
    }

    fn read(&mut self, now: Timestamp, buffer: &mut [u8]) -> bool {
        if self.read_over || !self.readable {
            return false;
        }
        match self.stream.read(buffer) {
            Ok(0) => {
                self.read_over = true;
                self.driver.handle_eof(now);
            }
            Ok(len) => {
                // epoll(7): a read that leaves room has emptied a stream, and what comes later is
                // told anew. But an end that came with these bytes has been told already.
                let emptied = cfg!(target_os = "linux") && len < buffer.len();
                self.readable = self.peer_closed || !emptied;
                self.driver.receive(now, &buffer[..len]);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                return false;
            }
            Err(error) => {
                self.read_over = true;
                self.driver.handle_read_error(now, error);
            }
        }
        true
    }

    fn write(&mut self, now: Timestamp) -> bool {
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) if self.writable => match self.stream.write(bytes) {
                Ok(0) => Err(ErrorKind::BrokenPipe.into()),
                Ok(written) => {
                    // As with a read: what it did not take, it has no room for.
                    self.writable = written == bytes.len() || !cfg!(target_os = "linux");
                    self.driver.transmitted(now, written);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Transmit::HalfClose => {
                let result = self.stream.shutdown(Shutdown::Write);
                result.map(|()| self.driver.half_closed())
            }
            _ => return false,
        };
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                return false;
            }
            Err(error) => self.driver.handle_write_error(now, error),
        }
        true
    }
}
