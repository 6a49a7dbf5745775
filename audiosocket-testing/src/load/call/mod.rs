//! One call, from its connection to its outcome.

mod caller;
mod outcome;
mod schedule;

pub(super) use caller::place;
pub(super) use outcome::{CallOutcome, HangupBy, Verdict};
