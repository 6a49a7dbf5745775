use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::{AnnounceError, CallHandle, Duplicate, Refusal};
use audiosocket_proto::Timestamp;

/// The number of UUIDs that can no longer start a call and are remembered. A refusal of such a UUID has its reason.
const REMEMBERED: usize = 10_000;

/// The state of each UUID.
///
/// Methods return the values that they remove. The caller drops them after it has released the lock. Bytes from peers add
/// no entry.
#[derive(Debug)]
pub(super) struct Registry<M> {
    entries: HashMap<Uuid, ExpectedEntry<M>>,
    /// The entries that wait, by the time at which they expire.
    deadlines: BTreeMap<Deadline, Uuid>,
    /// The retired entries, oldest first.
    retired: BTreeMap<u64, Uuid>,
    last_id: u64,
}

/// The time at which an announcement expires, and a unique number.
type Deadline = (Timestamp, u64);

#[derive(Debug)]
pub(super) enum ExpectedEntry<M> {
    Waiting {
        metadata: Arc<M>,
        deadline: Deadline,
    },
    InCall {
        id: u64,
        metadata: Arc<M>,
        handle: CallHandle,
    },
    Retired {
        id: u64,
        why: Retired,
    },
}

/// The reason for which a UUID can no longer start a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Retired {
    Expired,
    Withdrawn,
    Used,
}

/// A call that has started.
#[derive(Debug)]
pub(super) struct Started<M> {
    /// Distinguishes the call from others with the same UUID.
    pub(super) id: u64,
    pub(super) metadata: Arc<M>,
    /// The call that had this UUID before.
    pub(super) replaced: Option<CallHandle>,
}

impl<M> Registry<M> {
    pub(super) fn announce(
        &mut self,
        uuid: Uuid,
        metadata: Arc<M>,
        until: Timestamp,
        max_waiting: usize,
    ) -> Result<(), AnnounceError> {
        let retired = match self.entries.get(&uuid) {
            Some(ExpectedEntry::Waiting { .. }) => return Err(AnnounceError::Waiting),
            Some(ExpectedEntry::InCall { .. }) => return Err(AnnounceError::InCall),
            Some(ExpectedEntry::Retired { id, .. }) => Some(*id),
            None => None,
        };
        if self.deadlines.len() >= max_waiting {
            return Err(AnnounceError::Full);
        }
        if let Some(id) = retired {
            self.retired.remove(&id);
        }
        let deadline = (until, self.new_id());
        self.deadlines.insert(deadline, uuid);
        self.entries
            .insert(uuid, ExpectedEntry::Waiting { metadata, deadline });
        Ok(())
    }

    pub(super) fn withdraw(&mut self, uuid: Uuid) -> Option<Arc<M>> {
        let Some(ExpectedEntry::Waiting { metadata, deadline }) = self.entries.get(&uuid) else {
            return None;
        };
        let metadata = Arc::clone(metadata);
        self.deadlines.remove(deadline);
        self.retire(uuid, Retired::Withdrawn);
        Some(metadata)
    }

    /// Starts a call with this UUID, or returns the reason for which it may not start.
    pub(super) fn start(
        &mut self,
        uuid: Uuid,
        call: &CallHandle,
        policy: Duplicate,
    ) -> Result<Started<M>, Refusal> {
        let id = self.new_id();
        let entry = self.entries.get_mut(&uuid);
        let (metadata, replaced) = match entry {
            Some(ExpectedEntry::Waiting { metadata, deadline }) => {
                self.deadlines.remove(deadline);
                let metadata = Arc::clone(metadata);
                self.entries.insert(
                    uuid,
                    ExpectedEntry::InCall {
                        id,
                        metadata: Arc::clone(&metadata),
                        handle: call.clone(),
                    },
                );
                (metadata, None)
            }
            Some(ExpectedEntry::InCall {
                id: current,
                metadata,
                handle,
            }) if policy == Duplicate::Replace => {
                *current = id;
                let replaced = std::mem::replace(handle, call.clone());
                (Arc::clone(metadata), Some(replaced))
            }
            Some(ExpectedEntry::InCall { .. }) => {
                return Err(Refusal::new("a call with its UUID goes on"));
            }
            Some(ExpectedEntry::Retired { why, .. }) => return Err(Refusal::new(why.reason())),
            None => return Err(Refusal::new("its UUID was not announced")),
        };
        Ok(Started {
            id,
            metadata,
            replaced,
        })
    }

    /// Retires the UUID of a call that is over, unless another call has replaced it.
    pub(super) fn end(&mut self, uuid: Uuid, call: u64) -> Option<ExpectedEntry<M>> {
        match self.entries.get(&uuid) {
            Some(ExpectedEntry::InCall { id, .. }) if *id == call => {
                self.retire(uuid, Retired::Used)
            }
            _ => None,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.deadlines.len()
    }

    /// Removes the announcements that have expired by `now`.
    pub(super) fn purge(&mut self, now: Timestamp) -> Vec<ExpectedEntry<M>> {
        let mut removed = Vec::new();
        while let Some(entry) = self.deadlines.first_entry()
            && entry.key().0 <= now
        {
            let uuid = entry.remove();
            removed.extend(self.retire(uuid, Retired::Expired));
        }
        removed
    }

    /// Retires a UUID: keeps only the reason `why`. Removes the oldest retired UUID if there are too many.
    fn retire(&mut self, uuid: Uuid, why: Retired) -> Option<ExpectedEntry<M>> {
        if self.retired.len() >= REMEMBERED
            && let Some((_, oldest)) = self.retired.pop_first()
        {
            self.entries.remove(&oldest);
        }
        let id = self.new_id();
        self.retired.insert(id, uuid);
        self.entries
            .insert(uuid, ExpectedEntry::Retired { id, why })
    }

    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl<M> Default for Registry<M> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            deadlines: BTreeMap::new(),
            retired: BTreeMap::new(),
            last_id: 0,
        }
    }
}

impl Retired {
    fn reason(self) -> &'static str {
        match self {
            Self::Expired => "its UUID was announced, and has expired",
            Self::Withdrawn => "its UUID was announced, and withdrawn",
            Self::Used => "its UUID has been used",
        }
    }
}
