//! The headings of the help that several files use.

pub(super) const CALLS: &str = "Calls and report";
pub(super) const AUDIO: &str = "Audio";
