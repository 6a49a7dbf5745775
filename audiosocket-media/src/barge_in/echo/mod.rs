mod canceller;
mod delay;
mod history;
mod whitener;

use super::BLOCK;
use canceller::{Cancelled, EchoCanceller};
use delay::DelayPeak;
use history::History;
use whitener::Whitener;

/// A delay is searched at most once in this time: 40 ms, and 160 ms if one was found.
const SEARCH_EVERY: i64 = 320;
const SEARCH_AGAIN_EVERY: i64 = 1_280;

/// An echo can come this long after the audio that caused it: 660 ms, and the length of a search.
const LONGEST: i64 = 6_900;

/// A quieter reference has no echo that is loud enough for speech, as the power of a block: -60 dB.
const LOUD: f32 = 1e-6;

/// When a delay is found, the canceller takes the audio of the last 400 ms again.
const AGAIN: i64 = 40;

/// An echo is found only if its subtraction leaves at most this part of the power of the last 200 ms, before or after the
/// whitener. Sounds that are no echo can have a delay too. Hum can be louder than an echo, and the whitener removes it.
const LEAST_CANCELLED: f32 = 0.5;
const TESTED: i64 = 20;

/// What is left of an echo, as a part of its power. Codecs and loudspeakers change an echo, so a part of it cannot be
/// subtracted.
const LEAK: f32 = 0.1;

/// Finds the echo of the played audio in the caller's audio, and subtracts it.
#[derive(Debug)]
pub(super) struct EchoGuard {
    caller: History,
    reference: History,
    /// The position after the last loud reference.
    loud_end: Option<i64>,
    searched: i64,
    /// The peak of the latest search.
    peak: Option<DelayPeak>,
    canceller: Option<EchoCanceller>,
    whitener: Whitener,
    /// The power of the echo and of the rest, smoothed.
    echo: f32,
    rest: f32,
}

impl EchoGuard {
    pub(super) fn new() -> Self {
        Self {
            caller: History::new(delay::LEN),
            reference: History::new(delay::LEN),
            loud_end: None,
            searched: i64::MIN / 2,
            peak: None,
            canceller: None,
            whitener: Whitener::new(),
            echo: 0.0,
            rest: 0.0,
        }
    }

    /// The position after the last played sample.
    pub(super) const fn played_end(&self) -> i64 {
        self.reference.end()
    }

    /// The position after the last sample of the caller.
    pub(super) const fn caller_end(&self) -> i64 {
        self.caller.end()
    }

    /// Continues the reference at another position.
    pub(super) fn jump(&mut self, end: i64) {
        self.reference.jump(end);
    }

    /// Adds played audio.
    pub(super) fn played(&mut self, samples: &[i16]) {
        for block in samples.chunks(BLOCK) {
            let block = block.iter().map(|sample| f32::from(*sample) / 32_768.0);
            let power = block.clone().map(|sample| sample * sample).sum::<f32>();
            self.reference.push(block);
            if power > LOUD * BLOCK as f32 {
                self.loud_end = Some(self.reference.end());
            }
        }
    }

    /// Continues the caller's audio at another position.
    pub(super) fn jump_caller(&mut self, end: i64) {
        self.caller.jump(end);
    }

    /// Takes the next block of the caller's audio. Returns it without the echo.
    pub(super) fn next(&mut self, block: &[f32; BLOCK]) -> [f32; BLOCK] {
        let start = self.caller.end();
        self.caller.push(block.iter().copied());
        self.cancel(block, start)
    }

    fn cancel(&mut self, block: &[f32; BLOCK], start: i64) -> [f32; BLOCK] {
        let cancelled = match &mut self.canceller {
            Some(canceller) => {
                canceller.cancel(start, &self.caller, &self.reference, &self.whitener)
            }
            None => Cancelled {
                rest: *block,
                ..Cancelled::default()
            },
        };
        let (all, mut rest) = (power(block), power(&cancelled.rest));
        // A wrong path adds to the audio.
        let is_wrong = rest > all;
        if is_wrong {
            rest = all;
        }
        self.echo += 0.3 * (cancelled.echo - self.echo);
        self.rest += 0.3 * (rest - self.rest);
        let rest = if is_wrong { *block } else { cancelled.rest };
        self.whitener.push(&rest);
        rest
    }

