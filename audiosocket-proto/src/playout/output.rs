use crate::AudioBuf;

/// The next thing to do in order to play; see [`Playout::poll`](crate::Playout::poll).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver that ignores an instruction does not play"
)]
pub enum PlayoutOutput {
    /// Nothing until [`Playout::poll_timeout`](crate::Playout::poll_timeout).
    Idle,
    /// Send this as one frame.
    Frame(AudioBuf),
    /// Everything has been played that was queued before [`Playout::hangup`](crate::Playout::hangup): hang up.
    Hangup,
}

/// Whether the audio that was queued ahead of a mark was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum MarkOutcome {
    /// Its last sample has been written to the connection.
    Played,
    /// It was cleared, at least in part.
    Cleared,
    /// The call was over first. Only a future has this outcome: no mark comes after the end of a call.
    CallOver,
}
