use super::judge::Judged;
use super::{BargeInOptions, blocks_in};

/// The blocks of sound after which speech is suspected.
const SUSPICIOUS: u32 = 3;

/// From this part of the threshold on, a score is a hint that it may be speech.
const HINT: f32 = 0.4;

/// A suspicion ends after this number of blocks without sound, or of sound without a hint.
const LONGEST_PAUSE: u32 = 35;
const LONGEST_DOUBT: u32 = 55;

/// The longest suspicion without evidence, in blocks.
const LONGEST_SUSPICION: u32 = 85;

/// Sound without a suspicion ends after this number of blocks.
const LONGEST_GAP: u32 = 5;

/// Sound that may be speech. Times are numbers of blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sound {
    /// The first block.
    pub(super) since: u32,
    /// The block after the last one with sound.
    end: u32,
    /// The number of blocks with sound.
    blocks: u32,
    /// The number of blocks with a high score, minus the number of the others.
    evidence: u32,
    /// The block at which speech was suspected.
    pub(super) suspected: Option<u32>,
    /// The block after the last one with a hint.
    hinted: u32,
    /// The suspicion ended without evidence, while the sound went on.
    pub(super) doubtful: bool,
}

impl Sound {
    pub(super) const fn starting_at(block: u32) -> Self {
        Self {
            since: block,
            end: block,
            blocks: 0,
            evidence: 0,
            suspected: None,
            hinted: block,
            doubtful: false,
        }
    }

    /// Adds the block before `now`.
    pub(super) fn add(&mut self, judged: Judged, now: u32, options: &BargeInOptions) {
        if judged.is_sound {
            self.end = now;
            self.blocks += 1;
        }
        let is_evidence = judged.is_sound && judged.score >= options.threshold;
        self.evidence = if is_evidence {
            self.evidence + 1
        } else {
            self.evidence.saturating_sub(1)
        };
        if judged.score >= HINT * options.threshold {
            self.hinted = now;
        }
    }

    pub(super) fn is_speech(&self, options: &BargeInOptions) -> bool {
        self.evidence >= blocks_in(options.least_speech)
    }

    pub(super) const fn is_suspicious(&self) -> bool {
        self.blocks >= SUSPICIOUS && !self.doubtful || self.evidence > 0
    }

    /// Returns whether the sound has ended, or is noise.
    pub(super) fn is_over(&self, judged: Judged, now: u32) -> bool {
        let longest = match self.suspected {
            None => LONGEST_GAP,
            Some(_) => LONGEST_PAUSE,
        };
        let is_noise = judged.is_steady && self.doubt(now) > 0;
        self.evidence == 0 && (is_noise || now - self.end >= longest)
    }

    /// Returns whether a suspicion lasts for too long, while the sound goes on.
    pub(super) fn is_too_doubtful(&self, now: u32) -> bool {
        self.suspected.is_some_and(|since| {
            let is_too_long = self.doubt(now) >= LONGEST_DOUBT || now - since >= LONGEST_SUSPICION;
            self.evidence == 0 && is_too_long
        })
    }

    /// The number of blocks since the last hint, or since the suspicion if that is later.
    fn doubt(&self, now: u32) -> u32 {
        now - self.hinted.max(self.suspected.unwrap_or(0))
    }
}
