//! What turns text into speech: the trait to implement for yours, and a stand-in.

use std::f64::consts::TAU;
use std::iter;

use audiosocket_media::{Resampler, SampleRate, pcm};

/// A speech synthesiser, for all calls.
pub(crate) trait Synthesiser: Send + Sync {
    /// The rate at which it speaks; 22.05 and 24 kHz are common. One that is not among AudioSocket's
    /// takes [`Resampler::between`] below.
    fn rate(&self) -> SampleRate;

    /// Speaks `text`, in pieces of mono samples.
    ///
    /// `next` may take its time: it is not called where calls are served. Give each piece out as
    /// soon as there is one, since the caller hears it while the next is made, and none of more
    /// than a second or so. An error ends the iterator.
    fn speak<'a>(&'a self, text: &'a str) -> Box<dyn Iterator<Item = Vec<i16>> + 'a>;
}

/// `text` as a call plays it: slin at the call's rate, piece by piece.
pub(crate) fn speech<'a>(
    synthesiser: &'a dyn Synthesiser,
    text: &'a str,
    rate: SampleRate,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    // One for all pieces, as it remembers: made anew for each, there would be a click between two.
    let mut resampler = Resampler::new(synthesiser.rate(), rate);
    let pieces = synthesiser.speak(text).map(Some);
    let slin = pieces.chain(iter::once(None)).map(move |piece| {
        let mut samples = Vec::new();
        match piece {
            Some(piece) => resampler.push(&piece, &mut samples),
            None => resampler.finish(&mut samples),
        }
        let mut slin = Vec::new();
        pcm::to_slin(&samples, &mut slin);
        slin
    });
    // The resampler keeps the last few milliseconds back, and so perhaps all of a short piece.
    slin.filter(|slin| !slin.is_empty())
}

/// Stands in for a synthesiser: says each word as a beep.
pub(crate) struct Beeps;

impl Synthesiser for Beeps {
    fn rate(&self) -> SampleRate {
        SampleRate::Hz24000
    }

    fn speak<'a>(&'a self, text: &'a str) -> Box<dyn Iterator<Item = Vec<i16>> + 'a> {
        Box::new(text.split_whitespace().map(|_| {
            let step = TAU * 600.0 / f64::from(self.rate().hz());
            let beep = (0..self.rate().hz() * 3 / 20).map(|at| (f64::from(at) * step).sin());
            let beep = beep.map(|sample| (sample * 8_000.0) as i16);
            let pause = iter::repeat_n(0, self.rate().hz() as usize / 10);
            beep.chain(pause).collect()
        }))
    }
}
