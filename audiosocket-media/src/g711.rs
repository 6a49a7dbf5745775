use std::fmt;

/// The two laws of ITU-T G.711, each with one byte a sample: what `Dial(AudioSocket/...)` without
/// `c(slin)` delivers for a caller with that codec, always at 8 kHz.
///
/// Sent towards Asterisk, audio is always slin, whatever the call's codec: decode what comes, and
/// send what you have as it is.
///
/// ```
/// use audiosocket_media::Law;
///
/// let mut samples = Vec::new();
/// Law::A.decode(&[0xd5, 0x55, 0x80, 0xaa], &mut samples);
/// assert_eq!(samples, [8, -8, 5504, 32256]); // A-law has no zero
/// ```
///
/// Decoding gives the values of the ITU's own software tools (G.191), as all programs do. For
/// encoding G.711 leaves open what a sample just on a decision value becomes; this follows G.191,
/// and so differs from code in the tradition of Sun's `g711.c` (CPython's `audioop` in 508 of the
/// 65,536 inputs to µ-law, each by one step, in none to A-law).
///
/// The conversion itself is the crate `audio-codec-algorithms`: no dependencies, no `unsafe`,
/// tested against G.191, and in every build already, since `rubato` needs it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "G.711 has two laws")]
pub enum Law {
    /// µ-law, which Asterisk calls `ulaw`: North America and Japan.
    Mu,
    /// A-law, which Asterisk calls `alaw`: everywhere else.
    A,
}

impl Law {
    /// The sample that `code` stands for: 14 significant bits with µ-law (magnitudes up to
    /// 32,124), 13 with A-law (up to 32,256).
    ///
    /// Latency: none. Cost: a look-up.
    #[must_use]
    #[inline]
    pub fn decode_sample(self, code: u8) -> i16 {
        match self {
            Self::Mu => audio_codec_algorithms::decode_ulaw(code),
            Self::A => audio_codec_algorithms::decode_alaw(code),
        }
    }

    /// The code nearest to `sample`; what is louder than the loudest code becomes that.
    ///
    /// Latency: none. Cost: a few instructions, without a branch on the sample.
    #[must_use]
    #[inline]
    pub fn encode_sample(self, sample: i16) -> u8 {
        match self {
            Self::Mu => audio_codec_algorithms::encode_ulaw(sample),
            Self::A => audio_codec_algorithms::encode_alaw(sample),
        }
    }

    /// Appends the samples of `codes` to `samples`.
    ///
    /// Latency: none. Cost: see the [table](crate#what-it-costs).
    pub fn decode(self, codes: &[u8], samples: &mut Vec<i16>) {
        let start = samples.len();
        samples.resize(start + codes.len(), 0);
        self.decode_into(codes, &mut samples[start..]);
    }

    /// Appends the codes of `samples` to `codes`.
    ///
    /// Latency: none. Cost: see the [table](crate#what-it-costs).
    pub fn encode(self, samples: &[i16], codes: &mut Vec<u8>) {
        let start = codes.len();
        codes.resize(start + samples.len(), 0);
        self.encode_into(samples, &mut codes[start..]);
    }

    /// Writes the sample of each of `codes` over `samples`.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn decode_into(self, codes: &[u8], samples: &mut [i16]) {
        assert_eq!(codes.len(), samples.len(), "one sample for each code");
        for (sample, code) in samples.iter_mut().zip(codes) {
            *sample = self.decode_sample(*code);
        }
    }

    /// Writes the code of each of `samples` over `codes`.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn encode_into(self, samples: &[i16], codes: &mut [u8]) {
        assert_eq!(codes.len(), samples.len(), "one code for each sample");
        for (code, sample) in codes.iter_mut().zip(samples) {
            *code = self.encode_sample(*sample);
        }
    }

    /// The code that senders fill pauses with: `0xff`, which is 0, with µ-law; `0xd5`, which is 8,
    /// with A-law.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Mu => 0xff,
            Self::A => 0xd5,
        }
    }

    /// Asterisk's name of the format: `ulaw` or `alaw`.
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
