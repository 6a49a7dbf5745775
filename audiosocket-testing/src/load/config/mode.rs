//! The choices that a load test, its calls and its report share.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// How a caller sends audio while its call lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum LoadMode {
    /// One frame each ptime, as a real caller does.
    #[default]
    Paced,
    /// This many frames in one write, and as many again as soon as all of them have come back.
    ClosedLoop(NonZeroU32),
    /// No audio. The call exists and listens.
    Quiet,
}

/// What a server has to do for a call to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Expect {
    /// Send back every byte of the caller's audio, in order.
    ///
    /// The server may cut frames differently, except those of given [audio](crate::load::LoadTest::audio).
    /// Frames of silence (all zero) need no echo and may come at any time. The server must not end
    /// the call.
    Echo,
    /// Send any audio that is not silence. The server may end the call.
    Any,
}
