use crate::admission::counts::ConnectionClass;
use crate::admission::open_calls::OpenConnection;
use crate::admission::registration::{CallEntry, MAX_LINGERING, Registration};
use crate::admission::room_watch::wake;

impl Registration {
    /// Notes that the client of a proxy is known, and whether it was admitted.
    pub(crate) fn client_arrived(&self, admitted: bool) -> CallEntry {
        let mut guard = self.calls.lock();
        let open = &mut *guard;
        let mut entry = CallEntry {
            limit_reached: None,
            may_linger: true,
        };
        if let Some(OpenConnection { call, class }) = open.connections.get_mut(&self.id)
            && *class == ConnectionClass::PendingClient
        {
            let counted = open.counts.client_arrived(call.peer(), class, admitted);
            entry.limit_reached = counted.err();
            if *class == ConnectionClass::Refused {
                open.refused += 1;
                entry.may_linger = open.refused <= MAX_LINGERING;
            }
        }
        let woken = open.room_changed();
        drop(guard);
        wake(woken);
        entry
    }
}
