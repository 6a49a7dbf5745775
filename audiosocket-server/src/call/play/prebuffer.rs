use std::time::Duration;

use crate::CallHandle;
use crate::call::control::CommandSource;

/// Says that audio comes in parts, until it is dropped; see [`CallHandle::prebuffer`].
#[derive(Debug)]
#[must_use = "dropping it says that all parts are queued"]
pub struct Prebuffer {
    call: CallHandle,
    /// The number of this prebuffer among those of the call.
    number: u64,
}

impl Prebuffer {
    pub(crate) fn new(call: CallHandle, amount: Duration) -> Self {
        let number = call.control().change(CommandSource::Handle, |inner, _, _| {
            inner.playout.prebuffer(amount);
            let rare = inner.rare();
            rare.prebuffers += 1;
            rare.prebuffers
        });
        Self { call, number }
    }
}

impl Drop for Prebuffer {
    fn drop(&mut self) {
        let control = self.call.control();
        control.change(CommandSource::Handle, |inner, _, _| {
            let rare = inner.rare.as_deref();
            // A later prebuffer goes on.
            if rare.is_some_and(|rare| rare.prebuffers == self.number) {
                inner.playout.complete();
            }
        });
    }
}
