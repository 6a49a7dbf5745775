//! The process that takes over.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use audiosocket_tokio::Acceptor;
use audiosocket_tokio::handover::{CallReceiver, CallSnapshot, ReceivedCall};

use super::link::{Link, MessageKind, Received, failed, monotonic_nanos};
use crate::serve::operate::ports::{OperatorPort, TakenPorts};

/// How long the old process may take for each message.
const WITHIN: Duration = Duration::from_secs(5);

/// The longest time for which a call can have stood still. A clock may be wrong.
const LONGEST_STOP: Duration = Duration::from_secs(5);

/// The longest reason of a refusal, in bytes.
const MAX_REASON: usize = 1024;

/// The process that this one replaces.
pub(in crate::serve) struct Predecessor {
    link: Link,
    listeners: Vec<TcpListener>,
    ports: TakenPorts,
}

impl Predecessor {
    /// Connects to the process at `path`, and gets its listening sockets. Returns `None` if no process is there.
    pub(super) fn connect(path: &Path) -> io::Result<Option<Self>> {
        let stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            // The second error is that of a process that has ended.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let link = Link::new(stream)?;
        link.set_timeout(WITHIN)?;
        link.send_hello()?;
        link.receive_hello()?;
        let mut listeners = Vec::new();
        let mut ports = TakenPorts::default();
        loop {
            let message = link.receive()?;
            match (message.kind, message.descriptor) {
                (MessageKind::Listener, Some(socket)) if message.payload.is_empty() => {
                    listeners.push(socket.into());
                }
                (MessageKind::Listener, Some(socket)) => {
                    let port = OperatorPort::from_name(&message.payload);
                    let port =
                        port.ok_or_else(|| failed("the other process sent an unknown port"))?;
                    ports.push(port, socket.into());
                }
                (MessageKind::End, _) => break,
                (kind, _) => return Err(unexpected(kind)),
            }
        }
        Ok(Some(Self {
            link,
            listeners,
            ports,
        }))
    }

    /// Takes the listening sockets.
    pub(in crate::serve) fn take_listeners(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.listeners)
    }

    /// Takes the listening sockets for operators.
    pub(in crate::serve) fn take_ports(&mut self) -> TakenPorts {
        std::mem::take(&mut self.ports)
    }

    /// Takes all calls that the old process hands over, and serves them. Returns their number. Blocks.
    ///
    /// An error after the first call is logged only: this process then has calls.
    pub(super) fn take_calls<A: Acceptor>(self, receiver: &CallReceiver<A>) -> io::Result<usize> {
        let mut taken = 0;
        match self.take_batches(receiver, &mut taken) {
            Err(error) if taken > 0 => {
                tracing::error!(%error, calls = taken, "the old process did not hand over all calls; both processes accept new ones");
            }
            result => result?,
        }
        Ok(taken)
    }

    fn take_batches<A: Acceptor>(
        &self,
        receiver: &CallReceiver<A>,
        taken: &mut usize,
    ) -> io::Result<()> {
        self.link.send(MessageKind::Ready, &[])?;
        loop {
            let mut batch = Vec::new();
            let mut answer = Vec::new();
            let mut reason = String::new();
            loop {
                let message = self.link.receive()?;
                match message.kind {
                    MessageKind::Call => {
                        let call = receive(receiver, message);
                        answer.push(u8::from(call.is_ok()));
                        match call {
                            Ok(call) => batch.push(call),
                            Err(error) if reason.is_empty() => reason = error.to_string(),
                            Err(_) => {}
                        }
                    }
                    MessageKind::End => break,
                    MessageKind::Finish if answer.is_empty() => return Ok(()),
                    _ => return Err(unexpected(message.kind)),
                }
            }
            answer.extend(reason.bytes().take(MAX_REASON));
            self.link.send(MessageKind::Taken, &answer)?;
            // Without the commit, the calls stay in the old process.
            self.link.receive_only(MessageKind::Commit)?;
            *taken += batch.len();
            batch.into_iter().for_each(ReceivedCall::serve);
        }
    }
}

fn receive<A: Acceptor>(
    receiver: &CallReceiver<A>,
    message: Received,
) -> io::Result<ReceivedCall<A>> {
    let damaged = || failed("a call came without its state or its socket");
    let (stopped_at, state) = message.payload.split_first_chunk().ok_or_else(damaged)?;
    let socket = message.descriptor.ok_or_else(damaged)?;
    let mut snapshot = CallSnapshot::decode(state).map_err(io::Error::other)?;
    let stopped_at = u64::from_le_bytes(*stopped_at);
    let stopped = monotonic_nanos().saturating_sub(stopped_at);
    snapshot.add_delay(Duration::from_nanos(stopped).min(LONGEST_STOP));
    receiver.receive(socket, snapshot).map_err(io::Error::other)
}

fn unexpected(kind: MessageKind) -> io::Error {
    failed(format!("the other process sent an unexpected {kind:?}"))
}
