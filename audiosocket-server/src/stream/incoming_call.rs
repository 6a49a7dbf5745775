use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::stream::event_queue::{CallEvent, Events};
use crate::{Call, CallHandle, Peer, block_on};

/// A call that tells what happens on it to whoever asks; see [`incoming`](crate::incoming).
///
/// What it tells waits, up to a [bound](crate::Incoming::event_queue), so that whoever is slow to ask
/// never keeps the connection from being read. Dropping it hangs up.
#[derive(Debug)]
pub struct IncomingCall {
    uuid: Uuid,
    peer: Peer,
    handle: CallHandle,
    events: Arc<Events>,
}

/// The time allowed was over before something happened; see [`IncomingCall::next_timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elapsed;

impl IncomingCall {
    pub(crate) fn new(call: &Call<'_>, events: Arc<Events>) -> Self {
        Self {
            uuid: call.uuid(),
            peer: call.peer().clone(),
            handle: call.handle(),
            events,
        }
    }

    /// The UUID that Asterisk's dialplan gave the call.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Where the call comes from.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Plays on the call and ends it, from here or, cloned, from anywhere.
    #[must_use]
    pub fn handle(&self) -> &CallHandle {
        &self.handle
    }

    /// What happens next: [`CallEvent::Started`] first, [`CallEvent::Ended`] last, and then `None`.
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<CallEvent> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next), to be polled, as by a `Stream`.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<CallEvent>> {
        self.events.poll_next(cx)
    }

    /// What happens as an iterator, which blocks the thread until the next event comes. Not for
    /// asynchronous code.
    pub fn blocking(&mut self) -> impl Iterator<Item = CallEvent> + use<'_> {
        std::iter::from_fn(|| block_on::block_on(self.next()))
    }

    /// [`next`](Self::next) for a thread, which it blocks for as long as `timeout`.
    ///
    /// # Errors
    ///
    /// [`Elapsed`] if nothing happened until then.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<CallEvent>, Elapsed> {
        let deadline = Instant::now().checked_add(timeout);
        block_on::block_on_until(self.next(), deadline).ok_or(Elapsed)
    }
}

impl Drop for IncomingCall {
    fn drop(&mut self) {
        self.events.desert();
        self.handle.hangup();
    }
}

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nothing happened on the call in time")
    }
}

impl std::error::Error for Elapsed {}
