//! Playing that waits for room.

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

/// A future that queues audio as there is room for it; see [`CallHandle::play`].
///
/// Dropping it leaves the audio that is queued already in the playout, and queues no more.
#[derive(Debug)]
#[must_use = "it queues audio only while it is polled"]
pub struct Play {
    call: CallHandle,
    /// The part that is not queued yet.
    audio: AudioBuf,
    /// Its place among the futures that wait for room, if it waits.
    ticket: Option<u64>,
}

/// The [`Play`]s of a call that wait for room, in the order in which they play.
#[derive(Debug, Default)]
pub(crate) struct WaitingPlays(VecDeque<Waiting>);

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    /// The room to wait for.
    room: Duration,
    /// `None` once it was woken.
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
    /// When all of the audio is queued.
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            call,
            audio,
            ticket,
        } = self.get_mut();
        // Wakers are cloned and dropped without the lock: both run code of the executor.
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

/// Queues as much of `audio` as there is room for. Waits with the rest.
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
        // Cleared plays have lost their place.
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
    // Not for each frame that leaves, or long audio would be queued in as many pieces.
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

    /// Waits at `place`, which is the end if it is new. Returns its ticket.
    ///
    /// Exchanges `waker` for the one that it replaces.
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

    /// The waker of the first one, if there is the room that it waits for.
    pub(crate) fn wake<M>(&mut self, playout: &Playout<M>) -> Option<Waker> {
        let first = self.0.front_mut()?;
        let room = playout.room();
        if room.is_zero() || room < first.room {
            return None;
        }
        first.waker.take()
    }

    /// Takes one out, and returns its waker. If it was the first, the next one goes to `wakers`, since
    /// there may be room for it.
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

    /// Takes all of them out. They find out why when they are polled.
    pub(crate) fn cancel(&mut self, wakers: &mut Vec<Waker>) {
        let waiting = mem::take(&mut self.0).into_iter();
        wakers.extend(waiting.filter_map(|waiting| waiting.waker));
    }
}
