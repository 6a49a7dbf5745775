use std::any::Any;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::wake_cell::WakeCell;
use crate::{CallEvent, Injected, Lag};
use audiosocket_proto::End;

/// The bytes that an event takes in the queue, without its audio.
const OVERHEAD: usize = 64;

/// The events of a call that wait for the application. Bounded.
#[derive(Debug)]
pub(crate) struct EventQueue {
    /// The limit of `size`, in bytes.
    limit: usize,
    inner: WakeCell<EventQueueState>,
}

#[derive(Debug, Default)]
struct EventQueueState {
    waiting: VecDeque<CallEvent>,
    /// The bytes of `waiting`.
    size: usize,
    /// The bytes of injected values in `waiting`.
    injected: usize,
    lag: Lag,
    /// The frames that were dropped since the last `push`.
    dropped: u64,
    /// `Ended` is in the queue, or was taken.
    over: bool,
    receiver_closed: bool,
}

/// The queue is full, and has no audio to drop.
#[derive(Debug)]
pub(crate) struct Overflow;

impl EventQueue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: WakeCell::default(),
        }
    }

    /// Queues an event. Drops the oldest audio if the queue is full, and returns how many frames were dropped since the last
    /// call. At an overflow the event is queued too, since the call ends then.
    pub(crate) fn push(&self, event: CallEvent) -> Result<u64, Overflow> {
        self.inner.change(|inner| {
            if inner.receiver_closed {
                return Ok(0);
            }
            inner.size += size(&event);
            inner.waiting.push_back(event);
            inner.shrink(self.limit);
            if inner.size > self.limit && inner.waiting.len() > 1 {
                return Err(Overflow);
            }
            Ok(std::mem::take(&mut inner.dropped))
        })
    }

    /// Queues a value of the application.
    fn inject(&self, value: Injected) -> Result<(), InjectError> {
        let event = CallEvent::Injected(value);
        let result = self.inner.change(|inner| {
            if inner.receiver_closed || inner.over {
                return Err((InjectError::CallOver, event));
            }
            // The other half of the queue is for the events of the caller.
            if inner.injected + OVERHEAD > self.limit / 2 {
                return Err((InjectError::QueueFull, event));
            }
            inner.injected += OVERHEAD;
            inner.size += OVERHEAD;
            inner.waiting.push_back(event);
            inner.shrink(self.limit);
            Ok(())
        });
        // The value is dropped here, not under the lock: this runs application code.
        result.map_err(|(error, _event)| error)
    }

    /// Counts audio that was dropped before this queue.
    pub(crate) fn lagged(&self, lag: Lag) {
        self.inner.change(|inner| {
            inner.lag.frames += lag.frames;
            inner.lag.bytes += lag.bytes;
        });
    }

    /// The call is over. Only the first end counts.
    pub(crate) fn end(&self, end: End) {
        self.inner.change(|inner| {
            if !std::mem::replace(&mut inner.over, true) {
                inner.waiting.push_back(CallEvent::Ended(end));
            }
        });
    }

    /// The application takes no more events.
    pub(crate) fn close_receiver(&self) {
        let dropped = self.inner.with(|inner| {
            inner.receiver_closed = true;
            std::mem::take(&mut inner.waiting)
        });
        self.inner.close();
        drop(dropped);
    }

    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<CallEvent>> {
        self.inner.poll(cx.waker(), |inner| match inner.next() {
            None if !inner.over => Poll::Pending,
            next => Poll::Ready(next),
        })
    }

    /// Polls until `look` returns a value or the call is over. Takes no event. Each event wakes the task.
    pub(crate) fn poll_until<T>(
        &self,
        cx: &mut Context<'_>,
        look: impl FnOnce() -> Option<T>,
    ) -> Poll<Option<T>> {
        self.inner.poll(cx.waker(), |inner| match look() {
            None if !inner.over => Poll::Pending,
            found => Poll::Ready(found),
        })
    }
}

impl EventQueueState {
    fn next(&mut self) -> Option<CallEvent> {
        let starts = matches!(self.waiting.front(), Some(CallEvent::Started));
        if !starts && self.lag != Lag::default() {
            return Some(CallEvent::Lagged(std::mem::take(&mut self.lag)));
        }
        let event = self.waiting.pop_front()?;
        if !matches!(event, CallEvent::Ended(_)) {
            self.size -= size(&event);
        }
        if matches!(event, CallEvent::Injected(_)) {
            self.injected -= OVERHEAD;
        }
        Some(event)
    }

    /// If more than `limit` bytes wait, drops the oldest audio until three quarters of `limit` wait.
    fn shrink(&mut self, limit: usize) {
        if self.size <= limit {
            return;
        }
        let Self {
            waiting,
            lag,
            dropped,
            size: left,
            ..
        } = self;
        waiting.retain(|event| {
            let CallEvent::Audio(audio) = event else {
                return true;
            };
            if *left <= limit / 4 * 3 {
                return true;
            }
            *left -= size(event);
            lag.frames += 1;
            *dropped += 1;
            lag.bytes += audio.bytes().len() as u64;
            false
        });
    }
}

/// Returns the bytes that an event takes while it waits.
fn size(event: &CallEvent) -> usize {
    match event {
        CallEvent::Audio(audio) => OVERHEAD + audio.bytes().len(),
        _ => OVERHEAD,
    }
}

/// Adds values of the application to the events of a call, from any task or thread: the result of a speech recogniser, a
/// command from a web page. The task of the call then waits for one stream of events only.
///
/// Made by [`IncomingCall::injector`](crate::IncomingCall::injector). Cheap to clone. It does not keep the call alive.
///
/// ```
/// # use audiosocket_server::{CallEvent, IncomingCall};
/// struct Transcript(String);
///
/// async fn talk(mut call: IncomingCall) {
///     let injector = call.injector();
///     std::thread::spawn(move || injector.inject(Transcript("good morning".to_owned())));
///     while let Some(event) = call.next().await {
///         if let CallEvent::Injected(value) = event
///             && let Some(Transcript(text)) = value.downcast_ref()
///         {
///             println!("the caller said {text:?}");
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct EventInjector {
    events: Arc<EventQueue>,
}

impl EventInjector {
    pub(crate) fn new(events: Arc<EventQueue>) -> Self {
        Self { events }
    }

    /// Queues `value` after all events that wait. It comes as [`CallEvent::Injected`].
    ///
    /// An injected value takes 64 bytes of the [event queue](crate::Incoming::event_queue), whatever its size, and
    /// injected values take half of the queue at most. If the queue is full, the oldest audio is dropped, as for
    /// other events.
    ///
    /// # Errors
    ///
    /// [`InjectError::QueueFull`] if injected values take half of the queue. [`InjectError::CallOver`] if the call is
    /// over, or its [`IncomingCall`](crate::IncomingCall) is dropped. The value is dropped.
    pub fn inject(&self, value: impl Any + Send + Sync) -> Result<(), InjectError> {
        self.events.inject(Injected::new(value))
    }
}

/// The reason for which a value was not injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InjectError {
    /// Injected values take half of the event queue.
    QueueFull,
    /// The call is over.
    CallOver,
}

impl fmt::Display for InjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => {
                "injected values fill half of the event queue of the call; raise `event_queue`, \
                 or read events faster"
            }
            Self::CallOver => "the call is over",
        })
    }
}

impl Error for InjectError {}
