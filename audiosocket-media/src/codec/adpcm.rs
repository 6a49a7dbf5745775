//! How often each code of an ADPCM codec occurs.
//!
//! These codecs adapt their step to the signal, so that the codes of loud speech, quiet speech and
//! noise are nearly the same. Audio that is clipped and loud wide noise need a table of their own.

use std::sync::LazyLock;

/// How often the codes occur in the corpus of `tests/codecs/make`.
struct CodeCounts {
    /// The lower six bits of a byte of G.722: the band below 4 kHz.
    g722_low: [u16; 64],
    /// The upper two bits: the band above 4 kHz.
    g722_high: [u16; 4],
    /// Four bits of G.726 at 32 kbit/s.
    g726: [u16; 16],
}

const USUAL: CodeCounts = CodeCounts {
    g722_low: [
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 10, 12, 15, 17, 21, 24, 29, 29,
        38, 36, 43, 54, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 9, 10, 12, 15, 18, 24, 30, 35,
        44, 36, 60, 46, 60, 65, 42, 28, 40, 27,
    ],
    g722_high: [45, 227, 194, 535],
    g726: [
        1, 133, 81, 47, 28, 17, 10, 9, 3, 7, 14, 27, 50, 86, 134, 355,
    ],
};

const LOUD: CodeCounts = CodeCounts {
    g722_low: [
        1, 1, 1, 1, 3, 2, 3, 3, 5, 5, 7, 8, 10, 10, 13, 13, 14, 15, 17, 18, 20, 20, 22, 21, 24, 23,
        25, 24, 26, 26, 27, 31, 4, 2, 4, 4, 6, 5, 8, 8, 10, 10, 12, 13, 14, 15, 17, 17, 19, 20, 22,
        23, 25, 25, 29, 27, 32, 29, 34, 34, 26, 24, 25, 22,
    ],
    g722_high: [156, 268, 205, 371],
    g726: [
        1, 111, 86, 64, 44, 30, 19, 19, 10, 21, 38, 58, 81, 102, 119, 198,
    ],
};

/// The part of the probability that all codes share, so that no one byte decides.
const ANY: f32 = 0.05;

/// The bits that each byte takes in G.722 and in G.726, if its codes occur as often as in a table.
struct CodeBits {
    g722: [f32; 256],
    g726: [f32; 256],
}

impl CodeBits {
    fn new(counts: &CodeCounts) -> Self {
        let bits = |probability: f32| -(probability * (1.0 - ANY) + ANY / 256.0).log2();
        let share = |counts: &[u16], code: usize| {
            let sum: u16 = counts.iter().sum();
            f32::from(counts[code]) / f32::from(sum)
        };
        Self {
            g722: std::array::from_fn(|byte| {
                let high = share(&counts.g722_high, byte >> 6);
                bits(share(&counts.g722_low, byte & 0x3f) * high)
            }),
            g726: std::array::from_fn(|byte| {
                bits(share(&counts.g726, byte & 0xf) * share(&counts.g726, byte >> 4))
            }),
        }
    }
}

/// The logarithms are computed once for the process.
static TABLES: LazyLock<[CodeBits; 2]> =
    LazyLock::new(|| [CodeBits::new(&USUAL), CodeBits::new(&LOUD)]);

/// Counts the bits that bytes take in G.722 and in G.726.
#[derive(Clone, Debug, Default)]
pub(super) struct AdpcmBits {
    g722: [f64; 2],
    g726: [f64; 2],
}

impl AdpcmBits {
    pub(super) fn take(&mut self, bytes: [u8; 2]) {
        for (table, bits) in TABLES.iter().enumerate() {
            for byte in bytes {
                self.g722[table] += f64::from(bits.g722[usize::from(byte)]);
                self.g726[table] += f64::from(bits.g726[usize::from(byte)]);
            }
        }
    }

    pub(super) fn g722(&self) -> f64 {
        self.g722[0].min(self.g722[1])
    }

    pub(super) fn g726(&self) -> f64 {
        self.g726[0].min(self.g726[1])
    }
}
