//! The times at which frames of a playout leave.

use super::Playout;
use crate::Timestamp;

impl<M> Playout<M> {
    /// Returns the time in the schedule of the frame that the last [`poll`](Self::poll) returned. The next frame is
    /// due one ptime later. This time is at most half a ptime from the time of that poll.
    ///
    /// It has no meaning if the last `poll` did not return a frame.
    #[must_use]
    pub fn frame_time(&self) -> Timestamp {
        let ptime = self.ptime.duration().as_nanos() as u64;
        Timestamp::from_nanos(self.next.as_nanos().saturating_sub(ptime))
    }
}
