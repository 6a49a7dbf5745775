//! The cases, by what they are about. What each one pins is said above it; it fails by panicking.

pub(crate) mod framing;
