use std::ops::{Deref, DerefMut};
use std::time::Duration;

use audiosocket_proto::{AudioBuf, MarkOutcome, SampleRate, SendError};
use audiosocket_server::CallEvent;
use audiosocket_server::io::block_on;

/// Controls a call from any thread. Cheap to clone. It does not keep the call alive.
///
/// The methods that wait block the thread. All other methods are those of [`audiosocket_server::CallHandle`].
#[derive(Clone, Debug)]
pub struct CallHandle(audiosocket_server::CallHandle);

impl CallHandle {
    /// Queues audio for the playout. Blocks the thread until all of it is queued. See
    /// [`CallHandle::play`](audiosocket_server::CallHandle::play).
    ///
    /// Do not call this in a callback of the same call: no audio leaves while the callback blocks.
    ///
    /// # Errors
    ///
    /// The same as [`CallHandle::play`](audiosocket_server::CallHandle::play).
    pub fn play(&self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        block_on(self.0.play(audio))
    }

    /// Blocks the thread until the audio that is queued now has been played or dropped. Returns the outcome.
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

/// A call that [`Server::accept`](crate::Server::accept) returned. An iterator over its events.
///
/// The methods that wait block the thread. All other methods are those of [`audiosocket_server::IncomingCall`].
///
/// Dropping it hangs the call up.
#[derive(Debug)]
pub struct IncomingCall {
    call: audiosocket_server::IncomingCall,
    handle: CallHandle,
}

impl IncomingCall {
    /// Blocks the thread until the first audio of the caller arrives, and returns its sample rate. Returns 8 kHz if no
    /// audio arrives within `timeout`. Takes no event from the queue.
    pub fn wait_sample_rate(&mut self, timeout: Duration) -> SampleRate {
        block_on(self.call.wait_sample_rate(timeout))
    }

    /// Returns a handle of the call. A clone of it plays on the call and ends it from another thread.
    #[must_use]
    pub fn handle(&self) -> &CallHandle {
        &self.handle
    }

    /// Queues audio for the playout. Blocks the thread until all of it is queued. See [`CallHandle::play`].
    ///
    /// # Errors
    ///
    /// The same as [`CallHandle::play`].
    pub fn play(&self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        self.handle.play(audio)
    }

    /// Blocks the thread until the audio that is queued now has been played or dropped. Returns the outcome.
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

/// Blocks the thread until the next event. [`CallEvent::Started`] is the first event, [`CallEvent::Ended`] is the last.
impl Iterator for IncomingCall {
    type Item = CallEvent;

    fn next(&mut self) -> Option<CallEvent> {
        block_on(self.call.next())
    }
}
