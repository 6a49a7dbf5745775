use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audiosocket_server::CallHandle;

/// What the handlers were told, a page for each peer, so that calls which go on at once cannot mix
/// up what is compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcripts {
    pages: Arc<Mutex<HashMap<SocketAddr, Page>>>,
}

#[derive(Debug, Default)]
pub(crate) struct Page {
    /// One for each callback, in order.
    pub(crate) lines: Vec<String>,
    /// How many of them a script has accounted for.
    pub(crate) claimed: usize,
    /// How often the handler was told to write nothing.
    pub(crate) unwritten: usize,
    /// Reaches the call from elsewhere, once it has begun.
    pub(crate) handle: Option<CallHandle>,
}

impl Transcripts {
    pub(crate) fn write(&self, peer: SocketAddr, line: String) {
        self.with(peer, |page| page.lines.push(line));
    }

    pub(crate) fn with<R>(&self, peer: SocketAddr, look: impl FnOnce(&mut Page) -> R) -> R {
        look(self.lock().entry(peer).or_default())
    }

    /// Lines that no script expected.
    pub(crate) fn unclaimed(&self) -> Vec<String> {
        let pages = self.lock();
        let unclaimed = pages.values().flat_map(|page| &page.lines[page.claimed..]);
        unclaimed.cloned().collect()
    }

    /// How many still write here, or could.
    pub(crate) fn writers(&self) -> usize {
        Arc::strong_count(&self.pages)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A payload in a transcript: its text if it is short, its length and a checksum (FNV-1a) if not.
pub(crate) fn digest(payload: &[u8]) -> String {
    if payload.len() <= 24 {
        return format!("\"{}\"", payload.escape_ascii());
    }
    let sum = payload.iter().fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    format!("{} bytes {sum:08x}", payload.len())
}

/// The line that tells of this audio.
pub(crate) fn heard(rate: &str, payload: &[u8]) -> String {
    format!("audio {rate} {}", digest(payload))
}
