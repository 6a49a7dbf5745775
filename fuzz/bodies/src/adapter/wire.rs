//! A connection in memory, which does what a script says.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::task::Waker;

use super::Op;

/// The most that one read gives: less than an adapter's buffer, so that its size does not matter.
pub(super) const MOST: usize = 10_000;

#[derive(Default)]
pub(super) struct Wire {
    arrived: VecDeque<Arrival>,
    /// The end or an error was read, and nothing more may be.
    read_over: bool,
    /// Bytes that the peer still takes.
    room: usize,
    /// Writes that take only so many bytes.
    short: (u8, u8),
    write_error: Option<ErrorKind>,
    /// Writing failed or was closed.
    write_over: bool,
    holds: bool,
    held: Vec<u8>,
    stalls: bool,
    /// All that has left.
    pub(super) left: Vec<u8>,
    /// How much of it is known.
    known: usize,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// What was done to it that must not be done. A connection contains a panic, so that by itself it
    /// would go unseen.
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
            _ => unreachable!("{op:?} does not come over a wire"),
        }
        // Who waits for another of these is woken for nothing, as can always happen.
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    pub(super) fn arrive(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(MOST) {
            self.queue(Arrival::Bytes(piece.to_vec()));
        }
    }

    /// Nothing is in the way of what is written any more.
    pub(super) fn take_everything(&mut self) {
        self.stalls = false;
        self.short = (0, 0);
        self.apply(&Op::Take(usize::MAX / 2));
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.demand(!self.read_over, "read after the end");
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
        self.demand(!bytes.is_empty(), "a write of nothing");
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
            self.left.append(&mut self.held);
        }
        Ok(len)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.fail()?;
        if self.stalls {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.left.append(&mut self.held);
        Ok(())
    }

    pub(super) fn close(&mut self) -> io::Result<()> {
        self.demand(self.held.is_empty(), "closed before it was flushed");
        self.flush()?;
        self.write_over = true;
        Ok(())
    }

    /// What has left since this was last asked.
    pub(super) fn news(&mut self) -> &[u8] {
        let known = std::mem::replace(&mut self.known, self.left.len());
        &self.left[known..]
    }

    fn fail(&mut self) -> io::Result<()> {
        self.demand(!self.write_over, "written to after the end");
        let Some(kind) = self.write_error.take() else {
            return Ok(());
        };
        self.write_over = kind != ErrorKind::Interrupted;
        Err(kind.into())
    }

    fn demand(&mut self, holds: bool, otherwise: &'static str) {
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
