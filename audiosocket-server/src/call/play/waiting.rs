//! The plays of a call that wait for room.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use audiosocket_proto::Playout;

static NEXT_TICKET: AtomicU64 = AtomicU64::new(0);

/// The [`Play`](crate::Play)s of a call that wait for room, in the order in which they play.
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

impl WaitingPlays {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn place(&self, ticket: u64) -> Option<usize> {
        self.0.iter().position(|known| known.ticket == ticket)
    }

    /// Waits at `place`. A new play waits at the end. Returns its ticket.
    ///
    /// Swaps `waker` with the waker that it replaces.
    pub(super) fn wait(&mut self, place: usize, room: Duration, waker: &mut Option<Waker>) -> u64 {
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
    pub(super) fn remove(&mut self, ticket: u64, wakers: &mut Vec<Waker>) -> Option<Waker> {
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
