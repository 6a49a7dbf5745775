use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::FrameKind;

/// The nine sample rates of AudioSocket. Each has its own frame kind (`0x10` to `0x18`).
///
/// Samples are always signed 16-bit little-endian mono PCM, which Asterisk calls *slin*
/// (`include/asterisk/format_cache.h`; `res/res_audiosocket.c` maps kinds to formats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SampleRate {
    /// 8 kHz, `slin`, kind `0x10`. The dialplan application `AudioSocket()` always sends it.
    #[default]
    #[cfg_attr(feature = "serde", serde(rename = "slin"))]
    Hz8000,
    /// 12 kHz, `slin12`, kind `0x11`.
    #[cfg_attr(feature = "serde", serde(rename = "slin12"))]
    Hz12000,
    /// 16 kHz, `slin16`, kind `0x12`.
    #[cfg_attr(feature = "serde", serde(rename = "slin16"))]
    Hz16000,
    /// 24 kHz, `slin24`, kind `0x13`.
    #[cfg_attr(feature = "serde", serde(rename = "slin24"))]
    Hz24000,
    /// 32 kHz, `slin32`, kind `0x14`.
    #[cfg_attr(feature = "serde", serde(rename = "slin32"))]
    Hz32000,
    /// 44.1 kHz, `slin44`, kind `0x15`. Do not send it: Asterisk 22.10.1 played audio of this rate at half its
    /// volume, whatever the rate of the call.
    #[cfg_attr(feature = "serde", serde(rename = "slin44"))]
    Hz44100,
    /// 48 kHz, `slin48`, kind `0x16`.
    #[cfg_attr(feature = "serde", serde(rename = "slin48"))]
    Hz48000,
    /// 96 kHz, `slin96`, kind `0x17`.
    #[cfg_attr(feature = "serde", serde(rename = "slin96"))]
    Hz96000,
    /// 192 kHz, `slin192`, kind `0x18`.
    #[cfg_attr(feature = "serde", serde(rename = "slin192"))]
    Hz192000,
}

impl SampleRate {
    /// All rates, lowest first.
    pub const ALL: [Self; 9] = [
        Self::Hz8000,
        Self::Hz12000,
        Self::Hz16000,
        Self::Hz24000,
        Self::Hz32000,
        Self::Hz44100,
        Self::Hz48000,
        Self::Hz96000,
        Self::Hz192000,
    ];

    /// Returns the rate of audio of `kind`. Returns `None` if `kind` is not an audio kind.
    #[must_use]
    #[inline]
    pub const fn from_kind(kind: FrameKind) -> Option<Self> {
        let index = kind.0.wrapping_sub(FrameKind::AUDIO_8K.0) as usize;
        if index < Self::ALL.len() {
            Some(Self::ALL[index])
        } else {
            None
        }
    }

    /// Returns the rate at which to answer a caller whose audio has this rate: the same rate, but 16 kHz at most.
    ///
    /// - Some releases of Asterisk know only 8 kHz, and end a call that is sent another rate. A caller whose audio has
    ///   another rate is on a newer release.
    /// - Wider audio does not survive a network that loses packets. Asterisk reads a frame's header, waits 5 ms for the
    ///   payload, and then ends the call (`res/res_audiosocket.c`). On a line with 1 % loss, Asterisk 22.10.1 ended 6 of 10
    ///   calls at 24 kHz and all calls at 48 kHz, and no call at 16 kHz.
    ///
    /// Asterisk converts what it receives to the codec of the call.
    #[must_use]
    #[inline]
    pub const fn answer_rate(self) -> Self {
        match self {
            Self::Hz8000 | Self::Hz12000 => self,
            _ => Self::Hz16000,
        }
    }

    /// Returns the frame kind of audio at this rate.
    #[must_use]
    #[inline]
    pub const fn kind(self) -> FrameKind {
        FrameKind(FrameKind::AUDIO_8K.0 + self as u8)
    }

    /// Returns the samples per second.
    #[must_use]
    #[inline]
    pub const fn hz(self) -> u32 {
        match self {
            Self::Hz8000 => 8_000,
            Self::Hz12000 => 12_000,
            Self::Hz16000 => 16_000,
            Self::Hz24000 => 24_000,
            Self::Hz32000 => 32_000,
            Self::Hz44100 => 44_100,
            Self::Hz48000 => 48_000,
            Self::Hz96000 => 96_000,
            Self::Hz192000 => 192_000,
        }
    }

    /// Returns the whole samples in `duration`, rounded down: 882 for 20 ms at 44.1 kHz.
    #[must_use]
    pub const fn samples_in(self, duration: Duration) -> u64 {
        let samples = duration.as_nanos() * self.hz() as u128 / 1_000_000_000;
        if samples > u64::MAX as u128 {
            u64::MAX
        } else {
            samples as u64
        }
    }

    /// Returns the duration of `samples` samples, rounded down to a nanosecond.
    #[must_use]
    #[inline]
    pub const fn duration_of(self, samples: u64) -> Duration {
        // A frame has few samples. A division of 128 bits would cost more than the rest of the frame's work.
        if let Some(nanos) = samples.checked_mul(1_000_000_000) {
            return Duration::from_nanos(nanos / self.hz() as u64);
        }
        let nanos = samples as u128 * 1_000_000_000 / self.hz() as u128;
        Duration::new(
            (nanos / 1_000_000_000) as u64,
            (nanos % 1_000_000_000) as u32,
        )
    }

    /// Returns Asterisk's name of the format: `slin`, `slin12`, … `slin192`.
    #[must_use]
    pub const fn format_name(self) -> &'static str {
        match self {
            Self::Hz8000 => "slin",
            Self::Hz12000 => "slin12",
            Self::Hz16000 => "slin16",
            Self::Hz24000 => "slin24",
            Self::Hz32000 => "slin32",
            Self::Hz44100 => "slin44",
            Self::Hz48000 => "slin48",
            Self::Hz96000 => "slin96",
            Self::Hz192000 => "slin192",
        }
    }
}

impl fmt::Display for SampleRate {
    /// Writes [`SampleRate::format_name`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format_name())
    }
}

/// The error for a text that is not the name of a slin format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseSampleRateError;

impl fmt::Display for ParseSampleRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a slin format: expected slin (or slin8), ")?;
        f.write_str("slin12, slin16, slin24, slin32, slin44, slin48, slin96 or slin192")
    }
}

impl core::error::Error for ParseSampleRateError {}

impl FromStr for SampleRate {
    type Err = ParseSampleRateError;

    /// Parses Asterisk's name of the format. `slin8` is another name for `slin`.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let name = if name == "slin8" { "slin" } else { name };
        let mut rates = Self::ALL.into_iter();
        rates
            .find(|rate| rate.format_name() == name)
            .ok_or(ParseSampleRateError)
    }
}
