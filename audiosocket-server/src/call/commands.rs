//! Requests to a connection.

/// Requests of handles and of the server to a connection, as bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commands(pub(super) u8);

impl Commands {
    pub(super) const HANG_UP: u8 = 1;
    pub(super) const SHUT_DOWN: u8 = 2;
    pub(super) const ABANDON: u8 = 4;
    pub(super) const PLAYOUT_CHANGED: u8 = 8;
    pub(super) const SHUTDOWN_BEGAN: u8 = 16;
    pub(super) const START_TIMER: u8 = 32;
    #[cfg(all(feature = "handover", unix))]
    pub(crate) const HAND_OVER: u8 = 64;

    /// Returns the request to end the call, if a bit has one.
    pub(crate) fn end(self) -> Option<EndRequest> {
        if self.0 & Self::ABANDON != 0 {
            Some(EndRequest::Abandon)
        } else if self.0 & Self::HANG_UP != 0 {
            Some(EndRequest::HangUp)
        } else if self.0 & Self::SHUT_DOWN != 0 {
            Some(EndRequest::ShutDown)
        } else {
            None
        }
    }

    /// Returns whether a handle changed the playout.
    pub(crate) fn playout_changed(self) -> bool {
        self.0 & Self::PLAYOUT_CHANGED != 0
    }

    /// Returns whether the server began to shut down.
    pub(crate) fn shutdown_began(self) -> bool {
        self.0 & Self::SHUTDOWN_BEGAN != 0
    }

    /// Returns whether to start the timer that [`CallControl::take_timer`](crate::call::control::CallControl::take_timer) returns.
    pub(crate) fn starts_timer(self) -> bool {
        self.0 & Self::START_TIMER != 0
    }
}

/// A request of a handle or the server to end a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndRequest {
    HangUp,
    ShutDown,
    /// Close the connection without a hangup.
    Abandon,
}
