use std::fmt;
use std::time::Instant;

use audiosocket_proto::Audio;

use super::detector::CodecDetector;
use super::{Codec, is_silence};
use crate::g722::G722;
use crate::{SampleRate, pcm};

/// The most bytes that are held back until the codec is known: 500 ms of slin at 8 kHz, 1 s of
/// G.711. Older bytes are left out.
const MAX_HELD: usize = 8_000;

/// The audio of one call, as samples, whatever the frames of kind `0x10` carry.
///
/// Asterisk sends other audio than slin at 8 kHz under kind `0x10` in two cases. `Dial` without
/// `c(slin)` sends the codec of the call. Releases before 20.17, 21.12, 22.7 and 23.1 send slin of
/// all sample rates. (Source: `chan_audiosocket.c` and `res_audiosocket.c`.) An `AudioDecoder` finds
/// out which it is, decodes slin, G.711 and G.722, and keeps compressed audio apart. Frames of other
/// kinds are slin at the rate of their kind. Wide slin in frames of 320 bytes or less counts as
/// 8 kHz, unless [`with_input_rate`](Self::with_input_rate) sets its rate.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use audiosocket_media::{AudioDecoder, Codec, Decoded, Law, SampleRate};
/// use audiosocket_proto::Audio;
///
/// let tone = (0..160).map(|at| (8_000.0 * (at as f32 / 5.0).sin()) as i16);
/// let payload: Vec<u8> = tone.map(|sample| Law::A.encode_sample(sample)).collect();
///
/// let mut decoder = AudioDecoder::new();
/// let mut samples = 0;
/// let start = Instant::now();
/// for frame in 0..5 {
///     let at = start + frame * Duration::from_millis(20);
///     match decoder.push(Audio::new(SampleRate::Hz8000, &payload), at) {
///         Decoded::Samples { samples: decoded, .. } => samples += decoded.len(),
///         Decoded::NotLinear(codec) => panic!("{codec}"),
///         _ => {} // undecided: these samples come with the first ones
///     }
/// }
/// assert_eq!(decoder.codec(), Some(Codec::G711(Law::A)));
/// assert_eq!(samples, 5 * 160);
/// ```
///
/// Latency: none once the codec is known, which takes 10 to 40 ms of speech. Cost: see the
/// [table](crate#what-it-costs). Allocates its buffers once, and nothing for a frame.
pub struct AudioDecoder {
    /// The codec of kind `0x10`, once it is known.
    codec: Option<Codec>,
    /// The sample rate of slin under kind `0x10`, once it is known.
    rate: Option<SampleRate>,
    /// `None` once there is nothing more to find out.
    detector: Option<Box<CodecDetector>>,
    g722: G722,
    held: Vec<u8>,
    samples: Vec<i16>,
    warning: Option<AudioWarning>,
}

/// What an [`AudioDecoder`] makes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decoded<'a> {
    /// Samples of this frame, and of frames before it that were held back.
    Samples {
        /// The sample rate. For slin under kind `0x10` it is the likely one until it is measured: 8 kHz for the first
        /// three frames at least.
        rate: SampleRate,
        /// The samples; none for a frame that is too short for one.
        samples: &'a [i16],
    },
    /// The codec is not known yet. The frame is held back.
    Undecided,
    /// The audio is compressed with what is likely this codec. It cannot be decoded here: keep the
    /// bytes, and play nothing.
    NotLinear(Codec),
}

/// What an operator should know about the audio of a call, with the remedy as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudioWarning {
    /// The audio under kind `0x10` is compressed with what is likely this codec.
    NotLinear(Codec),
    /// Slin of a wide sample rate came under kind `0x10`.
    WideRate(SampleRate),
}

impl fmt::Display for AudioWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLinear(Codec::Unknown) => {
                f.write_str("the audio is compressed with an unknown codec")?;
            }
            Self::NotLinear(codec) => write!(f, "the audio is not linear, but likely {codec}")?,
            Self::WideRate(rate) => {
                return write!(
                    f,
                    "the audio is slin at {} Hz in frames of kind 0x10, which means 8,000 Hz: this Asterisk is older \
                     than 20.17, 21.12, 22.7 or 23.1; use c(slin), update Asterisk, or set --input-rate {}",
                    rate.hz(),
                    rate.hz()
                );
            }
        }
        f.write_str(": use Dial(AudioSocket/HOST:PORT/UUID/c(slin)) in the dialplan")
    }
}

