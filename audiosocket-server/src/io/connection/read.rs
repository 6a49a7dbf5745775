//! The read side of a connection.

use std::io;
use std::task::{Context, Poll, ready};

use audiosocket_proto::Timestamp;

use crate::Acceptor;
use crate::io::connection::Connection;
use crate::io::runtime::{Stream, Timer};

impl<S: Stream, T: Timer, A: Acceptor> Connection<S, T, A> {
    /// Reads once. Answers stay in the driver. Returns the number of bytes.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        now: &mut Timestamp,
        is_stale: bool,
    ) -> Poll<usize> {
        if self.read_closed {
            return Poll::Pending;
        }
        let result = ready!(self.stream.poll_read(cx, buffer));
        if is_stale {
            *now = self.now();
        }
        if let Some(lag) = self.stream.take_lag() {
            self.driver.handle_lag(*now, lag);
        }
        match result {
            Ok(0) => {
                self.read_closed = true;
                self.count_retransmissions();
                if self.tls.is_on() {
                    // Without `close_notify`, a third party may have cut the connection.
                    let error = io::ErrorKind::UnexpectedEof.into();
                    self.driver.handle_read_error(*now, error);
                } else {
                    self.driver.handle_eof(*now);
                }
            }
            Ok(len) => {
                let started = self.driver.samples_handler_time().then(T::now);
                self.receive(*now, &buffer[..len]);
                if let Some(started) = started {
                    let time = T::now().saturating_duration_since(started);
                    self.driver.record_handler_time(time);
                }
                return Poll::Ready(len);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.read_closed = true;
                self.count_retransmissions();
                self.driver.handle_read_error(*now, error);
            }
        }
        Poll::Ready(0)
    }

    /// Passes received bytes to the driver.
    fn receive(&mut self, now: Timestamp, mut bytes: &[u8]) {
        if self.driver.awaits_proxy_header() {
            let rest = self.driver.after_proxy_header(bytes);
            // Before the handler runs: the stream may read, and drop audio, while the handler blocks.
            self.stream.begin_frames(rest);
            if self.tls.is_on() {
                // The header comes before the handshake.
                let header = &bytes[..bytes.len() - rest.len()];
                self.driver.receive(now, header);
                bytes = rest;
            }
        }
        #[cfg(feature = "tls")]
        if self.tls.is_new() && self.driver.is_forged_header(bytes) {
            // The error of the handshake would not name the cause.
            return self.driver.receive(now, bytes);
        }
        let driver = &mut self.driver;
        let received = self.tls.receive(bytes, |it| driver.receive(now, it));
        self.unflushed |= self.tls.wants_write();
        match received {
            Ok(false) => return,
            Ok(true) => driver.handle_eof(now),
            Err(error) => driver.handle_read_error(now, error),
        }
        self.read_closed = true;
    }
}
