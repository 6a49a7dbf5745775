use std::ops::{Deref, DerefMut};
use std::time::Duration;

use audiosocket_proto::{AudioBuf, MarkOutcome, SampleRate, SendError};
use audiosocket_server::CallEvent;
use audiosocket_server::io::block_on;

/// Reaches a call from any thread. Cheap to clone; does not keep the call alive.
///
/// The methods that wait block the thread. All others are those of
/// [`audiosocket_server::CallHandle`].
#[derive(Clone, Debug)]
pub struct CallHandle(audiosocket_server::CallHandle);

impl CallHandle {
    /// Queues audio to be played, and blocks until there was room for all of it; see
    /// [`CallHandle::play`](audiosocket_server::CallHandle::play). Do not call it in a callback: nothing is
    /// played while it blocks.
    ///
    /// # Errors
    ///
    /// As [`CallHandle::play`](audiosocket_server::CallHandle::play).
    pub fn play(&self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        block_on(self.0.play(audio))
    }

    /// Waits until what is queued now has been played, or will not be.
    pub fn played(&self) -> MarkOutcome {
        block_on(self.0.played())
    }
}

impl From<audiosocket_server::CallHandle> for CallHandle {
    fn from(handle: audiosocket_server::CallHandle) -> Self {
        Self(handle)
    }
}

impl Deref for CallHandle {
    type Target = audiosocket_server::CallHandle;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A call of a server that [accepts](crate::Server::accept). An iterator over what happens on it.
///
/// The methods that wait block the thread. All others are those of
/// [`audiosocket_server::IncomingCall`].
///
/// Dropping it hangs up.
#[derive(Debug)]
pub struct IncomingCall {
    call: audiosocket_server::IncomingCall,
    handle: CallHandle,
}

impl IncomingCall {
    /// Waits for the caller's first audio and returns its sample rate, without taking an event; 8 kHz if
    /// none comes within `timeout`.
    pub fn wait_sample_rate(&mut self, timeout: Duration) -> SampleRate {
        block_on(self.call.wait_sample_rate(timeout))
    }

    /// Plays on the call and ends it, from here or, cloned, from other threads.
    #[must_use]
    pub fn handle(&self) -> &CallHandle {
        &self.handle
    }

    /// Queues audio to be played, and blocks until there was room for all of it; see
    /// [`CallHandle::play`].
    ///
    /// # Errors
    ///
    /// As [`CallHandle::play`].
    pub fn play(&self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        self.handle.play(audio)
    }

    /// Waits until what is queued now has been played, or will not be.
    pub fn played(&self) -> MarkOutcome {
        self.handle.played()
    }
}

impl From<audiosocket_server::IncomingCall> for IncomingCall {
    fn from(call: audiosocket_server::IncomingCall) -> Self {
        Self {
            handle: call.handle().clone().into(),
            call,
        }
    }
}

impl Deref for IncomingCall {
    type Target = audiosocket_server::IncomingCall;

    fn deref(&self) -> &Self::Target {
        &self.call
    }
}

impl DerefMut for IncomingCall {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.call
    }
}

/// Waits for each event: [`CallEvent::Started`] first, [`CallEvent::Ended`] last.
impl Iterator for IncomingCall {
    type Item = CallEvent;

    fn next(&mut self) -> Option<CallEvent> {
        block_on(self.call.next())
    }
}
