use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::Lag;
use audiosocket_proto::{AudioBuf, DtmfDigit, End, MarkOutcome, PeerError};

/// An event of a call: see [`IncomingCall::next`](crate::IncomingCall::next).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallEvent {
    /// The call has started. Always the first event.
    Started,
    /// Audio from the caller. Never empty.
    Audio(AudioBuf),
    /// The caller pressed a key.
    Dtmf(DtmfDigit),
    /// The playout reached a [mark](crate::CallHandle::mark).
    Mark(u64, MarkOutcome),
    /// The application was too slow, and this audio was dropped. Comes before all events that still wait.
    Lagged(Lag),
    /// The peer broke the protocol or missed a deadline. If this error ends the call, [`Ended`](Self::Ended) follows.
    Exception(PeerError),
    /// The server began to shut down. Comes at most once. The call goes on until it ends, or until the grace is over and
    /// the server hangs it up.
    ShuttingDown,
    /// A value from an [`EventInjector`](crate::EventInjector).
    Injected(Injected),
    /// The call is over. Always the last event.
    Ended(End),
}

/// A value that the application added to the events of a call: see [`EventInjector`](crate::EventInjector). Cheap to clone.
#[derive(Clone)]
pub struct Injected(Arc<dyn Any + Send + Sync>);

impl Injected {
    pub(crate) fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// Returns the value if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// Returns the value if it is a `T`.
    ///
    /// # Errors
    ///
    /// `self` if the value is of another type.
    pub fn downcast<T: Any + Send + Sync>(self) -> Result<Arc<T>, Self> {
        self.0.downcast().map_err(Self)
    }
}

/// Equal if both are clones of one injected value.
impl PartialEq for Injected {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Injected {}

impl fmt::Debug for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injected").finish_non_exhaustive()
    }
}
