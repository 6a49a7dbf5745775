use std::time::Instant;

use super::Codec;
use super::adpcm::AdpcmBits;
use super::frame_clock::FrameClock;
use super::packets::Packets;
use super::predictor::{Predictor, step};
use crate::{Law, SampleRate};

/// Samples depend on each other in more ways than the predictors model: of the bits that the best
/// model saves, one in 16 counts.
const BELIEVED: f64 = 1.0 / 16.0;

/// A decision needs a model that is 2 to this power as likely as the next one.
const SURE: f64 = 7.0;

/// The distance in these bits from which on the bytes are not passed on as slin.
const NOT_SLIN: f64 = 2.0;
const NOT_SLIN_IF_RANDOM: f64 = 4.0;

/// What is enough once the decision falls.
const LIKELY: f64 = 1.3;

/// What a frame counts against a codec, if its length is not usual for the codec.
const UNUSUAL: f64 = 2.5;

/// Compressed audio takes this many bytes or frames: loud speech can look like it for a moment.
const COMPRESSED_BYTES: u64 = 800;
const COMPRESSED_FRAMES: u32 = 8;

/// Compressed audio has fewer bytes per second. Most codecs have 8,000 (64 kbit/s) or fewer.
const MOST_COMPRESSED: f64 = 10_400.0;

/// The decision falls after this many bytes that are not silence: two seconds of slin.
const MOST_BYTES: u64 = 32_000;

/// Finds out what frames of kind `0x10` carry, from their bytes, lengths and times.
///
/// [`AudioDecoder`](crate::AudioDecoder) uses it. Use it alone to know the codec, and to decode
/// nothing.
///
/// ```
/// use std::time::Instant;
///
/// use audiosocket_media::{Codec, CodecDetector, Law};
///
/// let mut detector = CodecDetector::default();
/// let at = Instant::now();
/// assert_eq!(detector.push(&[0xd5; 160], at), None); // silence decides nothing by itself
///
/// let tone = (0..480).map(|at| (8_000.0 * (at as f32 / 5.0).sin()) as i16);
/// let payload: Vec<u8> = tone.map(|sample| Law::A.encode_sample(sample)).collect();
/// assert_eq!(detector.push(&payload, at), Some(Codec::G711(Law::A)));
/// ```
///
/// # How it decides
///
/// Each codec is a way to predict the bytes. Decoded as slin, µ-law or A-law, audio is predictable:
/// a sample is near to the samples before it. The codes of G.722 and G.726 have a known
/// distribution. The bytes of other codecs are nearly random. The codec that would compress the
/// bytes best is the likeliest, and the number of bits that it saves over the next one is its
/// certainty.
///
/// Three more facts count. GSM 06.10 has a signature in each frame of 33 bytes. Slin and G.711 come
/// in multiples of 5 ms. After 700 ms of steady frames, the bytes per second are known: 16,000 for
/// slin at 8 kHz, 8,000 for G.711.
///
/// A byte that only repeats counts for nothing until then: as slin, `0xff` is as good a silence as
/// in µ-law. A decision falls after 32,000 other bytes in any case, and never changes: the codec of
/// a channel of Asterisk is that of its `Dial`.
///
/// Latency: 10 to 40 ms of speech. Cost: see the [table](crate#what-it-costs); nothing once it has
/// decided. It takes less than a kilobyte, and allocates nothing. It reads no clock.
#[derive(Clone, Debug, Default)]
pub struct CodecDetector {
    decided: Option<Codec>,
    clock: FrameClock,
    packets: Packets,
    slin: Predictor,
    mu: Predictor,
    a: Predictor,
    adpcm: AdpcmBits,
    /// The first byte of a pair whose second has not come.
    odd: Option<u8>,
    last: Option<u8>,
    /// How many bytes counted.
    counted: u64,
}

impl CodecDetector {
    /// Takes the payload of the next frame, which arrived at `at`. Returns the codec, once it is
    /// known.
    pub fn push(&mut self, payload: &[u8], at: Instant) -> Option<Codec> {
        if self.decided.is_some() {
            return self.decided;
        }
        self.clock.push(payload.len(), at);
        self.packets.push(payload);
        for byte in payload {
            match self.odd.take() {
                None => self.odd = Some(*byte),
                Some(first) => self.take(first, *byte),
            }
        }
        self.decided = self.decide();
        self.decided
    }

