use super::{Session, SessionState};
use crate::{End, Event, PeerError, Timestamp};

impl Session {
    /// Acts on all deadlines that have passed at `now`. Returns the `Ended` event if one of them ends the call.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<Event<'static>> {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.state {
            SessionState::AwaitingUuid { .. } => {
                Some(self.end(now, End::Failed(PeerError::UuidTimeout)))
            }
            SessionState::Active { .. }
                if self
                    .write_deadline()
                    .is_some_and(|deadline| now >= deadline) =>
            {
                let event = self.end(now, End::Failed(PeerError::WriteStalled));
                self.close();
                Some(event)
            }
            SessionState::Active { ends_at } if ends_at.is_some_and(|end| now >= end) => {
                Some(self.end(now, End::MaxDuration))
            }
            SessionState::Active { .. } => Some(self.end(now, End::Failed(PeerError::IdleTimeout))),
            SessionState::Closing { .. } | SessionState::Closed => {
                self.close();
                None
            }
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next. Returns `None` if there is no
    /// deadline. A call with the default configuration has a deadline only while bytes wait to be written.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.state {
            SessionState::AwaitingUuid { until, .. } => Some(until),
            SessionState::Active { ends_at } => {
                let idle = self
                    .limits
                    .idle_timeout
                    .map(|timeout| self.last_received + timeout);
                let deadlines = idle.into_iter().chain(ends_at);
                deadlines.chain(self.write_deadline()).min()
            }
            SessionState::Closing { since, .. } => Some(since + self.limits.linger),
            SessionState::Closed => None,
        }
    }

    fn write_deadline(&self) -> Option<Timestamp> {
        (!self.send_buffer.is_empty()).then(|| self.last_progress + self.limits.write_timeout)
    }
}
