//! The choices that a load test, its calls and its report share.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The way in which callers send audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LoadMode {
    /// One frame each ptime, like a real caller.
    #[default]
    Paced,
    /// This many frames in one write, and the next frames when all of them have come back.
    ClosedLoop(NonZeroU32),
    /// No audio.
    Quiet,
}

/// The condition for a successful call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Expect {
    /// The server sends back each byte of the caller's audio, in order.
    ///
    /// The server may cut frames differently, except those of given [audio](crate::load::LoadTest::audio).
    /// Frames of silence (all zero) need no echo and may come at any time. The server must not end
    /// the call.
    Echo,
    /// The server sends any audio that is not silence. It may end the call.
    Any,
    /// The server meets the expectations of a [scenario](crate::load::LoadTest::scenario).
    Scenario,
}
