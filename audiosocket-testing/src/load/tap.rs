//! Access to the audio of each call.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use audiosocket_proto::Audio;
use uuid::Uuid;

/// A receiver of the audio of one call, such as a recorder. It is dropped when the call ends.
///
/// The methods run on the thread of the call. They must not block, because they delay all calls of the
/// thread.
pub trait CallTap: Send {
    /// Called for each received frame, which was read at `at`.
    fn received(&mut self, audio: Audio<'_>, at: Instant);

    /// Called for each frame that the caller sends at `at`. Does nothing by default.
    fn sent(&mut self, audio: Audio<'_>, at: Instant) {
        let _ = (audio, at);
    }
}

/// Makes the tap of each call.
#[derive(Clone)]
pub(super) struct TapFactory(Arc<dyn Fn(Uuid) -> Box<dyn CallTap> + Send + Sync>);

impl TapFactory {
    pub(super) fn new<T: CallTap + 'static>(
        tap: impl Fn(Uuid) -> T + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |uuid| Box::new(tap(uuid))))
    }

    pub(super) fn tap(&self, uuid: Uuid) -> Box<dyn CallTap> {
        (self.0)(uuid)
    }
}

impl fmt::Debug for TapFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TapFactory")
    }
}
