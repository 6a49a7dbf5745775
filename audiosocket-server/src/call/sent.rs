//! The observers of the audio that a call sends.

use std::fmt;
use std::time::Duration;

use crate::Exception;
use crate::exception::catch_panic;
use audiosocket_proto::{Audio, Timestamp};

/// A frame of audio that left: the argument of an observer of [`Call::observe_sent`](crate::Call::observe_sent).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ObservedFrame<'a> {
    /// The audio of the frame.
    pub audio: Audio<'a>,
    /// The time since the connection was accepted, as [`Call::duration`](crate::Call::duration) counts it.
    ///
    /// For a frame of the playout it is the time in the schedule, which is at most half a ptime from the time at which
    /// the frame left. So frames that follow each other are exactly one ptime apart.
    pub at: Duration,
    /// Whether the playout sent this frame: played audio or silence. If not, it was sent at once, as the answer of a
    /// callback or with [`Call::send`](crate::Call::send).
    pub on_schedule: bool,
}

type SentObserver = Box<dyn FnMut(ObservedFrame<'_>) + Send>;

/// The observers of one call.
pub(crate) struct SentObservers {
    accepted_at: Timestamp,
    observers: Vec<SentObserver>,
    /// The panic of an observer, which ends the call.
    pub(crate) panic: Option<Exception>,
}

impl SentObservers {
    pub(crate) fn new(accepted_at: Timestamp) -> Self {
        Self {
            accepted_at,
            observers: Vec::new(),
            panic: None,
        }
    }

    pub(crate) fn add(&mut self, observer: SentObserver) {
        self.observers.push(observer);
    }

    /// Calls all observers. Returns whether one of them has panicked.
    pub(crate) fn notify(&mut self, audio: Audio<'_>, at: Timestamp, on_schedule: bool) -> bool {
        let at = at.saturating_since(self.accepted_at);
        let frame = ObservedFrame {
            audio,
            at,
            on_schedule,
        };
        if self.panic.is_none() {
            let observers = &mut self.observers;
            let called = catch_panic(|| observers.iter_mut().for_each(|observe| observe(frame)));
            self.panic = called.err();
        }
        self.panic.is_some()
    }
}

impl fmt::Debug for SentObservers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentObservers")
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
