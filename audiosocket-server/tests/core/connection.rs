//! A connection in virtual time, which tests drive by hand.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
use audiosocket_server::{Acceptor, CallDriver, Calls, Peer};

use crate::acceptors::PEER;
use crate::call::uuid_frame;
use crate::emitted::assert_asterisk_accepts;

/// A connection to an acceptor, with a clock that only tests move.
pub(crate) struct Connection<A: Acceptor> {
    pub(crate) driver: CallDriver<A>,
    pub(crate) now: Timestamp,
    pub(crate) calls: Calls,
    /// Everything that was written.
    sent: Vec<u8>,
}

impl<A: Acceptor> Connection<A> {
    /// A connection that was just accepted.
    pub(crate) fn new(acceptor: A) -> Self {
        Self::with(acceptor, |_| {})
    }

    pub(crate) fn with(acceptor: A, configure: impl FnOnce(&mut SessionConfig)) -> Self {
        Self::among(&Calls::default(), acceptor, configure)
    }

    pub(crate) fn among(
        calls: &Calls,
        acceptor: A,
        configure: impl FnOnce(&mut SessionConfig),
    ) -> Self {
        let mut config = SessionConfig::default();
        config.fill_silence = false;
        configure(&mut config);
        let now = Timestamp::from_nanos(77_000_000_000);
        Self {
            driver: CallDriver::new(Arc::new(acceptor), Peer::from(PEER), config, calls, now),
            calls: calls.clone(),
            now,
            sent: Vec::new(),
        }
    }

    /// A connection on which the UUID came.
    pub(crate) fn talking(acceptor: A) -> Self {
        Self::talking_with(acceptor, |_| {})
    }

    pub(crate) fn talking_among(calls: &Calls, acceptor: A) -> Self {
        let mut connection = Self::among(calls, acceptor, |_| {});
        connection.receive(&uuid_frame());
        connection
    }

    pub(crate) fn talking_with(acceptor: A, configure: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut connection = Self::with(acceptor, configure);
        connection.receive(&uuid_frame());
        connection
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.driver.receive(self.now, bytes);
    }

    pub(crate) fn eof(&mut self) {
        self.driver.handle_eof(self.now);
    }

    pub(crate) fn read_error(&mut self, kind: std::io::ErrorKind) {
        self.driver.handle_read_error(self.now, kind.into());
    }

    pub(crate) fn write_error(&mut self, kind: std::io::ErrorKind) {
        self.driver.handle_write_error(self.now, kind.into());
    }

    /// Moves the clock and acts on no deadline.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Moves the clock and acts on the deadlines that have come.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.pass(time);
        self.driver.handle_timeout(self.now);
    }

    pub(crate) fn poll_commands(&mut self) {
        self.driver.poll_commands(self.now, Waker::noop());
    }

    pub(crate) fn transmit(&self) -> Transmit<'_> {
        self.driver.poll_transmit()
    }

    /// Writes everything that waits to be sent, and returns it.
    pub(crate) fn flush(&mut self) -> Vec<u8> {
        let Transmit::Bytes(bytes) = self.driver.poll_transmit() else {
            return Vec::new();
        };
        let bytes = bytes.to_vec();
        self.driver.transmitted(self.now, bytes.len());
        self.sent.extend_from_slice(&bytes);
        assert_asterisk_accepts(&self.sent);
        bytes
    }

    /// Provokes another callback, and bytes after the end, in every way there is, and runs the
    /// connection until it is closed.
    pub(crate) fn see_to_close(&mut self) {
        self.receive(&crate::wire::frame(0x10, &[1, 2]));
        self.receive(&crate::wire::frame(0x03, b"1"));
        self.driver.handle().hangup();
        self.poll_commands();
        self.flush();
        self.driver.half_closed();
        self.eof();
        assert_eq!(self.transmit(), Transmit::Close);
        self.read_error(std::io::ErrorKind::ConnectionReset);
        self.read_error(std::io::ErrorKind::TimedOut);
        self.write_error(std::io::ErrorKind::BrokenPipe);
        self.write_error(std::io::ErrorKind::TimedOut);
        self.wait(Duration::from_secs(100));
        assert_eq!(self.driver.poll_timeout(), None);
        assert_eq!(self.transmit(), Transmit::Close);
    }
}
