//! A connection in memory that a script controls.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::task::Waker;

use super::Op;

/// The maximum number of bytes of one read. It is smaller than the buffer of an adapter, so the size of that buffer has no
/// effect.
pub(super) const MAX_READ: usize = 10_000;

#[derive(Default)]
pub(super) struct Wire {
    arrived: VecDeque<Arrival>,
    /// The end or an error was read. No read may follow.
    read_over: bool,
    /// The number of bytes that the peer still reads.
    room: usize,
    /// The number of short writes, and the number of bytes of each.
    short: (u8, u8),
    write_error: Option<ErrorKind>,
    /// A write failed, or the write side was closed.
    write_over: bool,
    holds: bool,
    held: Vec<u8>,
    stalls: bool,
    /// All bytes that were sent.
    pub(super) sent: Vec<u8>,
    /// The number of bytes of `sent` that were compared.
    compared: usize,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// A wrong use of the connection. A panic here would stay inside the connection and not be seen.
    pub(super) misused: Option<&'static str>,
}

enum Arrival {
    Bytes(Vec<u8>),
    Eof,
    Error(ErrorKind),
}

impl Wire {
    pub(super) fn apply(&mut self, op: &Op<'_>) {
        match *op {
            Op::Bytes(bytes) => self.arrive(bytes),
            Op::Frames { count, kind, len } => {
                let mut frame = vec![kind, (len >> 8) as u8, len as u8];
                frame.resize(3 + usize::from(len), kind ^ 0x31);
                for _ in 0..count {
                    self.arrive(&frame);
                }
            }
            Op::Eof => self.queue(Arrival::Eof),
            Op::ReadError(kind) => self.queue(Arrival::Error(kind)),
            Op::Take(len) => self.room += len,
            Op::Short { writes, most } => self.short = (writes, most),
            Op::WriteError(kind) => self.write_error = Some(kind),
            Op::Hold(holds) => self.holds = holds,
            Op::Stall(stalls) => self.stalls = stalls,
            _ => unreachable!("{op:?} is not an operation of the wire"),
        }
        // This can wake the writer without need, as a real socket can.
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    pub(super) fn arrive(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(MAX_READ) {
            self.queue(Arrival::Bytes(piece.to_vec()));
        }
    }

    /// Removes all limits of writes.
    pub(super) fn take_everything(&mut self) {
        self.stalls = false;
        self.short = (0, 0);
        self.apply(&Op::Take(usize::MAX / 2));
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.require(!self.read_over, "a read after the end");
        match self.arrived.pop_front() {
            Some(Arrival::Bytes(bytes)) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Some(Arrival::Eof) => {
                self.read_over = true;
                Ok(0)
            }
            Some(Arrival::Error(kind)) => {
                self.read_over = kind != ErrorKind::Interrupted;
                Err(kind.into())
            }
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.require(!bytes.is_empty(), "a write of no bytes");
        self.fail()?;
        let mut len = bytes.len().min(self.room);
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        if let (writes @ 1.., most) = &mut self.short {
            *writes -= 1;
            len = len.min(usize::from(*most));
            self.write_over = len == 0;
        }
        self.room -= len;
        self.held.extend_from_slice(&bytes[..len]);
        if !self.holds {
            self.sent.append(&mut self.held);
        }
        Ok(len)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.fail()?;
        if self.stalls {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.sent.append(&mut self.held);
        Ok(())
    }

    pub(super) fn close(&mut self) -> io::Result<()> {
        self.require(self.held.is_empty(), "a close before a flush");
        self.flush()?;
        self.write_over = true;
        Ok(())
    }

    /// Returns the bytes that were sent since the last call.
    pub(super) fn take_sent(&mut self) -> &[u8] {
        let compared = std::mem::replace(&mut self.compared, self.sent.len());
        &self.sent[compared..]
    }

    fn fail(&mut self) -> io::Result<()> {
        self.require(!self.write_over, "a write after the end");
        let Some(kind) = self.write_error.take() else {
            return Ok(());
        };
        self.write_over = kind != ErrorKind::Interrupted;
        Err(kind.into())
    }

    fn require(&mut self, holds: bool, otherwise: &'static str) {
        if !holds {
            self.misused.get_or_insert(otherwise);
        }
    }

    fn queue(&mut self, arrival: Arrival) {
        self.arrived.push_back(arrival);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