    /// The codec, once it is known.
    #[inline]
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        self.decided
    }

    /// Takes the time of a frame whose codec is known, to measure the sample rate.
    pub(super) fn push_time(&mut self, len: usize, at: Instant) {
        self.clock.push(len, at);
    }

    /// The sample rate of slin, once it is known, from the times of the frames. `Some(None)` means
    /// that it cannot be measured.
    pub(super) fn slin_rate(&self) -> Option<Option<SampleRate>> {
        let rate = self.clock.slin_rate();
        let is_over = self.clock.gave_up() || self.clock.is_short_and_fast();
        (rate.is_some() || is_over).then_some(rate)
    }

    /// The sample rate of slin that is likely so far: 8 kHz without evidence.
    pub(super) fn likely_rate(&self) -> SampleRate {
        self.clock.likely_rate()
    }

    /// Whether the frames so far can be slin. Without evidence they can.
    pub(super) fn can_be_slin(&self) -> bool {
        let [(_, slin), others @ .., (_, random)] = self.scores();
        let best = others.iter().map(|(_, bits)| *bits).fold(random, f64::min);
        let unusual = UNUSUAL * f64::from(self.packets.not_slin());
        let is_random = slin - unusual - random >= NOT_SLIN_IF_RANDOM;
        let is_other = best < random && slin - best >= NOT_SLIN;
        let lengths_fit = self.packets.can_be_slin();
        lengths_fit && !is_other && (!is_random || self.packets.are_long_slin())
    }

    /// The likeliest codec so far: slin without evidence.
    pub(super) fn likely(&self) -> Codec {
        if self.can_be_slin() && self.counted > 0 {
            return Codec::Slin;
        }
        let law = |law: &Law| self.last.is_some_and(|byte| byte | 0x80 == law.silence());
        if self.counted == 0 {
            let law = [Law::Mu, Law::A].into_iter().find(law);
            return law.map_or(Codec::Slin, Codec::G711);
        }
        let best = self
            .scores()
            .into_iter()
            .min_by(|(_, one), (_, other)| one.total_cmp(other));
        match best {
            Some((Codec::Unknown, _)) | None => self.packets.likely(),
            Some((codec, _)) => codec,
        }
    }

    /// What the bytes take with each codec, in bits that count.
    fn scores(&self) -> [(Codec, f64); 6] {
        let cost = |bits: f64, unusual: u32| bits * BELIEVED + UNUSUAL * f64::from(unusual);
        let (slin, g711) = (self.packets.not_slin(), self.packets.not_g711());
        [
            (Codec::Slin, cost(self.slin.bits, slin)),
            (Codec::G711(Law::Mu), cost(self.mu.bits, g711)),
            (Codec::G711(Law::A), cost(self.a.bits, g711)),
            (Codec::G722, cost(self.adpcm.g722(), g711)),
            (Codec::G726, cost(self.adpcm.g726(), g711)),
            (Codec::Unknown, cost(8.0 * self.counted as f64, 0)),
        ]
    }

    fn decide(&self) -> Option<Codec> {
        if self.packets.is_gsm() {
            return Some(Codec::Gsm);
        }
        // No other codec has that many bytes per second.
        if self.clock.slin_rate().is_some() {
            return Some(Codec::Slin);
        }
        if self.counted == 0 {
            return self.codec_of_silence();
        }
        let mut scores = self.scores();
        scores.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let [(codec, best), (_, second), ..] = scores;
        let sure = second - best >= SURE;
        match codec {
            Codec::Unknown if sure && self.counted < MOST_BYTES => {
                let enough = self.counted >= COMPRESSED_BYTES
                    || self.packets.frames() >= COMPRESSED_FRAMES && self.packets.not_g711() > 0;
                if !enough {
                    return None;
                }
                if !self.packets.are_long_slin() {
                    return Some(self.packets.likely());
                }
                // Noise of full scale looks compressed. Compressed audio has fewer bytes per second.
                let measured = self.clock.bytes_per_second()?;
                let is_slin = measured > MOST_COMPRESSED;
                Some(if is_slin {
                    Codec::Slin
                } else {
                    self.packets.likely()
                })
            }
            codec if sure && codec != Codec::Unknown => Some(codec),
            _ if self.counted < MOST_BYTES => None,
            Codec::Unknown if self.packets.are_long_slin() => Some(Codec::Slin),
            Codec::Unknown => Some(self.packets.likely()),
            codec if second - best >= LIKELY => Some(codec),
            _ => Some(Codec::Unknown),
        }
    }

    /// The codec of a byte that only repeats, once the clock excludes slin.
    fn codec_of_silence(&self) -> Option<Codec> {
        let law = [Law::Mu, Law::A]
            .into_iter()
            .find(|law| self.last.is_some_and(|byte| byte | 0x80 == law.silence()))?;
        let is_g711 = |rate: f64| (rate / 8_000.0 - 1.0).abs() < 0.12;
        let measured = self.clock.bytes_per_second()?;
        is_g711(measured).then_some(Codec::G711(law))
    }

    /// Takes a sample of slin, or two of G.711.
    fn take(&mut self, first: u8, second: u8) {
        let last = self.last.replace(second).unwrap_or(first);
        if first == second && first == last {
            return;
        }
        self.counted += 2;
        let sample = i16::from_le_bytes([first, second]);
        self.slin.take(f64::from(sample), 1.0);
        for code in [first, second] {
            let sample = f64::from(Law::Mu.decode_sample(code));
            self.mu
                .take(sample, step(8.0, (sample.abs() + 132.0) / 128.0));
            let sample = f64::from(Law::A.decode_sample(code));
            self.a.take(sample, step(16.0, sample.abs() / 256.0));
        }
        self.adpcm.take([first, second]);
    }
}
