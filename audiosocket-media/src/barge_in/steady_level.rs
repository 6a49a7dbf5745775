/// The level of a sound that stays about the same: noise, a tone, music of one note. Speech changes more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SteadyLevel {
    blocks: u32,
    lowest: f32,
    highest: f32,
}

impl SteadyLevel {
    /// The largest difference within a steady sound, in dB.
    const SPREAD: f32 = 6.0;

    /// A sound is steady after 250 ms.
    const LEAST: u32 = 25;

    pub(super) fn push(&mut self, level: f32) {
        let (lowest, highest) = (self.lowest.min(level), self.highest.max(level));
        *self = if self.blocks == 0 || highest - lowest > Self::SPREAD {
            Self {
                blocks: 1,
                lowest: level,
                highest: level,
            }
        } else {
            Self {
                blocks: self.blocks + 1,
                lowest,
                highest,
            }
        };
    }

    /// Returns the level of the noise.
    pub(super) fn noise(&self) -> Option<f32> {
        (self.blocks >= Self::LEAST).then_some(self.highest)
    }
}
