use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::CallHandle;
use crate::call::control::CommandSource;

static NEXT_TICKET: AtomicU64 = AtomicU64::new(1);

/// Says that audio comes in parts, until it is dropped; see [`CallHandle::prebuffer`].
#[derive(Debug)]
#[must_use = "dropping it says that all parts are queued"]
pub struct Prebuffer {
    call: CallHandle,
    /// Identifies the latest prebuffer of the call.
    ticket: u64,
}

impl Prebuffer {
    pub(crate) fn new(call: CallHandle, amount: Duration) -> Self {
        let ticket = NEXT_TICKET.fetch_add(1, Ordering::Relaxed);
        call.control().change(CommandSource::Handle, |inner, _, _| {
            inner.rare().prebuffer = ticket;
            inner.playout.prebuffer(amount);
        });
        Self { call, ticket }
    }
}

impl Drop for Prebuffer {
    fn drop(&mut self) {
        let control = self.call.control();
        control.change(CommandSource::Handle, |inner, _, _| {
            let rare = inner.rare.as_deref();
            // A later prebuffer goes on.
            if rare.is_some_and(|rare| rare.prebuffer == self.ticket) {
                inner.playout.complete();
            }
        });
    }
}
