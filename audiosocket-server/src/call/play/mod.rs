//! The future `Play`, which waits for room in the playout.

pub(crate) mod played;
pub(crate) mod prebuffer;
pub(crate) mod waiting;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::CallHandle;
use crate::call::control::{CommandSource, ControlState};
use audiosocket_proto::{AudioBuf, SendError};

/// A future that queues audio, and waits for room; see [`CallHandle::play`].
///
/// If you drop it, the audio that is already queued stays in the playout, and the rest is dropped.
#[derive(Debug)]
#[must_use = "it queues audio only while it is polled"]
pub struct Play {
    call: CallHandle,
    /// The audio that is not queued yet.
    audio: AudioBuf,
    /// Identifies this `Play` in [`WaitingPlays`](waiting::WaitingPlays) while it waits.
    ticket: Option<u64>,
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
        None => waiting.len(),
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
