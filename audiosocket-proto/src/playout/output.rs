use crate::AudioBuf;

/// The next action of the driver of a playout; see [`Playout::poll`](crate::Playout::poll).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver has to handle every output"
)]
pub enum PlayoutOutput {
    /// Nothing to do until [`Playout::poll_timeout`](crate::Playout::poll_timeout).
    Idle,
    /// Send this as one frame.
    Frame(AudioBuf),
    /// Hang up. All audio before [`Playout::hangup`](crate::Playout::hangup) was played.
    Hangup,
}

/// The outcome of a mark: whether the audio before it was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum MarkOutcome {
    /// All of it was played, and written to the connection.
    Played,
    /// At least a part of it was cleared.
    Cleared,
    /// The call was over first. Only futures return this: no mark comes after the end of a call.
    CallOver,
}
