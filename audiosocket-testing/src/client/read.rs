//! The receiving side of a client.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use audiosocket_proto::client::{ClientEnd, ClientEvent};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Client;
use super::pauses::PauseWatch;
use crate::asterisk::{AsteriskEnd, KindAction};

const READ_BUFFER_LEN: usize = 64 * 1024;

thread_local! {
    /// The read buffer of all clients of a thread. A client takes it for one read.
    static READ_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Finds pauses for which Asterisk ends a call.
#[derive(Debug)]
pub(super) struct KernelWatch<S> {
    pub(super) watch: PauseWatch,
    /// Returns whether the kernel has no data for this stream now.
    has_no_data: fn(&S) -> bool,
}

impl Client {
    /// Ends the call at a pause that ends it on the release. Frames may come in parts if `allow_parts`.
    pub(crate) fn watching_pauses(mut self, allow_parts: bool) -> Self {
        self.pauses = Some(KernelWatch {
            watch: PauseWatch::new(self.release, allow_parts),
            has_no_data,
        });
        self
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Reads once, and passes all events to `on_event`. Returns `Some` if Asterisk would end the call because of a pause.
    pub(crate) fn poll_events(
        &mut self,
        cx: &mut Context<'_>,
        on_event: impl FnMut(ClientEvent<'_>),
    ) -> Poll<io::Result<Option<AsteriskEnd>>> {
        let mut buffer = READ_BUFFER.take();
        buffer.resize(READ_BUFFER_LEN, 0);
        let polled = self.poll_read(cx, &mut buffer, on_event);
        READ_BUFFER.set(buffer);
        let over = self.is_over();
        let Some(pauses) = &mut self.pauses else {
            return polled.map_ok(|_| None);
        };
        let Poll::Ready(drained) = polled? else {
            let stream = &self.stream;
            let is_empty = || (pauses.has_no_data)(stream);
            return pauses.watch.poll(cx, is_empty).map(|end| Ok(Some(end)));
        };
        let end = pauses.watch.read(self.decoder.partial_len(), drained);
        Poll::Ready(Ok(end.filter(|_| !over)))
    }

    /// Returns whether the read has emptied the receive buffer of the kernel.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        mut on_event: impl FnMut(ClientEvent<'_>),
    ) -> Poll<io::Result<bool>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let drained = buffer.remaining() > 0;
        let mut bytes = buffer.filled();
        if bytes.is_empty()
            && let Some(event) = self.session.handle_eof(&self.decoder)
        {
            on_event(event);
        }
        loop {
            match self.action(bytes) {
                KindAction::Accept => {
                    let Some(event) = self.session.receive(&mut self.decoder, &mut bytes) else {
                        break;
                    };
                    on_event(event);
                }
                KindAction::Discard => {
                    let Some(frame) = self.decoder.decode(&mut bytes) else {
                        break;
                    };
                    self.discarded = (self.discarded.0 + 1, Some(frame.kind));
                }
                KindAction::EndCall => {
                    let Some(frame) = self.decoder.decode(&mut bytes) else {
                        break;
                    };
                    let end = ClientEnd::Rejected { kind: frame.kind };
                    if self.session.hangup().is_some() {
                        on_event(ClientEvent::Ended(end));
                    }
                }
            }
        }
        Poll::Ready(Ok(drained))
    }

    /// Returns what the release does with the next frame. The session decides for current releases.
    fn action(&self, bytes: &[u8]) -> KindAction {
        match (self.release, self.decoder.peek(bytes)) {
            (Some(release), Some(header)) => release.action(header.kind),
            _ => KindAction::Accept,
        }
    }
}

/// The end of the stream is data.
fn has_no_data(stream: &TcpStream) -> bool {
    let peeked = SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
    peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}
