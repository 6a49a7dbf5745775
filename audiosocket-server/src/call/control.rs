use std::task::Waker;

use uuid::Uuid;

use crate::CallStats;
use crate::Peer;
use crate::call::played::PlayedSender;
use crate::wake_cell::WakeCell;
use audiosocket_proto::SessionStats;
use audiosocket_proto::{MarkOutcome, Playout, SessionConfig};

/// What a call shares with those who reach it from other tasks and threads.
#[derive(Debug)]
pub(crate) struct CallControl {
    inner: WakeCell<Inner>,
    peer: Peer,
}

#[derive(Debug)]
struct Inner {
    /// Once it has come.
    uuid: Option<Uuid>,
    playout: Playout<Mark>,
    order: Option<EndRequest>,
    /// The playout has changed in a way that the call does not know of.
    stirred: bool,
    /// Of the call, when it was last awake.
    session_stats: SessionStats,
}

/// How a call shall end that is ended from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndRequest {
    HangUp,
    ShutDown,
    /// Without a hangup.
    Abandon,
}

/// What stands in the playout's queue to say how far it has come.
#[derive(Debug)]
pub(crate) enum Mark {
    /// For the handler.
    Told(u64),
    /// For a future.
    Awaited(PlayedSender),
}

/// What a call finds on its desk.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) order: Option<EndRequest>,
    pub(crate) stirred: bool,
}

impl CallControl {
    pub(crate) fn new(config: &SessionConfig, peer: Peer) -> Self {
        Self {
            inner: WakeCell::new(Inner {
                uuid: None,
                playout: Playout::new(config),
                order: None,
                stirred: false,
                session_stats: SessionStats::default(),
            }),
            peer,
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The UUID has come.
    pub(crate) fn identify(&self, uuid: Uuid) {
        self.inner.with(|inner| inner.uuid = Some(uuid));
    }

    pub(crate) fn uuid(&self) -> Option<Uuid> {
        self.inner.with(|inner| inner.uuid)
    }

    /// Leaves an order, and wakes the call.
    pub(crate) fn order(&self, order: EndRequest) {
        self.inner
            .change(|inner| inner.order = Some(order.after(inner.order)));
    }

    /// Changes the playout, and wakes the call if it has to look at it earlier than it means to.
    pub(crate) fn change<R>(&self, act: impl FnOnce(&mut Playout<Mark>) -> R) -> R {
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
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Playout<Mark>) -> R) -> R {
        self.inner.with(|inner| act(&mut inner.playout))
    }

    /// Takes what was left for the call; `waker` is woken by more of that.
    pub(crate) fn poll(&self, waker: &Waker, session_stats: SessionStats) -> Commands {
        self.inner.poll(waker, |inner| {
            inner.session_stats = session_stats;
            Commands {
                order: inner.order.take(),
                stirred: std::mem::take(&mut inner.stirred),
            }
        })
    }

    pub(crate) fn stats(&self) -> CallStats {
        self.inner
            .with(|inner| CallStats::new(inner.session_stats, inner.playout.stats()))
    }

    /// The call plays no more; these are its figures.
    pub(crate) fn end(&self, session_stats: SessionStats) {
        let dropped = self.inner.with(|inner| {
            inner.session_stats = session_stats;
            inner.playout.end()
        });
        drop(dropped);
    }

    /// Nobody will poll again.
    pub(crate) fn close(&self) {
        self.inner.close();
    }
}

impl EndRequest {
    /// Which order counts after another one: the first stands, but for [`EndRequest::Abandon`], which does
    /// not wait for a hangup to end.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        match before {
            Some(before) if self != Self::Abandon => before,
            _ => self,
        }
    }
}

impl Mark {
    /// Tells the future, if it is for one; else what to tell the handler.
    pub(crate) fn reached(self, outcome: MarkOutcome) -> Option<u64> {
        match self {
            Self::Told(mark) => Some(mark),
            Self::Awaited(ticket) => {
                ticket.resolve(outcome);
                None
            }
        }
    }
}
