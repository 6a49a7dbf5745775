use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::CallStats;
use crate::call::control::{CallControl, EndRequest, Mark};
use crate::{Peer, Played};
use audiosocket_proto::{Dropped, Playout, SampleRate, SendError, SessionConfig};

/// Reaches a call from any task or thread. Cheap to clone; does not keep the call alive.
///
/// What it is told takes effect at once, and wakes the call where it has to. Whatever order several
/// handles are used in is the order that counts.
///
/// ```
/// use audiosocket_server::CallHandle;
/// use audiosocket_proto::{Bytes, MarkOutcome, SampleRate, SendError};
///
/// async fn say(call: CallHandle, speech: Bytes) -> Result<(), SendError> {
///     call.play(SampleRate::Hz16000, speech)?;
///     if call.played().await == MarkOutcome::Played {
///         // The last frame has left, and lasts a while.
///         call.hangup_after_playout();
///     }
///     Ok(())
/// }
///
/// fn interrupt(call: &CallHandle) {
///     let unheard = call.clear();
///     println!("the last {:?} were not heard", unheard.duration);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CallHandle {
    desk: Arc<CallControl>,
}

impl CallHandle {
    pub(crate) fn new(config: &SessionConfig, peer: Peer) -> Self {
        Self {
            desk: Arc::new(CallControl::new(config, peer)),
        }
    }

    /// Which call it is; `None` until its UUID has come.
    #[must_use]
    pub fn uuid(&self) -> Option<Uuid> {
        self.desk.uuid()
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.desk.peer()
    }

    /// Queues `audio`, in bytes of slin at `rate` and of any length, to be played in frames of
    /// [`ptime`](audiosocket_proto::SessionConfig::ptime) behind what is queued already. It is not copied, so
    /// that one piece of audio played on a thousand calls is in memory once.
    ///
    /// What is played first in a `Dial(AudioSocket/…)` can be lost before Asterisk has joined its two
    /// legs: in 40 of 100 calls the first frame, in one 180 ms (22.10.1). Begin such a call with some
    /// silence, or with what may be missed.
    ///
    /// # Errors
    ///
    /// As [`Playout::play`](audiosocket_proto::Playout::play); above all [`SendError::PlayoutFull`], after
    /// which to try again once [`played`](Self::played) says so or a [mark](Self::mark) comes.
    pub fn play(&self, rate: SampleRate, audio: impl Into<Bytes>) -> Result<(), SendError> {
        let audio = audio.into();
        let result = self.desk.change(|playout| playout.offer(rate, audio));
        // What is refused is dropped only here: that may run others' code, which may come back.
        result.map_err(|(error, _)| error)
    }

    /// Drops what waits to be played, and tells how much that was: barge-in. What has been written
    /// is the last that is heard of it: one frame, unless the peer does not read.
    pub fn clear(&self) -> Dropped {
        let (dropped, audio) = self.desk.change(Playout::take);
        // Which may run others' code.
        drop(audio);
        dropped
    }

    /// Queues a mark. [`Handler::on_mark`](crate::Handler::on_mark) gets it when what was queued
    /// before it has been played, or has been cleared.
    ///
    /// # Errors
    ///
    /// As [`Playout::mark`](audiosocket_proto::Playout::mark).
    pub fn mark(&self, mark: u64) -> Result<(), SendError> {
        let mark = Mark::Told(mark);
        self.desk.change(|playout| playout.mark(mark))
    }

    /// Waits until what is queued now has been played: a future, or [`Played::wait`] for a thread.
    ///
    /// It is a [mark](Self::mark), which stays in the queue when the future is dropped. Where no mark
    /// can be set, because there is no call or 65,536 pieces and marks wait, it says
    /// [`MarkOutcome::CallOver`](audiosocket_proto::MarkOutcome::CallOver) at once.
    pub fn played(&self) -> Played {
        let (played, ticket) = Played::new();
        // On an error the ticket is dropped, which says that the call is over.
        let _ = self
            .desk
            .change(|playout| playout.mark(Mark::Awaited(ticket)));
        played
    }

    /// Ends the call as soon as whoever drives it is awake, which this sees to. What waits to be
    /// played is not. On a call that is over it does nothing.
    pub fn hangup(&self) {
        self.desk.order(EndRequest::HangUp);
    }

    /// Ends the call once what is queued now has been played. Nothing more can be played then.
    pub fn hangup_after_playout(&self) {
        self.desk.change(Playout::hangup);
    }

    /// What went through the call when it was last awake, or in all once it is over, and what of its
    /// playout right now.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.desk.stats()
    }

    pub(crate) fn order(&self, order: EndRequest) {
        self.desk.order(order);
    }

    pub(crate) fn desk(&self) -> &CallControl {
        &self.desk
    }
}
