use std::fmt;

/// A law of ITU-T G.711: µ-law or A-law. Each code is one byte and stands for one sample at 8 kHz.
///
/// `Dial(AudioSocket/...)` without `c(slin)` sends the codec of the caller, which is often one of the two. Audio to
/// Asterisk is always slin: decode the audio that arrives, and send samples without encoding them.
///
/// ```
/// use audiosocket_media::Law;
///
/// let mut samples = Vec::new();
/// Law::A.decode(&[0xd5, 0x55, 0x80, 0xaa], &mut samples);
/// assert_eq!(samples, [8, -8, 5504, 32256]); // A-law has no zero
/// ```
///
/// Decoding returns the values of the ITU's software tools (G.191), as all programs do. G.711 does not define the code of
/// a sample that is equal to a decision value. This implementation follows G.191. Programs that follow Sun's `g711.c`
/// differ from it: CPython's `audioop` by one step for 508 of the 65,536 samples in µ-law, and for none in A-law.
///
/// The crate `audio-codec-algorithms` does the conversion. It has no dependencies and no `unsafe`, and is tested against
/// G.191.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "G.711 has two laws")]
pub enum Law {
    /// µ-law, in Asterisk `ulaw`. North America and Japan use it.
    Mu,
    /// A-law, in Asterisk `alaw`. The rest of the world uses it.
    A,
}

impl Law {
    /// Returns the sample of `code`.
    ///
    /// µ-law samples have 14 significant bits and magnitudes up to 32,124. A-law samples have 13 significant bits and
    /// magnitudes up to 32,256.
    #[must_use]
    #[inline]
    pub fn decode_sample(self, code: u8) -> i16 {
        match self {
            Self::Mu => audio_codec_algorithms::decode_ulaw(code),
            Self::A => audio_codec_algorithms::decode_alaw(code),
        }
    }

    /// Returns the code that is nearest to `sample`. A sample above the loudest code becomes the loudest code.
    #[must_use]
    #[inline]
    pub fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Self::Mu => audio_codec_algorithms::encode_ulaw(sample),
            Self::A => audio_codec_algorithms::encode_alaw(sample),
        }
    }

    /// Appends the samples of `codes` to `samples`.
    pub fn decode(self, codes: &[u8], samples: &mut Vec<i16>) {
        let start = samples.len();
        samples.resize(start + codes.len(), 0);
        self.decode_into(codes, &mut samples[start..]);
    }

    /// Appends the codes of `samples` to `codes`.
    pub fn encode(self, samples: &[i16], codes: &mut Vec<u8>) {
        let start = codes.len();
        codes.resize(start + samples.len(), 0);
        self.encode_into(samples, &mut codes[start..]);
    }

    /// Decodes `codes` and overwrites `samples` with the result.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn decode_into(self, codes: &[u8], samples: &mut [i16]) {
        assert_eq!(
            codes.len(),
            samples.len(),
            "codes and samples must have the same length"
        );
        for (sample, code) in samples.iter_mut().zip(codes) {
            *sample = self.decode_sample(*code);
        }
    }

    /// Encodes `samples` and overwrites `codes` with the result.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn encode_into(self, samples: &[i16], codes: &mut [u8]) {
        assert_eq!(
            codes.len(),
            samples.len(),
            "codes and samples must have the same length"
        );
        for (code, sample) in codes.iter_mut().zip(samples) {
            *code = self.encode_sample(*sample);
        }
    }

    /// Returns the code for silence: `0xff` in µ-law, with the sample 0; `0xd5` in A-law, with the sample 8.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xff,
            Self::A => 0xd5,
        }
    }

    /// Returns Asterisk's name of the format: `ulaw` or `alaw`.
    #[must_use]
    pub const fn format_name(self) -> &'static str {
        match self {
            Self::Mu => "ulaw",
            Self::A => "alaw",
        }
    }
}

impl fmt::Display for Law {
    /// Writes Asterisk's name of the format, see [`Law::format_name`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format_name())
    }
}

/// Audio without compression over time: slin or G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Signed 16-bit little-endian samples.
    Slin,
    /// G.711, one byte for each sample.
    G711(Law),
}
