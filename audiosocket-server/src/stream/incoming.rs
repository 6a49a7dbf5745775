use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::stream::accept_queue::AcceptQueue;
use crate::stream::handler::StreamHandler;
use crate::{Acceptor, CallRequest, IncomingCall, Refusal, block_on};

/// The default limit on the events that wait on one call, in bytes.
const EVENT_QUEUE: usize = 128 * 1024;

/// Returns an acceptor for a server, and the receiver of its calls.
///
/// `Server::accept` of the adapters does this for you. Use `incoming` if you take connections yourself.
///
/// ```
/// # use audiosocket_proto::{AudioBuf, SendError};
/// # use audiosocket_server::{CallEvent, IncomingCall, incoming};
/// // Give the acceptor to a server.
/// let (acceptor, mut calls) = incoming();
/// # drop(acceptor);
///
/// async fn talk(mut call: IncomingCall, menu: AudioBuf) -> Result<(), SendError> {
///     call.try_play(menu)?;
///     while let Some(event) = call.next().await {
///         match event {
///             CallEvent::Audio(_audio) => {} // to a speech recogniser
///             CallEvent::Dtmf(digit) => {
///                 let dropped = call.clear();
///                 println!("{digit} was pressed {:?} before the end", dropped.duration);
///             }
///             CallEvent::Ended(end) => println!("{}: {end}", call.uuid()),
///             _ => {}
///         }
///     }
///     Ok(())
/// }
///
/// # async fn example(calls: &mut audiosocket_server::IncomingCalls, menu: AudioBuf) -> Result<(), SendError> {
/// while let Some(call) = calls.accept().await {
///     // A real server spawns a task here.
///     talk(call, menu.clone()).await?;
/// }
/// # Ok(())
/// # }
/// // On threads:
/// for mut call in calls.blocking() {
///     std::thread::spawn(move || {
///         for event in call.blocking() {
///             println!("{event:?}");
///         }
///     });
/// }
/// ```
///
/// Each audio frame is copied into an allocation of its own, since the task of the call may keep it. A
/// [`Handler`](crate::Handler) borrows the frame and allocates nothing.
pub fn incoming() -> (Incoming, IncomingCalls) {
    let queue = Arc::new(AcceptQueue::default());
    let incoming = Incoming {
        queue: Arc::clone(&queue),
        event_queue: EVENT_QUEUE,
        accept: None,
    };
    (incoming, IncomingCalls { queue })
}

type Accept = dyn Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync;

/// The acceptor that turns calls into a stream: see [`incoming`].
///
/// It refuses calls while 1,024 wait to be accepted, and after [`IncomingCalls`] is dropped.
pub struct Incoming {
    queue: Arc<AcceptQueue>,
    event_queue: usize,
    accept: Option<Box<Accept>>,
}

/// The receiver of calls: see [`incoming`]. Dropping it refuses all further calls.
///
/// A [`Stream`] of [`IncomingCall`]s.
#[derive(Debug)]
#[must_use = "dropping it refuses all calls"]
pub struct IncomingCalls {
    queue: Arc<AcceptQueue>,
}

impl Incoming {
    /// Accepts or refuses each call after its UUID has arrived. A refused call does not arrive at
    /// [`IncomingCalls`].
    #[must_use]
    pub fn accept_if<F>(mut self, accept: F) -> Self
    where
        F: Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync + 'static,
    {
        self.accept = Some(Box::new(accept));
        self
    }

    /// Sets how many bytes of events may wait on one call. Each event takes 64 bytes beside its audio. Default:
    /// 128 KiB, which is about seven seconds of audio at 8 kHz.
    ///
    /// Above this limit the oldest audio is dropped, and [`CallEvent::Lagged`](crate::CallEvent::Lagged) has the number of
    /// dropped frames. An answer to older audio would come too late. If no audio waits, the call is hung up.
    #[must_use]
    pub fn event_queue(mut self, bytes: usize) -> Self {
        self.event_queue = bytes;
        self
    }

    /// Sets how many calls may wait to be accepted. Further calls are refused. Default: 1,024, twice the 500 calls
    /// that one Asterisk places at once.
    #[must_use]
    pub fn accept_queue(self, calls: usize) -> Self {
        self.queue.set_max_waiting(calls);
        self
    }
}

impl Acceptor for Incoming {
    type Handler = StreamHandler;

    fn accept(&self, request: &CallRequest<'_>) -> Result<StreamHandler, Refusal> {
        if let Some(accept) = &self.accept {
            accept(request)?;
        }
        self.queue.check()?;
        let calls = request.calls;
        Ok(StreamHandler::new(&self.queue, calls, self.event_queue))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("event_queue", &self.event_queue)
            .finish_non_exhaustive()
    }
}

impl IncomingCalls {
    /// Returns the next call. Returns `None` after the server has ended. Cancel safe.
    pub async fn accept(&mut self) -> Option<IncomingCall> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next call: see [`accept`](Self::accept).
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<IncomingCall>> {
        self.queue.poll_next(cx)
    }

    /// Iterates over the calls. Blocks the thread until the next call arrives, and ends with the server. Not for
    /// asynchronous code.
    pub fn blocking(&mut self) -> impl Iterator<Item = IncomingCall> + use<'_> {
        std::iter::from_fn(|| block_on::block_on(self.accept()))
    }
}

impl Stream for IncomingCalls {
    type Item = IncomingCall;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<IncomingCall>> {
        self.get_mut().poll_accept(cx)
    }
}

impl Drop for IncomingCalls {
    fn drop(&mut self) {
        self.queue.close_receiver();
    }
}
