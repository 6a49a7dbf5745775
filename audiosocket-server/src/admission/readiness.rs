//! Whether a load balancer may send calls to a server.

use std::fmt;

use crate::{Calls, LimitReached};

/// Whether a load balancer may send calls to a server: see [`ServerHandle::readiness`](crate::ServerHandle::readiness).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// The server accepts calls.
    Ready,
    /// The server has no place for another connection: see [`Calls::full`].
    Full(LimitReached),
    /// The server accepts calls, and shuts down soon: see
    /// [`ServerHandle::announce_drain`](crate::ServerHandle::announce_drain).
    DrainAnnounced,
    /// The server accepts no more calls. Open calls may go on.
    ShuttingDown,
}

impl Readiness {
    /// Returns whether a load balancer may send calls.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self == Self::Ready
    }

    /// Returns the name of the state, without the reason: `ready`, `full`, `drain_announced`, `shutting_down`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Full(_) => "full",
            Self::DrainAnnounced => "drain_announced",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

impl fmt::Display for Readiness {
    /// Writes the state with its reason: `full: too many calls`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Full(limit) => write!(f, "full: {limit}"),
            Self::DrainAnnounced => f.write_str("drain announced"),
            Self::ShuttingDown => f.write_str("shutting down"),
        }
    }
}

impl Calls {
    pub(crate) fn announce_drain(&self) {
        self.lock().drain_announced = true;
    }

    pub(crate) fn readiness(&self) -> Readiness {
        let open = self.lock();
        if open.shutting_down || open.closing.is_some() {
            Readiness::ShuttingDown
        } else if open.drain_announced {
            Readiness::DrainAnnounced
        } else {
            open.counts.full().map_or(Readiness::Ready, Readiness::Full)
        }
    }
}
