use std::collections::VecDeque;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::Lag;
use crate::wake_cell::WakeCell;
use audiosocket_proto::{DtmfDigit, End, MarkOutcome, PeerError, SampleRate};

/// What an event that waits takes beside its audio, in bytes.
const OVERHEAD: usize = 64;

/// What happens on a call; see [`IncomingCall::next`](crate::IncomingCall::next).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallEvent {
    /// The call has begun; always the first.
    Started,
    /// Audio from the caller, in bytes of slin at this rate; never empty.
    Audio(SampleRate, Bytes),
    /// The caller pressed a key.
    Dtmf(DtmfDigit),
    /// A [mark](crate::CallHandle::mark) was reached.
    Mark(u64, MarkOutcome),
    /// So much audio was dropped, since nobody asked for it in time. It is told of ahead of
    /// everything that still waits.
    Lagged(Lag),
    /// The peer did something wrong. If that ends the call, [`Ended`](Self::Ended) follows.
    Exception(PeerError),
    /// The call is over; always the last.
    Ended(End),
}

/// What happened on a call and was not asked for yet. Bounded.
#[derive(Debug)]
pub(crate) struct Events {
    limit: usize,
    inner: WakeCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<CallEvent>,
    /// What they take.
    size: usize,
    lag: Lag,
    /// `Ended` waits or has been told.
    over: bool,
    /// Nobody will ask.
    deserted: bool,
}

/// More waits than may, and none of it is audio.
#[derive(Debug)]
pub(crate) struct Overflow;

impl Events {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: WakeCell::default(),
        }
    }

    pub(crate) fn push(&self, event: CallEvent) -> Result<(), Overflow> {
        self.inner.change(|inner| {
            if inner.deserted {
                return Ok(());
            }
            inner.size += size(&event);
            inner.waiting.push_back(event);
            if inner.size > self.limit {
                inner.drop_oldest(self.limit / 4 * 3);
            }
            if inner.size > self.limit && inner.waiting.len() > 1 {
                return Err(Overflow);
            }
            Ok(())
        })
    }

    /// This was dropped before it came here.
    pub(crate) fn lagged(&self, lag: Lag) {
        self.inner.change(|inner| {
            inner.lag.frames += lag.frames;
            inner.lag.bytes += lag.bytes;
        });
    }

    /// The call is over; only the first end counts.
    pub(crate) fn end(&self, end: End) {
        self.inner.change(|inner| {
            if !std::mem::replace(&mut inner.over, true) {
                inner.waiting.push_back(CallEvent::Ended(end));
            }
        });
    }

    pub(crate) fn desert(&self) {
        let dropped = self.inner.with(|inner| {
            inner.deserted = true;
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
}

impl Inner {
    fn next(&mut self) -> Option<CallEvent> {
        let begins = matches!(self.waiting.front(), Some(CallEvent::Started));
        if !begins && self.lag != Lag::default() {
            return Some(CallEvent::Lagged(std::mem::take(&mut self.lag)));
        }
        let event = self.waiting.pop_front()?;
        self.size = self.size.saturating_sub(size(&event));
        Some(event)
    }

    /// Drops audio, the oldest first, until no more than `size` waits.
    fn drop_oldest(&mut self, size: usize) {
        let Self {
            waiting,
            lag,
            size: left,
            ..
        } = self;
        waiting.retain(|event| {
            let CallEvent::Audio(_, audio) = event else {
                return true;
            };
            if *left <= size {
                return true;
            }
            *left -= self::size(event);
            lag.frames += 1;
            lag.bytes += audio.len() as u64;
            false
        });
    }
}

/// What an event takes while it waits.
fn size(event: &CallEvent) -> usize {
    match event {
        CallEvent::Audio(_, audio) => OVERHEAD + audio.len(),
        _ => OVERHEAD,
    }
}
