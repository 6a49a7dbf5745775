use std::task::Waker;

use uuid::Uuid;

use super::Peer;
use super::played::Ticket;
use super::shared::Shared;
use crate::stats::Traffic;
use crate::{MarkOutcome, Playout, SessionConfig, Stats};

/// What a call shares with those who reach it from other tasks and threads.
#[derive(Debug)]
pub(super) struct Desk {
    inner: Shared<Inner>,
    peer: Peer,
}

#[derive(Debug)]
struct Inner {
    /// Once it has come.
    uuid: Option<Uuid>,
    playout: Playout<Mark>,
    order: Option<Order>,
    /// The playout has changed in a way that the call does not know of.
    stirred: bool,
    /// Of the call, when it was last awake.
    traffic: Traffic,
}

/// How a call shall end that is ended from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    HangUp,
    ShutDown,
    /// Without a hangup.
    Abandon,
}

/// What stands in the playout's queue to say how far it has come.
#[derive(Debug)]
pub(super) enum Mark {
    /// For the handler.
    Told(u64),
    /// For a future.
    Awaited(Ticket),
}

/// What a call finds on its desk.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) order: Option<Order>,
    pub(super) stirred: bool,
}

impl Desk {
    pub(super) fn new(config: &SessionConfig, peer: Peer) -> Self {
        Self {
            inner: Shared::new(Inner {
                uuid: None,
                playout: Playout::new(config),
                order: None,
                stirred: false,
                traffic: Traffic::default(),
            }),
            peer,
        }
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The UUID has come.
    pub(super) fn identify(&self, uuid: Uuid) {
        self.inner.with(|inner| inner.uuid = Some(uuid));
    }

    pub(super) fn uuid(&self) -> Option<Uuid> {
        self.inner.with(|inner| inner.uuid)
    }

    /// Leaves an order, and wakes the call.
    pub(super) fn order(&self, order: Order) {
        self.inner
            .change(|inner| inner.order = Some(order.after(inner.order)));
    }

    /// Changes the playout, and wakes the call if it has to look at it earlier than it means to.
    pub(super) fn change<R>(&self, act: impl FnOnce(&mut Playout<Mark>) -> R) -> R {
        self.inner.change_if(|inner| {
            let playout = &mut inner.playout;
            let before = playout.poll_timeout();
            let result = act(playout);
            let stirs = playout.poll_timeout() != before || playout.awaits_drain();
            inner.stirred |= stirs;
            (result, stirs)
        })
    }

    /// The playout, for the call itself.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Playout<Mark>) -> R) -> R {
        self.inner.with(|inner| act(&mut inner.playout))
    }

    /// Takes what was left for the call; `waker` is woken by more of that.
    pub(super) fn poll(&self, waker: &Waker, traffic: Traffic) -> Post {
        self.inner.poll(waker, |inner| {
            inner.traffic = traffic;
            Post {
                order: inner.order.take(),
                stirred: std::mem::take(&mut inner.stirred),
            }
        })
    }

    pub(super) fn stats(&self) -> Stats {
        self.inner
            .with(|inner| inner.traffic.with(inner.playout.stats()))
    }

    /// The call plays no more; these are its figures.
    pub(super) fn end(&self, traffic: Traffic) {
        let dropped = self.inner.with(|inner| {
            inner.traffic = traffic;
            inner.playout.end()
        });
        drop(dropped);
    }

    /// Nobody will poll again.
    pub(super) fn close(&self) {
        self.inner.close();
    }
}

impl Order {
    /// Which order counts after another one: the first stands, but for [`Order::Abandon`], which does
    /// not wait for a hangup to end.
    pub(super) fn after(self, before: Option<Self>) -> Self {
        match before {
            Some(before) if self != Self::Abandon => before,
            _ => self,
        }
    }
}

impl Mark {
    /// Tells the future, if it is for one; else what to tell the handler.
    pub(super) fn reached(self, outcome: MarkOutcome) -> Option<u64> {
        match self {
            Self::Told(mark) => Some(mark),
            Self::Awaited(ticket) => {
                ticket.resolve(outcome);
                None
            }
        }
    }
}
