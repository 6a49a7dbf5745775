use std::fmt;

use audiosocket_proto::{DtmfDigit, End, FrameKind, MarkOutcome, SampleRate, Uuid};
use audiosocket_server::{Call, CallHandle, Peer};

/// The record of one callback, with its call.
///
/// `Display` shows the [record](Self::record) alone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The UUID of the call. `None` if there is no call.
    pub uuid: Option<Uuid>,
    /// The peer. `None` for a note without a call.
    pub peer: Option<Peer>,
    /// The handle of the call. `None` if the callback has no [`Call`].
    pub handle: Option<CallHandle>,
    /// The callback.
    pub record: Record,
}

/// A callback as a plain value.
///
/// | `Display` | |
/// |---|---|
/// | `accept 40325ec2-5efd-4bd3-805f-53576e581d13` | [`Accept`](Self::Accept) |
/// | `no call: no UUID came in time` | [`NoCall`](Self::NoCall) |
/// | `start` | [`Start`](Self::Start) |
/// | `audio slin 320 bytes` | [`Audio`](Self::Audio) |
/// | `dtmf 5` | [`Dtmf`](Self::Dtmf) |
/// | `mark 7: Played` | [`Mark`](Self::Mark) |
/// | `ignored 0x7f 3 bytes` | [`Ignored`](Self::Ignored) |
/// | `exception: the handler panicked: "why"` | [`Exception`](Self::Exception) |
/// | `shutdown` | [`Shutdown`](Self::Shutdown) |
/// | `end: closed by the peer` | [`End`](Self::End) |
/// | `drop` | [`Drop`](Self::Drop) |
/// | the text itself | [`Note`](Self::Note) |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Record {
    /// The acceptor's `accept`. It is recorded before the acceptor decides.
    Accept(Uuid),
    /// The acceptor's `on_exception`, with the exception's text.
    NoCall(String),
    /// `on_start`.
    Start,
    /// `on_audio`, with the whole payload.
    Audio(SampleRate, Vec<u8>),
    /// `on_dtmf`.
    Dtmf(DtmfDigit),
    /// `on_mark`.
    Mark(u64, MarkOutcome),
    /// `on_ignored`, with the frame's whole payload.
    Ignored(FrameKind, Vec<u8>),
    /// The handler's `on_exception`, with the exception's text.
    Exception(String),
    /// `on_shutdown`.
    Shutdown,
    /// `on_end`.
    End(End),
    /// The handler is dropped.
    Drop,
    /// A line that a test added.
    Note(String),
}

impl Entry {
    pub(super) fn about(call: &Call<'_>, record: Record) -> Self {
        Self {
            uuid: Some(call.uuid()),
            peer: Some(call.peer().clone()),
            handle: Some(call.handle()),
            record,
        }
    }

    pub(super) fn without_call(uuid: Option<Uuid>, peer: &Peer, record: Record) -> Self {
        Self {
            uuid,
            peer: Some(peer.clone()),
            handle: None,
            record,
        }
    }

    pub(super) fn note(text: String) -> Self {
        Self {
            uuid: None,
            peer: None,
            handle: None,
            record: Record::Note(text),
        }
    }
}

impl Record {
    /// Returns the name of the callback, such as `on_start`, or `accept`, `drop` or `note`.
    #[must_use]
    pub fn callback(&self) -> &'static str {
        match self {
            Self::Accept(_) => "accept",
            Self::Start => "on_start",
            Self::Audio(..) => "on_audio",
            Self::Dtmf(_) => "on_dtmf",
            Self::Mark(..) => "on_mark",
            Self::Ignored(..) => "on_ignored",
            Self::NoCall(_) | Self::Exception(_) => "on_exception",
            Self::Shutdown => "on_shutdown",
            Self::End(_) => "on_end",
            Self::Drop => "drop",
            Self::Note(_) => "note",
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(uuid) => write!(f, "accept {uuid}"),
            Self::NoCall(error) => write!(f, "no call: {error}"),
            Self::Start => f.write_str("start"),
            Self::Audio(rate, payload) => write!(f, "audio {rate} {} bytes", payload.len()),
            Self::Dtmf(digit) => write!(f, "dtmf {digit}"),
            Self::Mark(mark, outcome) => write!(f, "mark {mark}: {outcome:?}"),
            Self::Ignored(kind, payload) => write!(f, "ignored {kind} {} bytes", payload.len()),
            Self::Exception(error) => write!(f, "exception: {error}"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::End(end) => write!(f, "end: {end}"),
            Self::Drop => f.write_str("drop"),
            Self::Note(text) => f.write_str(text),
        }
    }
}
