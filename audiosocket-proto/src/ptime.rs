use core::fmt;
use core::time::Duration;

use crate::SampleRate;

/// The duration of one frame of played audio, called *ptime* in SDP (RFC 8866).
///
/// All values are multiples of 10 ms, so a frame holds whole samples at every rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ptime {
    /// 10 ms.
    Ms10,
    /// 20 ms. Asterisk uses it for nearly all codecs.
    #[default]
    Ms20,
    /// 30 ms.
    Ms30,
    /// 40 ms.
    Ms40,
    /// 60 ms.
    Ms60,
}

impl Ptime {
    /// The longest ptime.
    pub(crate) const MAX: Self = Self::Ms60;

    /// Returns the duration of one frame.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(match self {
            Self::Ms10 => 10,
            Self::Ms20 => 20,
            Self::Ms30 => 30,
            Self::Ms40 => 40,
            Self::Ms60 => 60,
        })
    }

    /// Returns the bytes of slin in one frame at `rate`: 320 for 20 ms at 8 kHz, at most 23,040.
    #[must_use]
    pub const fn frame_len(self, rate: SampleRate) -> usize {
        rate.samples_in(self.duration()) as usize * 2
    }
}

impl fmt::Display for Ptime {
    /// Writes milliseconds: `20 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.duration().as_millis())
    }
}
