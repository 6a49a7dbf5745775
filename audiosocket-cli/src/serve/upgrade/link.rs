//! The connection between the old process and the new one.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use audiosocket_tokio::handover::CallSnapshot;
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg, sockopt,
};

/// The longest message. The state of a call that plays 30 s at 192 kHz takes 11.5 MB.
pub(super) const MAX_MESSAGE: usize = 16 << 20;

/// The first bytes of both sides.
const MAGIC: &[u8; 19] = b"audiosocket upgrade";

/// The version of the messages below.
const VERSION: u16 = 2;

/// A message, and a descriptor that came with it.
pub(super) struct Received {
    pub(super) kind: MessageKind,
    pub(super) payload: Vec<u8>,
    pub(super) descriptor: Option<OwnedFd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageKind {
    /// Both, first: the versions.
    Hello,
    /// Old: a listening socket. The payload is empty for calls, and else the name of a port for operators.
    Listener,
    /// Old: the end of the listening sockets, or of a batch.
    End,
    /// New: the server is ready.
    Ready,
    /// Old: the state of a call, and its socket.
    Call,
    /// New: a byte for each call of the batch; 1 if it can continue the call. Then the reason of the first refusal.
    Taken,
    /// Old: the new process owns these calls.
    Commit,
    /// Old: all calls are handed over that can be.
    Finish,
    /// Both: the reason for which the handover ends.
    Failed,
}

const KINDS: [MessageKind; 9] = [
    MessageKind::Hello,
    MessageKind::Listener,
    MessageKind::End,
    MessageKind::Ready,
    MessageKind::Call,
    MessageKind::Taken,
    MessageKind::Commit,
    MessageKind::Finish,
    MessageKind::Failed,
];

/// Messages over a Unix socket: the kind, the length in four bytes, little-endian, and the payload. A descriptor comes with
/// the kind.
pub(super) struct Link(UnixStream);

impl Link {
    /// Makes a link, if the other process has the same user as this one.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        let other = sockopt::socket_peercred(&stream)?.uid;
        let own = rustix::process::geteuid();
        if other != own {
            return Err(failed(format!(
                "the process at the other end has user {}, and this one {}",
                other.as_raw(),
                own.as_raw()
            )));
        }
        let link = Self(stream);
        link.0.set_write_timeout(Some(Duration::from_secs(2)))?;
        Ok(link)
    }

    /// Sets how long [`receive`](Self::receive) waits for each part of a message.
    pub(super) fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.0.set_read_timeout(Some(timeout))
    }

    pub(super) fn send_hello(&self) -> io::Result<()> {
        self.send(MessageKind::Hello, &hello())
    }

    /// Receives the versions of the other process, and compares them.
    pub(super) fn receive_hello(&self) -> io::Result<()> {
        let payload = self.receive_only(MessageKind::Hello)?;
        match payload.strip_prefix(MAGIC) {
            Some(_) if payload == hello() => Ok(()),
            Some(versions) => Err(failed(format!(
                "the other process has another version of the handover ({versions:?}); drain it in place of an upgrade"
            ))),
            None => Err(failed("the other process is no audiosocket server")),
        }
    }

    pub(super) fn send(&self, kind: MessageKind, payload: &[u8]) -> io::Result<()> {
        self.send_with(kind, payload, None)
    }

    pub(super) fn send_with(
        &self,
        kind: MessageKind,
        payload: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        let len = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let mut header = [kind as u8, 0, 0, 0, 0];
        header[1..].copy_from_slice(&len.to_le_bytes());
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.as_slice();
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let parts = [IoSlice::new(&header)];
        let sent = retry_on_intr(|| sendmsg(&self.0, &parts, &mut ancillary, SendFlags::NOSIGNAL))?;
        (&self.0).write_all(&header[sent..])?;
        (&self.0).write_all(payload)
    }

    /// Receives a message of this kind.
    pub(super) fn receive_only(&self, kind: MessageKind) -> io::Result<Vec<u8>> {
        let received = self.receive()?;
        if received.kind != kind {
            return Err(failed(format!(
                "the other process sent {:?} in place of {kind:?}",
                received.kind
            )));
        }
        Ok(received.payload)
    }

    /// Receives the next message. [`MessageKind::Failed`] is an error.
    pub(super) fn receive(&self) -> io::Result<Received> {
        let mut header = [0; 5];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut header)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, flags));
        let read = received.map_err(|error| self.explain(error.into()))?.bytes;
        if read == 0 {
            return Err(failed("the other process has ended"));
        }
        let mut descriptor = None;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                descriptor = descriptors.last();
            }
        }
        self.read_exact(&mut header[read..])?;
        let [kind, len @ ..] = header;
        let len = u32::from_le_bytes(len);
        let kind = KINDS.get(usize::from(kind)).copied();
        let kind = kind.ok_or_else(|| failed("the other process sent an unknown message"))?;
        if len as usize > MAX_MESSAGE {
            return Err(failed("the other process sent a message that is too long"));
        }
        // It grows as the bytes arrive.
        let mut payload = Vec::new();
        let read = (&self.0).take(len.into()).read_to_end(&mut payload);
        read.map_err(|error| self.explain(error))?;
        if payload.len() < len as usize {
            return Err(failed("the other process has ended"));
        }
        if kind == MessageKind::Failed {
            let reason = String::from_utf8_lossy(&payload);
            return Err(failed(format!(
                "the other process reports: {}",
                reason.escape_debug()
            )));
        }
        Ok(Received {
            kind,
            payload,
            descriptor,
        })
    }

    fn read_exact(&self, buffer: &mut [u8]) -> io::Result<()> {
        (&self.0)
            .read_exact(buffer)
            .map_err(|error| self.explain(error))
    }

    fn explain(&self, error: io::Error) -> io::Error {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                failed("the other process did not answer in time")
            }
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
                failed("the other process has ended")
            }
            _ => error,
        }
    }
}

fn hello() -> Vec<u8> {
    let versions = [VERSION, CallSnapshot::VERSION].map(u16::to_le_bytes);
    [&MAGIC[..], &versions[0], &versions[1]].concat()
}

pub(super) fn failed(reason: impl Into<String>) -> io::Error {
    io::Error::other(reason.into())
}

/// Returns the nanoseconds of a clock that all processes of the machine have in common.
pub(super) fn monotonic_nanos() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
