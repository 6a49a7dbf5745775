//! The future `Play`, which waits for room in the playout.

pub(crate) mod played;
pub(crate) mod prebuffer;

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::CallHandle;
use crate::call::control::{CommandSource, ControlState};
use audiosocket_proto::{AudioBuf, Playout, SendError};

static NEXT_TICKET: AtomicU64 = AtomicU64::new(0);

/// A future that queues audio, and waits for room; see [`CallHandle::play`].
///
/// If you drop it, the audio that is already queued stays in the playout, and the rest is dropped.
#[derive(Debug)]
#[must_use = "it queues audio only while it is polled"]
pub struct Play {
    call: CallHandle,
    /// The audio that is not queued yet.
    audio: AudioBuf,
    /// Identifies this `Play` in [`WaitingPlays`] while it waits.
    ticket: Option<u64>,
}

/// The [`Play`]s of a call that wait for room, in the order in which they play.
#[derive(Debug, Default)]
pub(crate) struct WaitingPlays(VecDeque<Waiting>);

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    /// The room for which the play waits.
    room: Duration,
    /// `None` after the play was woken.
    waker: Option<Waker>,
}

impl Play {
    pub(crate) fn new(call: CallHandle, audio: AudioBuf) -> Self {
        Self {
            call,
            audio,
            ticket: None,
        }
    }
}

impl Future for Play {
    /// Ready when all audio is queued.
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            call,
            audio,
            ticket,
        } = self.get_mut();
        // The waker is cloned and dropped without the lock: both run code of the executor.
        let mut waker = Some(cx.waker().clone());
        let control = call.control();
        control.change(CommandSource::Handle, |inner, dropped, wakers| {
            let result = queue(inner, audio, ticket, &mut waker, dropped);
            if result.is_ready()
                && let Some(ticket) = ticket.take()
            {
                waker = inner.rare().waiting_plays.remove(ticket, wakers);
            }
            result
        })
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let control = self.call.control();
            let waker = control.change(CommandSource::Handle, |inner, _, wakers| {
                inner.rare().waiting_plays.remove(ticket, wakers)
            });
            drop(waker);
        }
    }
}

/// Queues as much of `audio` as fits. The rest waits.
fn queue(
    inner: &mut ControlState,
    audio: &mut AudioBuf,
    ticket: &mut Option<u64>,
    waker: &mut Option<Waker>,
    dropped: &mut Vec<Bytes>,
) -> Poll<Result<(), SendError>> {
    let playout = &mut inner.playout;
    if !playout.is_open() {
        return Poll::Ready(Err(SendError::NoCall));
    }
    if audio.is_empty() {
        return Poll::Ready(Err(SendError::EmptyAudio));
    }
    let waiting = &mut inner.rare.get_or_insert_default().waiting_plays;
    let place = match *ticket {
        None => waiting.0.len(),
        // A clear removes all waiting plays.
        Some(ticket) => match waiting.place(ticket) {
            Some(place) => place,
            None => return Poll::Ready(Err(SendError::Cleared)),
        },
    };
    if place == 0 {
        let samples = audio.rate().samples_in(playout.room());
        let len = usize::try_from(samples.saturating_mul(2)).unwrap_or(usize::MAX);
        if len > 0 {
            let piece = audio.split_to(len.min(audio.bytes().len()));
            playout.play(piece, dropped)?;
        }
        if audio.is_empty() {
            return Poll::Ready(Ok(()));
        }
    }
    // At most half of the queue: a wake-up for each frame would cut long audio into many pieces.
    let room = audio.duration().min(playout.capacity() / 2);
    *ticket = Some(waiting.wait(place, room, waker));
    Poll::Pending
}

impl WaitingPlays {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, ticket: u64) -> Option<usize> {
        self.0.iter().position(|known| known.ticket == ticket)
    }

    /// Waits at `place`. A new play waits at the end. Returns its ticket.
    ///
    /// Swaps `waker` with the waker that it replaces.
    fn wait(&mut self, place: usize, room: Duration, waker: &mut Option<Waker>) -> u64 {
        if let Some(known) = self.0.get_mut(place) {
            known.room = room;
            mem::swap(&mut known.waker, waker);
            return known.ticket;
        }
        let ticket = NEXT_TICKET.fetch_add(1, Ordering::Relaxed);
        self.0.push_back(Waiting {
            ticket,
            room,
            waker: waker.take(),
        });
        ticket
    }

    /// Takes the waker of the first play if its room is free.
    pub(crate) fn wake<M>(&mut self, playout: &Playout<M>) -> Option<Waker> {
        let first = self.0.front_mut()?;
        let room = playout.room();
        if room.is_zero() || room < first.room {
            return None;
        }
        first.waker.take()
    }

    /// Removes a play, and returns its waker. If it was the first one, the waker of the next one goes to
    /// `wakers`, since its room may be free.
    fn remove(&mut self, ticket: u64, wakers: &mut Vec<Waker>) -> Option<Waker> {
        let place = self.place(ticket)?;
        let removed = self.0.remove(place)?;
        if place == 0
            && let Some(next) = self.0.front_mut()
        {
            wakers.extend(next.waker.take());
        }
        removed.waker
    }

    /// Removes all plays. Their wakers go to `wakers`, and they return an error when they are polled.
    pub(crate) fn cancel(&mut self, wakers: &mut Vec<Waker>) {
        let waiting = mem::take(&mut self.0).into_iter();
        wakers.extend(waiting.filter_map(|waiting| waiting.waker));
    }
}
