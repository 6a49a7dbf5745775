//! One call, from its connection to its outcome.

mod caller;
mod cue_player;
mod ending;
mod outcome;
mod scenario_player;
mod schedule;

pub(super) use caller::place;
pub(super) use outcome::{CallOutcome, HangupBy, Verdict};
