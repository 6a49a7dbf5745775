use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audiosocket_proto::Uuid;
use audiosocket_server::{Call, CallHandle, Peer};
use audiosocket_testing::transcript::{Entry, Record, Transcript};

/// The records of all connections, separate for each peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcripts {
    entries: Transcript,
    counts: Arc<Mutex<HashMap<SocketAddr, Counts>>>,
    /// The frames that observed calls have sent, as lines.
    sent: Arc<Mutex<HashMap<Peer, SentLines>>>,
}

pub(crate) type SentLines = Arc<Mutex<Vec<String>>>;

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// The number of records that the case has checked.
    expected: usize,
    /// The number of orders without a record.
    unrecorded: usize,
}

impl Transcripts {
    /// The transcript of the handlers.
    pub(crate) fn entries(&self) -> &Transcript {
        &self.entries
    }

    /// Adds a line about `call`.
    pub(crate) fn note(&self, call: &Call<'_>, line: String) {
        self.entries.note_about(call, line);
    }

    /// Returns the lines about the frames that `call` has sent.
    pub(crate) fn sent(&self, call: &Call<'_>) -> SentLines {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.entry(call.peer().clone()).or_default().clone()
    }

    /// Returns the records of a peer as lines.
    pub(crate) fn lines(&self, peer: SocketAddr) -> Vec<String> {
        let mut accepted = None;
        self.entries.with(|entries| {
            let of_peer = entries.iter().filter(|entry| addr(entry) == Some(peer));
            of_peer.map(|entry| line(entry, &mut accepted)).collect()
        })
    }

    /// Returns the number of records of a peer.
    pub(crate) fn len(&self, peer: SocketAddr) -> usize {
        let of_peer = |entry: &&Entry| addr(entry) == Some(peer);
        self.entries
            .with(|entries| entries.iter().filter(of_peer).count())
    }

    /// Returns the handle of the newest call of a peer, if it has started.
    pub(crate) fn handle(&self, peer: SocketAddr) -> Option<CallHandle> {
        self.entries.with(|entries| {
            let of_peer = entries.iter().filter(|entry| addr(entry) == Some(peer));
            of_peer.rev().find_map(|entry| entry.handle.clone())
        })
    }

    pub(crate) fn expected(&self, peer: SocketAddr) -> usize {
        self.counts().entry(peer).or_default().expected
    }

    pub(crate) fn set_expected(&self, peer: SocketAddr, count: usize) {
        self.counts().entry(peer).or_default().expected = count;
    }

    pub(crate) fn unrecorded(&self, peer: SocketAddr) -> usize {
        self.counts().entry(peer).or_default().unrecorded
    }

    /// Counts an order without a record.
    pub(crate) fn count_unrecorded(&self, peer: SocketAddr) {
        self.counts().entry(peer).or_default().unrecorded += 1;
    }

    /// Returns the records that the case has not checked.
    pub(crate) fn unexpected(&self) -> Vec<String> {
        let peers: Vec<_> = self.entries.with(|entries| {
            let mut peers: Vec<_> = entries.iter().filter_map(addr).collect();
            peers.sort_unstable();
            peers.dedup();
            peers
        });
        let of_peer = |peer| self.lines(peer).split_off(self.expected(peer));
        peers.into_iter().flat_map(of_peer).collect()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<SocketAddr, Counts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn addr(entry: &Entry) -> Option<SocketAddr> {
    entry.peer.as_ref()?.socket_addr()
}

/// Returns a record as a line. `accepted` is the latest UUID of the peer. The callbacks of its handler must be about
/// that call.
fn line(entry: &Entry, accepted: &mut Option<Uuid>) -> String {
    let line = match &entry.record {
        Record::Accept(uuid) => {
            *accepted = Some(*uuid);
            format!("accept {}", name(*uuid))
        }
        Record::Audio(rate, payload) => audio_record(rate.format_name(), payload),
        Record::Ignored(kind, payload) => format!("ignored {kind} {}", digest(payload)),
        other => other.to_string(),
    };
    if entry.uuid.is_some() && entry.uuid != *accepted {
        return format!("of another call: {line}");
    }
    line
}

/// Returns the bytes of a UUID as text, or the usual form of the UUID if they are not text.
pub(crate) fn name(uuid: Uuid) -> String {
    match str::from_utf8(uuid.as_bytes()) {
        Ok(text) if !text.contains(char::is_control) => text.trim_end().to_owned(),
        _ => uuid.to_string(),
    }
}

/// Returns a payload as text for a transcript: up to 24 bytes as text, and longer ones as their length and a checksum
/// (FNV-1a).
pub(crate) fn digest(payload: &[u8]) -> String {
    if payload.len() <= 24 {
        return format!("\"{}\"", payload.escape_ascii());
    }
    let sum = payload.iter().fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    format!("{} bytes {sum:08x}", payload.len())
}

/// Returns the record of this audio.
pub(crate) fn audio_record(rate: &str, payload: &[u8]) -> String {
    format!("audio {rate} {}", digest(payload))
}

/// Returns the record of the statistics of a call that has played nothing, from the text of its session's counters.
pub(crate) fn stats_record(session: &str) -> String {
    format!(
        "CallStats {{ session: SessionStats {{ {session} }}, \
         playout: PlayoutStats {{ frames: 0, late: 0, underruns: 0, silence: 0, samples_played: 0, samples_dropped: 0, \
         lateness: DurationHistogram {{ counts: [0, 0, 0, 0, 0, 0], sum: 0ns }}, barge_ins: 0, cleared: 0ns, depth: 0ns }}, \
         rate_sent: Some(Hz8000), retransmissions: None }}"
    )
}
