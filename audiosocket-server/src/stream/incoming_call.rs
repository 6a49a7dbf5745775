use std::future::poll_fn;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use uuid::Uuid;

use crate::admission::registration::OpenWork;
use crate::stream::event_queue::EventQueue;
use crate::{Call, CallEvent, CallHandle, EventInjector, block_on};
use audiosocket_proto::SampleRate;

/// A call, as a stream of its events: see [`incoming`](crate::incoming()).
///
/// A [`Stream`] of [`CallEvent`]s. The events wait in a [bounded queue](crate::Incoming::event_queue), so the server
/// reads the connection even while the task is slow.
///
/// It derefs to the [`CallHandle`] of the call, whose methods play, clear, set marks, hang up and count.
///
/// Dropping it hangs up. During a shutdown, the server waits until it is dropped, within the grace. So a task can finish
/// its work after the last event.
#[derive(Debug)]
#[must_use = "dropping it hangs up"]
pub struct IncomingCall {
    uuid: Uuid,
    handle: CallHandle,
    events: Arc<EventQueue>,
    /// Dropped last: the server waits for it.
    _work: OpenWork,
}

/// No event came within the timeout of [`IncomingCall::next_timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elapsed;

impl IncomingCall {
    pub(crate) fn new(call: &Call<'_>, events: Arc<EventQueue>, work: OpenWork) -> Self {
        Self {
            uuid: call.uuid(),
            handle: call.handle(),
            events,
            _work: work,
        }
    }

    /// Returns the UUID that Asterisk's dialplan gave the call.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Returns a handle of the call. Its clones play on the call and end it from other tasks.
    #[must_use]
    pub fn handle(&self) -> &CallHandle {
        &self.handle
    }

    /// Returns the next event: [`CallEvent::Started`] first, [`CallEvent::Ended`] last, then `None`. Cancel safe.
    pub async fn next(&mut self) -> Option<CallEvent> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the next event: see [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<CallEvent>> {
        self.events.poll_next(cx)
    }

    /// Returns an injector, which puts values of the application among the events of this call.
    #[must_use]
    pub fn injector(&self) -> EventInjector {
        EventInjector::new(Arc::clone(&self.events))
    }

    /// Waits for the first audio of the caller, and returns its sample rate. Returns 8 kHz if no audio arrives within
    /// `timeout`, or if the call ends. Takes no event from the queue. Cancel safe.
    ///
    /// After it, play prompts at the [answer rate](CallHandle::answer_rate). The time is that of the connection's clock.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use audiosocket_proto::{AudioBuf, SampleRate, SendError};
    /// # use audiosocket_server::IncomingCall;
    /// # async fn greet(call: &mut IncomingCall, greeting: impl Fn(SampleRate) -> AudioBuf) -> Result<(), SendError> {
    /// call.wait_sample_rate(Duration::from_millis(200)).await;
    /// call.play(greeting(call.answer_rate())).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait_sample_rate(&mut self, timeout: Duration) -> SampleRate {
        let mut timer = self.handle.timer(timeout);
        let look = || self.handle.sample_rate();
        poll_fn(|cx| match self.events.poll_until(cx, look) {
            Poll::Ready(rate) => Poll::Ready(rate.unwrap_or_default()),
            Poll::Pending => Pin::new(&mut timer)
                .poll(cx)
                .map(|()| SampleRate::default()),
        })
        .await
    }

    /// Iterates over the events. Blocks the thread until the next event comes. Not for asynchronous code.
    pub fn blocking(&mut self) -> impl Iterator<Item = CallEvent> + use<'_> {
        std::iter::from_fn(|| block_on::block_on(self.next()))
    }

    /// Returns the next event as [`next`](Self::next) does. Blocks the thread, for `timeout` at most. Not for
    /// asynchronous code.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if no event came in this time.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<CallEvent>, Elapsed> {
        let deadline = Instant::now().checked_add(timeout);
        block_on::block_on_until(self.next(), deadline).ok_or(Elapsed)
    }
}

impl Deref for IncomingCall {
    type Target = CallHandle;

    fn deref(&self) -> &CallHandle {
        &self.handle
    }
}

impl Stream for IncomingCall {
    type Item = CallEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<CallEvent>> {
        self.get_mut().poll_next(cx)
    }
}

impl Drop for IncomingCall {
    fn drop(&mut self) {
        self.events.close_receiver();
        self.handle.hangup();
    }
}

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no event came within the timeout")
    }
}

impl std::error::Error for Elapsed {}
