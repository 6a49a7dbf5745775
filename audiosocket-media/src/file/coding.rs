use std::path::Path;

use crate::{Encoding, Law, SampleRate, pcm};

/// The format of a file without a header, such as the sound files of Asterisk.
///
/// The audio is mono.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawFormat {
    /// The encoding of the samples.
    pub encoding: Encoding,
    /// The sample rate.
    pub rate: SampleRate,
}

impl RawFormat {
    /// Makes a format.
    #[must_use]
    pub const fn new(encoding: Encoding, rate: SampleRate) -> Self {
        Self { encoding, rate }
    }

    /// Returns the format that Asterisk uses for the extension of `path`, or `None` for another extension.
    ///
    /// The extensions are `sln` and `raw` (slin at 8 kHz), `sln12` to `sln192`, `ulaw`, `ul`, `mu`, `ulw` and `pcm`
    /// (µ-law), `alaw`, `al` and `alw` (A-law). Source: `formats/format_sln.c` and `format_pcm.c` of Asterisk.
    ///
    /// ```
    /// use audiosocket_media::file::RawFormat;
    /// use audiosocket_media::{Encoding, SampleRate};
    ///
    /// let format = RawFormat::of_path("/var/lib/asterisk/sounds/hello.sln16");
    /// assert_eq!(format, Some(RawFormat::new(Encoding::Slin, SampleRate::Hz16000)));
    /// assert_eq!(RawFormat::of_path("hello.wav"), None);
    /// ```
    #[must_use]
    pub fn of_path(path: impl AsRef<Path>) -> Option<Self> {
        let extension = path.as_ref().extension()?.to_str()?.to_ascii_lowercase();
        let (encoding, rate) = match &*extension {
            "sln" | "raw" => (Encoding::Slin, SampleRate::Hz8000),
            "sln12" => (Encoding::Slin, SampleRate::Hz12000),
            "sln16" => (Encoding::Slin, SampleRate::Hz16000),
            "sln24" => (Encoding::Slin, SampleRate::Hz24000),
            "sln32" => (Encoding::Slin, SampleRate::Hz32000),
            "sln44" => (Encoding::Slin, SampleRate::Hz44100),
            "sln48" => (Encoding::Slin, SampleRate::Hz48000),
            "sln96" => (Encoding::Slin, SampleRate::Hz96000),
            "sln192" => (Encoding::Slin, SampleRate::Hz192000),
            "ulaw" | "ul" | "mu" | "ulw" | "pcm" => (Encoding::G711(Law::Mu), SampleRate::Hz8000),
            "alaw" | "al" | "alw" => (Encoding::G711(Law::A), SampleRate::Hz8000),
            _ => return None,
        };
        Some(Self { encoding, rate })
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
}

impl Coding {
    /// The number of bytes of a sample.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Unsigned8 | Self::G711(_) => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// Decodes `bytes` to 16-bit samples and appends them. Wider samples are rounded and clipped.
    pub(super) fn decode(self, bytes: &[u8], samples: &mut Vec<i16>) {
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
        }
    }
}

impl From<Encoding> for Coding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Slin => Self::Signed16,
            Encoding::G711(law) => Self::G711(law),
        }
    }
}

/// Rounds a 32-bit sample to its most significant 16 bits.
fn round(sample: i32) -> i16 {
    let rounded = (i64::from(sample) + (1 << 15)) >> 16;
    rounded.min(i64::from(i16::MAX)) as i16
}
