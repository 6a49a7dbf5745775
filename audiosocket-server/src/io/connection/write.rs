//! The write side of a connection.

use std::io;
use std::task::{Context, Poll, ready};

use audiosocket_proto::{Timestamp, Transmit};

use crate::Acceptor;
use crate::io::connection::Connection;
use crate::io::connection::segments::first_segment;
use crate::io::runtime::{Stream, Timer};

/// The most waiting bytes that leave in segments of whole frames: 20 ms of audio at 192 kHz. A longer queue leaves in one
/// write, because a system call for each segment costs more than it helps.
const MAX_IN_SEGMENTS: usize = 8192;

impl<S: Stream, T: Timer, A: Acceptor> Connection<S, T, A> {
    /// Writes, flushes or half-closes once. Pending if there is nothing to do, or it cannot be done now.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<()> {
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => {
                // Asterisk ends a call if a payload comes late after its header. So no frame shares a TCP segment with a
                // part of another frame, which can be lost or late. In TLS, frames have no segments of their own.
                let sent = if self.inside_frame || bytes.len() > MAX_IN_SEGMENTS || self.tls.is_on()
                {
                    None
                } else {
                    let frames = first_segment(bytes);
                    let sent = self.stream.send_frames(frames);
                    sent.map(|sent| (frames.len(), sent))
                };
                let (len, written) = match sent {
                    Some(sent) => sent,
                    None => {
                        let written = self.tls.poll_write(&mut self.stream, cx, bytes);
                        (bytes.len(), ready!(written))
                    }
                };
                match written {
                    Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
                    Ok(written) => {
                        // The write time-out counts from here.
                        let now = if written < len { self.now() } else { now };
                        self.driver.transmitted(now, written);
                        self.unflushed = true;
                        self.inside_frame = written < len;
                        let second = (now.as_nanos() / 1_000_000_000) as u16;
                        if second != self.counted_second {
                            self.counted_second = second;
                            self.count_retransmissions();
                        }
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
            transmit => {
                let half_closes = transmit == Transmit::HalfClose;
                if self.unflushed
                    && let Err(error) = ready!(self.tls.poll_flush(&mut self.stream, cx))
                {
                    Err(error)
                } else {
                    // A flush alone is no reason for another round.
                    self.unflushed = false;
                    if !half_closes {
                        return Poll::Pending;
                    }
                    let closed = ready!(self.tls.poll_close(&mut self.stream, cx));
                    self.write_closed = true;
                    closed.map(|()| self.driver.half_closed())
                }
            }
        };
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.unflushed = false;
                self.write_closed = true;
                let now = self.now();
                self.count_retransmissions();
                self.driver.handle_write_error(now, error);
            }
            _ => {}
        }
        Poll::Ready(())
    }

    pub(super) fn count_retransmissions(&mut self) {
        if let Some(count) = self.stream.retransmissions() {
            self.driver.set_retransmissions(count);
        }
    }
}