impl Default for AudioDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl AudioDecoder {
    /// A decoder that finds out what frames of kind `0x10` carry.
    #[must_use]
    pub fn new() -> Self {
        Self {
            codec: None,
            rate: None,
            detector: Some(Box::default()),
            g722: G722::default(),
            held: Vec::new(),
            samples: Vec::new(),
            warning: None,
        }
    }

    /// Sets the codec of frames of kind `0x10`. The sample rate of [`Codec::Slin`] is still measured.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.codec = Some(codec);
        if codec != Codec::Slin {
            self.detector = None;
        }
        self
    }

    /// Sets that frames of kind `0x10` carry slin at `rate`. Nothing is measured.
    #[must_use]
    pub fn with_input_rate(mut self, rate: SampleRate) -> Self {
        self.codec = Some(Codec::Slin);
        self.rate = Some(rate);
        self.detector = None;
        self
    }

    /// Takes the next frame of the call, which arrived at `at`. Returns its samples, if they are
    /// known.
    ///
    /// Until the codec is known, frames that can be slin are decoded as slin, and frames of
    /// complete silence give silence. From the first other frame on, frames are held back. Of more
    /// than 8,000 bytes that are held, the oldest are left out.
    #[inline]
    pub fn push(&mut self, audio: Audio<'_>, at: Instant) -> Decoded<'_> {
        self.samples.clear();
        let codec = match (self.codec, &self.detector) {
            // Nothing is left to find out. Most frames take this way.
            (Some(codec), None) => codec,
            _ => match self.examine(audio, at) {
                Some(codec) => codec,
                None => return self.push_undecided(audio.payload()),
            },
        };
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            let (codec, narrow) = (self.likely_codec(), Audio::new(SampleRate::Hz8000, &held));
            self.decode_as(codec, narrow);
        }
        match self.decode_as(codec, audio) {
            Some(rate) => self.decoded(rate),
            None => Decoded::NotLinear(codec),
        }
    }

    #[cold]
    fn push_undecided(&mut self, payload: &[u8]) -> Decoded<'_> {
        let is_silence = is_silence(payload);
        let can_be_slin = || self.detector.as_ref().is_some_and(|it| it.can_be_slin());
        if !self.held.is_empty() || !(is_silence || can_be_slin()) {
            self.hold(payload);
            return Decoded::Undecided;
        }
        if is_silence && payload.first() != Some(&0) {
            // Each byte is a sample of G.711.
            self.samples.resize(payload.len(), 0);
            return self.decoded(SampleRate::Hz8000);
        }
        pcm::from_slin(payload, &mut self.samples);
        self.decoded(self.likely_rate())
    }

    /// Takes the next frame, as [`push`](Self::push) does, but holds nothing. Returns the codec of
    /// the frame, once it is known: slin for all kinds but `0x10`.
    ///
    /// With [`decode`](Self::decode) it serves users that hold frames themselves.
    pub fn examine(&mut self, audio: Audio<'_>, at: Instant) -> Option<Codec> {
        if audio.rate() != SampleRate::Hz8000 {
            return Some(Codec::Slin);
        }
        if let Some(detector) = &mut self.detector {
            if self.codec.is_some() {
                detector.push_time(audio.payload().len(), at);
            } else {
                self.codec = detector.push(audio.payload(), at);
            }
            let slin_rate = detector.slin_rate();
            self.settle(slin_rate);
        }
        self.codec
    }

    /// Appends the samples of a frame, and returns their rate. Returns `None` if the audio cannot be
    /// decoded. Until the codec is known, this is the likeliest one.
    ///
    /// G.722 needs each frame once, in order.
    pub fn decode(&mut self, audio: Audio<'_>, samples: &mut Vec<i16>) -> Option<SampleRate> {
        let slin_rate = self.rate.unwrap_or(SampleRate::Hz8000);
        decode(
            self.likely_codec(),
            slin_rate,
            &mut self.g722,
            audio,
            samples,
        )
    }

    /// Appends the samples of a frame of `codec` to `self.samples`, and returns their rate.
    fn decode_as(&mut self, codec: Codec, audio: Audio<'_>) -> Option<SampleRate> {
        let rate = self.likely_rate();
        decode(codec, rate, &mut self.g722, audio, &mut self.samples)
    }

    /// The codec of frames of kind `0x10`, once it is known.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// The likeliest codec of frames of kind `0x10`; slin without evidence.
    #[must_use]
    pub fn likely_codec(&self) -> Codec {
        let likely = || self.detector.as_ref().map(|detector| detector.likely());
        self.codec.or_else(likely).unwrap_or(Codec::Slin)
    }

    /// Ends the detection with the likeliest codec and rate, for a call that is too short to know more.
    pub fn finish(&mut self) {
        if self.detector.is_some() {
            self.codec = Some(self.likely_codec());
            self.settle(Some(Some(self.likely_rate())));
        }
    }

    /// The rate of slin under kind `0x10`: measured, or likely.
    fn likely_rate(&self) -> SampleRate {
        let likely = || {
            self.detector
                .as_ref()
                .map(|detector| detector.likely_rate())
        };
        self.rate.or_else(likely).unwrap_or(SampleRate::Hz8000)
    }

    /// Whether the sample rate of frames of kind `0x10` is known: always for other codecs than
    /// slin.
    #[must_use]
    pub fn is_rate_known(&self) -> bool {
        self.codec.is_some() && self.detector.is_none()
    }

    /// Returns a warning for the operator, once for each call.
    pub fn take_warning(&mut self) -> Option<AudioWarning> {
        self.warning.take()
    }

    /// Ends the detection once there is nothing more to find out.
    fn settle(&mut self, measured: Option<Option<SampleRate>>) {
        let Some(codec) = self.codec else { return };
        match (codec, measured) {
            (Codec::Slin, None) => return,
            (Codec::Slin, Some(rate)) => {
                self.rate = rate;
                self.warning = rate
                    .filter(|rate| *rate != SampleRate::Hz8000)
                    .map(AudioWarning::WideRate);
            }
            (Codec::G711(_) | Codec::G722, _) => {}
            _ => {
                self.warning = Some(AudioWarning::NotLinear(codec));
                self.held = Vec::new();
            }
        }
        self.detector = None;
    }

    fn hold(&mut self, payload: &[u8]) {
        if self.held.capacity() == 0 {
            self.held.reserve_exact(MAX_HELD);
        }
        let payload = &payload[payload.len().saturating_sub(MAX_HELD)..];
        let all = self.held.len() + payload.len();
        if all > MAX_HELD {
            // Whole samples of slin.
            let oldest = (all - MAX_HELD).next_multiple_of(2).min(self.held.len());
            self.held.drain(..oldest);
        }
        self.held.extend_from_slice(payload);
    }

    fn decoded(&self, rate: SampleRate) -> Decoded<'_> {
        Decoded::Samples {
            rate,
            samples: &self.samples,
        }
    }
}

/// Appends the samples of a frame, and returns their rate. A frame of kind `0x10` has `codec`, or slin at `slin_rate`.
#[inline]
fn decode(
    codec: Codec,
    slin_rate: SampleRate,
    g722: &mut G722,
    audio: Audio<'_>,
    samples: &mut Vec<i16>,
) -> Option<SampleRate> {
    let payload = audio.payload();
    let rate = match (audio.rate(), codec) {
        (SampleRate::Hz8000, Codec::Slin) => slin_rate,
        (SampleRate::Hz8000, Codec::G711(law)) => {
            law.decode(payload, samples);
            return Some(SampleRate::Hz8000);
        }
        (SampleRate::Hz8000, Codec::G722) => {
            g722.decode(payload, samples);
            return Some(SampleRate::Hz16000);
        }
        (SampleRate::Hz8000, _) => return None,
        (rate, _) => rate,
    };
    pcm::from_slin(payload, samples);
    Some(rate)
}

impl fmt::Debug for AudioDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioDecoder")
            .field("codec", &self.codec)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}
