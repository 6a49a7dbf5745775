use std::path::Path;

use crate::g722::G722;
use crate::{Law, SampleRate, pcm};

/// The format of a file without a header, such as the sound files of Asterisk.
///
/// The audio is mono.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFormat {
    pub(super) coding: Coding,
    pub(super) rate: SampleRate,
}

impl RawFormat {
    /// G.722 at 64 kbit/s, which has a sample rate of 16 kHz.
    pub const G722: Self = Self::new(Coding::G722, SampleRate::Hz16000);

    /// Slin at `rate`.
    #[must_use]
    pub const fn slin(rate: SampleRate) -> Self {
        Self::new(Coding::Signed16, rate)
    }

    /// A-law or µ-law at 8 kHz.
    #[must_use]
    pub const fn g711(law: Law) -> Self {
        Self::new(Coding::G711(law), SampleRate::Hz8000)
    }

    const fn new(coding: Coding, rate: SampleRate) -> Self {
        Self { coding, rate }
    }

    /// Returns the format that Asterisk uses for the extension of `path`, or `None` for another extension.
    ///
    /// The extensions are `sln` and `raw` (slin at 8 kHz), `sln12` to `sln192`, `ulaw`, `ul`, `mu`, `ulw` and `pcm`
    /// (µ-law), `alaw`, `al` and `alw` (A-law), and `g722`. Source: `formats/format_sln.c` and `format_pcm.c` of Asterisk.
    ///
    /// ```
    /// use audiosocket_media::SampleRate;
    /// use audiosocket_media::file::RawFormat;
    ///
    /// let format = RawFormat::of_path("/var/lib/asterisk/sounds/hello.sln16");
    /// assert_eq!(format, Some(RawFormat::slin(SampleRate::Hz16000)));
    /// assert_eq!(RawFormat::of_path("hello.wav"), None);
    /// ```
    #[must_use]
    pub fn of_path(path: impl AsRef<Path>) -> Option<Self> {
        let extension = path.as_ref().extension()?.to_str()?.to_ascii_lowercase();
        let rate = match &*extension {
            "sln" | "raw" => SampleRate::Hz8000,
            "sln12" => SampleRate::Hz12000,
            "sln16" => SampleRate::Hz16000,
            "sln24" => SampleRate::Hz24000,
            "sln32" => SampleRate::Hz32000,
            "sln44" => SampleRate::Hz44100,
            "sln48" => SampleRate::Hz48000,
            "sln96" => SampleRate::Hz96000,
            "sln192" => SampleRate::Hz192000,
            "ulaw" | "ul" | "mu" | "ulw" | "pcm" => return Some(Self::g711(Law::Mu)),
            "alaw" | "al" | "alw" => return Some(Self::g711(Law::A)),
            "g722" => return Some(Self::G722),
            _ => return None,
        };
        Some(Self::slin(rate))
    }
}

/// The coding of one sample in a file. All codings are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// 8-bit unsigned.
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
    G711(Law),
    /// A byte has two samples.
    G722,
}

impl Coding {
    /// The number of bytes of a sample, or of the two samples of G.722.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Unsigned8 | Self::G711(_) | Self::G722 => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// Decodes `bytes` to 16-bit samples and appends them. Wider samples are rounded and clipped. Only G.722 uses the state
    /// in `g722`.
    pub(super) fn decode(self, bytes: &[u8], g722: &mut G722, samples: &mut Vec<i16>) {
        match self {
            Self::Unsigned8 => {
                let signed = bytes.iter().map(|byte| (i16::from(*byte) - 128) << 8);
                samples.extend(signed);
            }
            Self::Signed16 => pcm::from_slin(bytes, samples),
            Self::Signed24 => {
                let (groups, _) = bytes.as_chunks::<3>();
                let wide = groups.iter().map(|[a, b, c]| [0, *a, *b, *c]);
                samples.extend(wide.map(|bytes| round(i32::from_le_bytes(bytes))));
            }
            Self::Signed32 => {
                let (groups, _) = bytes.as_chunks::<4>();
                samples.extend(groups.iter().map(|bytes| round(i32::from_le_bytes(*bytes))));
            }
            Self::Float32 => {
                let (groups, _) = bytes.as_chunks::<4>();
                let floats = groups.iter().map(|bytes| f32::from_le_bytes(*bytes));
                samples.extend(floats.map(|float| pcm::to_sample(float * 32_768.0)));
            }
            Self::Float64 => {
                let (groups, _) = bytes.as_chunks::<8>();
                let floats = groups.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32);
                samples.extend(floats.map(|float| pcm::to_sample(float * 32_768.0)));
            }
            Self::G711(law) => law.decode(bytes, samples),
            Self::G722 => g722.decode(bytes, samples),
        }
    }
}

/// Rounds a 32-bit sample to its most significant 16 bits.
fn round(sample: i32) -> i16 {
    let rounded = (i64::from(sample) + (1 << 15)) >> 16;
    rounded.min(i64::from(i16::MAX)) as i16
}
