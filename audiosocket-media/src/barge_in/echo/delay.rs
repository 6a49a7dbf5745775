use std::sync::OnceLock;

use super::history::History;
use super::whitener::{ORDER, Whitener};
use crate::barge_in::transform::Transform;

/// The caller's audio that is compared with the reference, in samples at 8 kHz: 200 ms.
const WINDOW: usize = 1_600;

/// The shortest and the longest delay of an echo, in samples at 8 kHz: -40 ms to 660 ms. The first is negative because
/// the times at which audio arrives and leaves are not exact.
const SHORTEST: i64 = -320;
const LONGEST: i64 = 5_280;

/// The number of delays, and the length of the transform.
const DELAYS: usize = (LONGEST - SHORTEST) as usize;
pub(super) const LEN: usize = 8_192;

/// The frequencies of telephones, in bins: 250 Hz to 3.5 kHz.
const BINS: std::ops::Range<usize> = 256..3_584;

/// A peak is an echo if it exceeds the standard deviation of the correlation by this factor. The highest of 5,600
/// values of noise exceeds it by 4 to 5.
const SIGNIFICANT: f32 = 6.5;

/// A lower peak is an echo if the search before had a peak there too. Peaks of noise have other delays each time.
const REPEATED: f32 = 5.0;

/// The delays of two peaks of the same echo differ by this number of samples at most.
const SAME: i64 = 8;

/// The highest peak of a search.
#[derive(Clone, Copy, Debug)]
pub(super) struct DelayPeak {
    /// The delay, in samples.
    pub(super) delay: i64,
    /// The height, relative to the standard deviation.
    height: f32,
}

impl DelayPeak {
    /// Returns whether this peak is an echo. `before` is the peak of the search before.
    pub(super) fn is_echo(&self, before: Option<Self>) -> bool {
        let is_same = |before: Self| {
            (before.delay - self.delay).abs() <= SAME && before.height.min(self.height) >= REPEATED
        };
        self.height >= SIGNIFICANT || before.is_some_and(is_same)
    }
}

/// Returns the most likely delay of an echo of `reference` in the latest 200 ms of `caller`.
///
/// The delay is the peak of the correlation of both, with the phase transform (GCC-PHAT: Knapp and Carter, 1976). It gives
/// all frequencies the same weight, so the pitch of two voices makes no peak. The whitener removes tones: their side lobes
/// would hide a quieter echo.
pub(super) fn search(
    caller: &History,
    reference: &History,
    whitener: &Whitener,
) -> Option<DelayPeak> {
    static SHARED: OnceLock<Transform> = OnceLock::new();
    let transform = Transform::shared(&SHARED, LEN);
    let (mut samples, mut scratch) = (vec![0.0; LEN], transform.scratch());
    let (mut product, mut spectrum) = (transform.spectrum(), transform.spectrum());
    let start = caller.end() - WINDOW as i64;
    let copy = |history: &History, start: i64, samples: &mut [f32]| {
        let mut played = vec![0.0; samples.len() + ORDER];
        history.copy(start - ORDER as i64, &mut played);
        whitener.filter(&played, samples);
    };
    copy(caller, start, &mut samples[..WINDOW]);
    transform.forward(&mut samples, &mut product, &mut scratch);
    // The first sample of the reference has the longest delay of the first sample of the window.
    samples.fill(0.0);
    copy(reference, start - LONGEST, &mut samples[..DELAYS + WINDOW]);
    transform.forward(&mut samples, &mut spectrum, &mut scratch);
    for (product, reference) in product.iter_mut().zip(&spectrum) {
        let both = reference * product.conj();
        *product = both / (both.norm() + 1e-12);
    }
    transform.inverse(&mut product, BINS, &mut samples, &mut scratch);
    let correlation = &samples[..DELAYS];
    let power = correlation.iter().map(|at| at * at).sum::<f32>() / DELAYS as f32;
    let peaks = correlation.iter().map(|at| at.abs()).enumerate();
    let (lag, peak) = peaks.max_by(|one, other| one.1.total_cmp(&other.1))?;
    Some(DelayPeak {
        delay: LONGEST - lag as i64,
        height: peak / (power.sqrt() + 1e-12),
    })
}
