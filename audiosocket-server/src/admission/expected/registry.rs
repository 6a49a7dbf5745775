use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::{AnnounceError, Duplicate};
use crate::{CallHandle, Refusal};
use audiosocket_proto::Timestamp;

/// How many UUIDs that are good no more are remembered, to say why.
const REMEMBERED: usize = 10_000;

/// Which UUID is good for what.
///
/// What is removed is given back, to be dropped by the caller once the lock is released. What peers
/// send adds nothing.
#[derive(Debug)]
pub(crate) struct Registry<M> {
    entries: HashMap<Uuid, Entry<M>>,
    /// Those that wait, by when they expire.
    due: BTreeMap<Due, Uuid>,
    /// Those that are past, the one that was first to be so ahead.
    past: BTreeMap<u64, Uuid>,
    last_id: u64,
}

/// When an announcement expires; the number keeps apart what expires at once.
type Due = (Timestamp, u64);

#[derive(Debug)]
enum Entry<M> {
    Waiting {
        metadata: Arc<M>,
        due: Due,
    },
    Live {
        id: u64,
        metadata: Arc<M>,
        /// Once the call has begun.
        handle: Option<CallHandle>,
    },
    Past {
        id: u64,
        fate: Fate,
    },
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Expired,
    Withdrawn,
    Used,
}

/// A call that was let in.
#[derive(Debug)]
pub(crate) struct Entered {
    /// Tells it from others of the same UUID.
    pub(crate) id: u64,
    /// The call whose place it takes.
    pub(crate) replaced: Option<CallHandle>,
}

/// What is to be dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "it is there to be dropped")]
pub(crate) struct Removed<M>(Option<Entry<M>>);

impl<M> Registry<M> {
    pub(crate) fn announce(
        &mut self,
        uuid: Uuid,
        metadata: Arc<M>,
        until: Timestamp,
        max_waiting: usize,
    ) -> Result<(), AnnounceError> {
        let past = match self.entries.get(&uuid) {
            Some(Entry::Waiting { .. }) => return Err(AnnounceError::Waiting),
            Some(Entry::Live { .. }) => return Err(AnnounceError::InCall),
            Some(Entry::Past { id, .. }) => Some(*id),
            None => None,
        };
        if self.due.len() >= max_waiting {
            return Err(AnnounceError::Full);
        }
        if let Some(id) = past {
            self.past.remove(&id);
        }
        let due = (until, self.new_id());
        self.due.insert(due, uuid);
        self.entries.insert(uuid, Entry::Waiting { metadata, due });
        Ok(())
    }

    pub(crate) fn withdraw(&mut self, uuid: Uuid) -> Option<Arc<M>> {
        let Some(Entry::Waiting { metadata, due }) = self.entries.get(&uuid) else {
            return None;
        };
        let metadata = Arc::clone(metadata);
        self.due.remove(due);
        self.retire(uuid, Fate::Withdrawn);
        Some(metadata)
    }

    /// Lets a call in, or says why not.
    pub(crate) fn enter(&mut self, uuid: Uuid, policy: Duplicate) -> Result<Entered, Refusal> {
        let reason = match self.entries.get(&uuid) {
            Some(Entry::Waiting { due, .. }) => {
                self.due.remove(due);
                return Ok(self.let_in(uuid));
            }
            Some(Entry::Live { .. }) if policy == Duplicate::Replace => {
                return Ok(self.let_in(uuid));
            }
            Some(Entry::Live { .. }) => "its UUID is that of a call that goes on",
            Some(Entry::Past { fate, .. }) => fate.reason(),
            None => "its UUID was not announced",
        };
        Err(Refusal::new(reason))
    }

    /// A call that was let in has begun. False if another took its place meanwhile.
    pub(crate) fn begin(&mut self, uuid: Uuid, call: u64, reached_by: &CallHandle) -> bool {
        match self.entries.get_mut(&uuid) {
            Some(Entry::Live { id, handle, .. }) if *id == call => {
                *handle = Some(reached_by.clone());
                true
            }
            _ => false,
        }
    }

    /// A call that was let in is over.
    pub(crate) fn leave(&mut self, uuid: Uuid, call: u64) -> Removed<M> {
        match self.entries.get(&uuid) {
            Some(Entry::Live { id, .. }) if *id == call => self.retire(uuid, Fate::Used),
            // Another took its place.
            _ => Removed(None),
        }
    }

    pub(crate) fn metadata(&self, uuid: Uuid) -> Option<Arc<M>> {
        match self.entries.get(&uuid) {
            Some(Entry::Live { metadata, .. }) => Some(Arc::clone(metadata)),
            _ => None,
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.due.len()
    }

    /// Takes out what has expired by `now`.
    pub(crate) fn purge(&mut self, now: Timestamp) -> Vec<Removed<M>> {
        let mut removed = Vec::new();
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now
        {
            let uuid = entry.remove();
            removed.push(self.retire(uuid, Fate::Expired));
        }
        removed
    }

    /// Makes a call of an announcement, or of the call whose place it takes.
    fn let_in(&mut self, uuid: Uuid) -> Entered {
        let new = self.new_id();
        let mut replaced = None;
        self.entries.entry(uuid).and_modify(|entry| match entry {
            Entry::Waiting { metadata, .. } => {
                *entry = Entry::Live {
                    id: new,
                    metadata: Arc::clone(metadata),
                    handle: None,
                };
            }
            Entry::Live { id, handle, .. } => {
                *id = new;
                replaced = handle.take();
            }
            Entry::Past { .. } => {}
        });
        Entered { id: new, replaced }
    }

    /// Keeps no more of it than what became of it, and forgets the oldest if these are too many.
    fn retire(&mut self, uuid: Uuid, fate: Fate) -> Removed<M> {
        if self.past.len() >= REMEMBERED
            && let Some((_, oldest)) = self.past.pop_first()
        {
            self.entries.remove(&oldest);
        }
        let id = self.new_id();
        self.past.insert(id, uuid);
        Removed(self.entries.insert(uuid, Entry::Past { id, fate }))
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
            due: BTreeMap::new(),
            past: BTreeMap::new(),
            last_id: 0,
        }
    }
}

impl Fate {
    fn reason(self) -> &'static str {
        match self {
            Self::Expired => "its UUID was announced, and has expired",
            Self::Withdrawn => "its UUID was announced, and withdrawn",
            Self::Used => "its UUID has been used",
        }
    }
}
