//! Starts examples, calls them, and measures what callers receive.

pub(crate) mod caller;
pub(crate) mod certificates;
pub(crate) mod program;
pub(crate) mod sound;