    /// Cancels the echo of the last 400 ms again, after [`finds_echo`](Self::finds_echo) found one. Returns each block
    /// without its echo, and its [`margin`](Self::margin).
    pub(super) fn last_rests(&mut self) -> Vec<([f32; BLOCK], f32)> {
        let now = self.caller.end();
        let again = |back: i64| {
            let start = now - back * BLOCK as i64;
            let mut block = [0.0; BLOCK];
            self.caller.copy(start, &mut block);
            let rest = self.cancel(&block, start);
            (rest, self.margin())
        };
        (1..=AGAIN).rev().map(again).collect()
    }

    /// Returns whether the latest audio without its echo is more than an incomplete subtraction leaves.
    pub(super) fn is_more_than_echo(&self) -> bool {
        self.rest > LEAK * self.echo
    }

    /// Returns the level of the latest audio without its echo, relative to the echo, in dB.
    pub(super) fn margin(&self) -> f32 {
        10.0 * ((self.rest + 1e-9) / (self.echo + 1e-9)).log10()
    }

    /// Returns whether the caller's audio can have an echo now.
    fn may_have_echo(&self) -> bool {
        self.loud_end
            .is_some_and(|end| self.caller.end() - end < LONGEST)
    }

    /// Returns whether the caller's audio can have an echo whose delay is not known.
    pub(super) fn is_unknown(&self) -> bool {
        self.canceller.is_none() && self.may_have_echo()
    }

    /// Searches for an echo that is not subtracted yet. Returns whether there was one: then the audio of the last 400 ms was no
    /// evidence of speech.
    pub(super) fn finds_echo(&mut self, decides: bool) -> bool {
        let now = self.caller.end();
        let every = match &self.canceller {
            None => SEARCH_EVERY,
            Some(_) => SEARCH_AGAIN_EVERY,
        };
        let is_due = now - self.searched >= every;
        if !(decides || is_due) || !self.may_have_echo() {
            return false;
        }
        self.searched = now;
        let before = self.peak.take();
        self.peak = delay::search(&self.caller, &self.reference, &self.whitener);
        let Some(DelayPeak { delay, .. }) = self.peak.filter(|peak| peak.is_echo(before)) else {
            return false;
        };
        if self
            .canceller
            .as_ref()
            .is_some_and(|canceller| canceller.covers(delay))
        {
            return false;
        }
        let (mut canceller, mut whitener) = (EchoCanceller::new(delay), Whitener::new());
        let (mut all, mut rest) = ([0.0; 2], [0.0; 2]);
        for back in (1..=AGAIN).rev().chain((1..=AGAIN).rev()) {
            let start = now - back * BLOCK as i64;
            let cancelled = canceller.cancel(start, &self.caller, &self.reference, &whitener);
            whitener.push(&cancelled.rest);
            if back <= TESTED {
                let mut block = [0.0; BLOCK];
                self.caller.copy(start, &mut block);
                all[0] += power(&block);
                rest[0] += power(&cancelled.rest);
                all[1] += cancelled.white;
                rest[1] += cancelled.white_rest;
            }
        }
        let is_cancelled = |at: usize| all[at] > 0.0 && rest[at] <= LEAST_CANCELLED * all[at];
        if !is_cancelled(0) && !is_cancelled(1) {
            return false;
        }
        self.whitener = whitener;
        self.canceller = Some(canceller);
        true
    }
}

fn power(block: &[f32; BLOCK]) -> f32 {
    block.iter().map(|at| at * at).sum::<f32>() / BLOCK as f32
}
