//! Calls as a stream of events, for code that would rather ask than be called back.

pub(crate) mod accept_queue;
pub(crate) mod event_queue;
pub(crate) mod handler;
pub(crate) mod incoming_call;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::stream::accept_queue::AcceptQueue;
use crate::stream::handler::StreamHandler;
use crate::{Acceptor, CallRequest, IncomingCall, Refusal, block_on};

/// How many calls may wait to be accepted.
const MAX_WAITING: usize = 1024;

/// How much may wait on one call for whoever asks for its events.
const EVENT_QUEUE: usize = 128 * 1024;

/// Calls as a stream: an acceptor for a server, and where its calls come out.
///
/// ```
/// use audiosocket_server::{CallEvent, IncomingCall, incoming};
/// use audiosocket_proto::{Bytes, SampleRate, SendError};
///
/// // Serve this with any adapter: Server::start(acceptor, options).
/// let (acceptor, mut calls) = incoming();
/// # drop(acceptor);
///
/// async fn serve(mut call: IncomingCall, menu: Bytes) -> Result<(), SendError> {
///     call.handle().play(SampleRate::Hz8000, menu)?;
///     while let Some(event) = call.next().await {
///         match event {
///             CallEvent::Audio(_rate, _audio) => {} // to a recogniser
///             CallEvent::Dtmf(digit) => {
///                 let unheard = call.handle().clear();
///                 println!("{digit} was pressed {:?} before the end", unheard.duration);
///             }
///             CallEvent::Ended(end) => println!("{}: {end}", call.uuid()),
///             _ => {}
///         }
///     }
///     Ok(())
/// }
///
/// # async fn example(
/// #     calls: &mut crate::IncomingCalls,
/// #     menu: Bytes,
/// # ) -> Result<(), SendError> {
/// while let Some(call) = calls.accept().await {
///     // In earnest: spawn it.
///     serve(call, menu.clone()).await?;
/// }
/// # Ok(())
/// # }
/// // Or, on threads:
/// for mut call in calls.blocking() {
///     std::thread::spawn(move || {
///         for event in call.blocking() {
///             println!("{event:?}");
///         }
///     });
/// }
/// ```
#[must_use]
pub fn incoming() -> (Incoming, IncomingCalls) {
    let hall = Arc::new(AcceptQueue::default());
    let incoming = Incoming {
        hall: Arc::clone(&hall),
        event_queue: EVENT_QUEUE,
        max_waiting: MAX_WAITING,
        admit: None,
    };
    (incoming, IncomingCalls { hall })
}

type Admit = dyn Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync;

/// The acceptor that turns calls into a stream; see [`incoming`].
///
/// It refuses calls when 1,024 wait to be accepted, or once [`IncomingCalls`] is dropped.
pub struct Incoming {
    hall: Arc<AcceptQueue>,
    event_queue: usize,
    max_waiting: usize,
    admit: Option<Box<Admit>>,
}

/// Where calls come out; see [`incoming`]. Dropping it refuses all further calls.
#[derive(Debug)]
pub struct IncomingCalls {
    hall: Arc<AcceptQueue>,
}

impl Incoming {
    /// Decides on each call before it begins.
    #[must_use]
    pub fn admit<F>(mut self, admit: F) -> Self
    where
        F: Fn(&CallRequest<'_>) -> Result<(), Refusal> + Send + Sync + 'static,
    {
        self.admit = Some(Box::new(admit));
        self
    }

    /// How much may wait on one call for whoever asks for its events, in bytes, of which each event
    /// takes 64 beside its audio. Beyond it the oldest audio is dropped, and
    /// [`CallEvent::Lagged`](crate::CallEvent::Lagged) tells how much; if what waits is no audio, the
    /// call is hung up. Default: 128 KiB, which is about seven seconds at 8 kHz: who is further behind
    /// would answer what was said too long ago, and is better told that something is missing.
    #[must_use]
    pub fn event_queue(mut self, bytes: usize) -> Self {
        self.event_queue = bytes;
        self
    }

    /// How many calls may wait to be accepted; further ones are refused. Default: 1,024, twice the 500
    /// that one Asterisk may place at once; who does not get round to them sooner serves nobody.
    #[must_use]
    pub fn max_waiting(mut self, calls: usize) -> Self {
        self.max_waiting = calls;
        self
    }
}

impl Acceptor for Incoming {
    type Handler = StreamHandler;

    fn accept(&self, request: &CallRequest<'_>) -> Result<StreamHandler, Refusal> {
        if let Some(admit) = &self.admit {
            admit(request)?;
        }
        self.hall.reserve(self.max_waiting)?;
        Ok(StreamHandler::new(Arc::clone(&self.hall), self.event_queue))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.hall.close();
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

impl IncomingCalls {
    /// The next call; `None` once the server has ended. Cancel safe.
    pub async fn accept(&mut self) -> Option<IncomingCall> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// [`accept`](Self::accept), to be polled.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<IncomingCall>> {
        self.hall.poll_next(cx)
    }

    /// The calls as an iterator, which blocks the thread until the next one comes, and ends with
    /// the server. Not for asynchronous code.
    pub fn blocking(&mut self) -> impl Iterator<Item = IncomingCall> + use<'_> {
        std::iter::from_fn(|| block_on::block_on(self.accept()))
    }
}

impl Drop for IncomingCalls {
    fn drop(&mut self) {
        self.hall.desert();
    }
}
