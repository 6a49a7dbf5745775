use std::fmt;

use audio_codec::Decoder as _;
use audio_codec::g722::G722Decoder;

/// A decoder of G.722 at 64 kbit/s. Its state takes memory from the first byte on.
#[derive(Default)]
pub(crate) struct G722(Option<Box<G722Decoder>>);

impl G722 {
    /// Appends the samples of `payload` at 16 kHz: two for each byte. Needs each byte once, in order.
    pub(crate) fn decode(&mut self, payload: &[u8], samples: &mut Vec<i16>) {
        let decoder = self.0.get_or_insert_with(Box::default);
        let start = samples.len();
        samples.resize(start + 2 * payload.len(), 0);
        let written = decoder.decode_into(payload, &mut samples[start..]);
        samples.truncate(start + written.unwrap_or(0));
    }
}

impl fmt::Debug for G722 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("G722").finish_non_exhaustive()
    }
}
