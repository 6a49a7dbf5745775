use std::any::Any;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::{CallHandle, ExpectedCalls, Refusal};

/// The metadata of a call, of any type.
pub(crate) type Metadata = Arc<dyn Any + Send + Sync>;

/// [`ExpectedCalls`] with metadata of any type.
pub(crate) trait ExpectedUuids: Send + Sync {
    /// Starts a call with this UUID, or returns the reason for which it may not start.
    fn start(&self, call: &CallHandle, uuid: Uuid) -> Result<ExpectedCall, Refusal>;
}

/// An expected call that has started.
pub(crate) struct ExpectedCall {
    pub(crate) metadata: Metadata,
    /// Dropped after the call's handler.
    pub(crate) uuid_in_use: UuidInUse,
}

/// Keeps the UUID of a call in use until it is dropped.
pub(crate) type UuidInUse = Box<dyn Send>;

impl<M: Send + Sync + 'static> ExpectedUuids for ExpectedCalls<M> {
    fn start(&self, call: &CallHandle, uuid: Uuid) -> Result<ExpectedCall, Refusal> {
        let policy = self.settings.on_duplicate;
        let started = self.with(|registry, _now| registry.start(uuid, call, policy))?;
        let uuid_in_use = InUse {
            calls: self.clone(),
            uuid,
            id: started.id,
        };
        if let Some(replaced) = started.replaced {
            replaced.hangup();
        }
        Ok(ExpectedCall {
            metadata: started.metadata,
            uuid_in_use: Box::new(uuid_in_use),
        })
    }
}

struct InUse<M> {
    calls: ExpectedCalls<M>,
    uuid: Uuid,
    id: u64,
}

impl<M> Drop for InUse<M> {
    fn drop(&mut self) {
        let Self { uuid, id, .. } = *self;
        let removed = self.calls.with(|registry, _now| registry.end(uuid, id));
        // Not under the lock: this may run application code.
        drop(removed);
    }
}

impl fmt::Debug for ExpectedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExpectedCall").finish_non_exhaustive()
    }
}
