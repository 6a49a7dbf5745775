use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;

use super::codec::Heard;

/// How late audio may be before that is a pause: networks and schedulers are late too, and what is
/// late by less adds up until it is this much.
const TOLERANCE: Duration = Duration::from_millis(200);

/// How long to wait, when audio comes late, for more to come with it: if TCP or this machine held
/// it up, all of it comes at once, and it was no pause.
const SETTLING: Duration = Duration::from_millis(500);

/// How far the recording of a pause stays behind while it lasts, in case it is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is held back while a pause settles, in samples: a minute at 8 kHz.
const MAX_HELD: u64 = 1 << 19;

/// How many samples a frame takes as much as, beside its own.
const FRAME_COST: u64 = 32;

/// Where in a recording audio belongs that comes without saying when it was spoken.
///
/// Asterisk sends nothing while its own peer sends nothing, so that audio strung together would not
/// have the length of the call. By the clock, audio that comes now ended now; what is missing
/// between it and the audio before is silence. Audio that comes early, as a burst does at the
/// beginning of a call, is never moved: it makes the recording run ahead, and a later pause
/// shorter. A caller's clock that is slow makes pauses too: at 100 parts in a million, one of 200 ms
/// every half hour.
#[derive(Debug)]
pub(super) struct Timeline {
    hz: u32,
    /// Up to when the recording reaches.
    until: Instant,
    pauses: Pauses,
    pause: Option<Pause>,
}

/// What becomes of the time for which nothing came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pauses {
    Keep,
    Skip,
}

/// What a recording is put together from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many samples.
    Silence(u64),
    Audio(Vec<i16>),
}

/// Audio came late.
#[derive(Debug)]
struct Pause {
    noticed: Instant,
    /// By how much, at the least, audio was late since.
    late: Duration,
    /// What came since, not yet part of the recording.
    pieces: Vec<Piece>,
    /// Samples in `pieces`.
    held: u64,
    frames: u64,
}

impl Timeline {
    /// Of a recording that begins at `from`.
    pub(super) fn new(rate: SampleRate, from: Instant, pauses: Pauses) -> Self {
        Self {
            hz: rate.hz(),
            until: from,
            pauses,
            pause: None,
        }
    }

    /// Takes audio that came, and gives what the recording can go on with.
    pub(super) fn take(&mut self, heard: Heard, pieces: &mut Vec<Piece>) {
        let len = heard.lost + heard.samples.len() as u64;
        if self.pauses == Pauses::Skip {
            return append(heard, pieces);
        }
        self.settle(heard.at, pieces);
        let held = self.pause.as_ref().map_or(0, |pause| pause.held) + len;
        let end = self.until + self.duration(held);
        let late = heard.at.saturating_duration_since(end);
        if late <= TOLERANCE {
            self.end_pause(late, pieces);
            self.until += self.duration(len);
            return append(heard, pieces);
        }
        let pause = self.pause.get_or_insert_with(|| Pause {
            noticed: heard.at,
            late,
            pieces: Vec::new(),
            held: 0,
            frames: 0,
        });
        pause.late = pause.late.min(late);
        pause.held = held;
        pause.frames += 1;
        append(heard, &mut pause.pieces);
        if pause.cost() > MAX_HELD {
            self.end_pause(Duration::MAX, pieces);
        }
    }

    /// Goes on with what does not depend on what comes next.
    pub(super) fn tick(&mut self, now: Instant, pieces: &mut Vec<Piece>) {
        self.settle(now, pieces);
        let quiet = now.saturating_duration_since(self.until);
        if self.pauses == Pauses::Keep && self.pause.is_none() && quiet > PATIENCE {
            self.fill(quiet - PATIENCE, pieces);
        }
    }

    /// Gives what was held back. Returns up to when the recording reaches.
    pub(super) fn flush(&mut self, pieces: &mut Vec<Piece>) -> Instant {
        self.end_pause(Duration::MAX, pieces);
        self.until
    }

    /// The call ended at `at`; gives the rest.
    pub(super) fn end(&mut self, at: Instant, pieces: &mut Vec<Piece>) {
        self.flush(pieces);
        let quiet = at.saturating_duration_since(self.until);
        if self.pauses == Pauses::Keep && quiet > TOLERANCE {
            self.fill(quiet, pieces);
        }
    }

    fn settle(&mut self, now: Instant, pieces: &mut Vec<Piece>) {
        let settled = |pause: &Pause| now.saturating_duration_since(pause.noticed) >= SETTLING;
        if self.pause.as_ref().is_some_and(settled) {
            self.end_pause(Duration::MAX, pieces);
        }
    }

    /// The pause, if there is one, was not longer than `late`.
    fn end_pause(&mut self, late: Duration, pieces: &mut Vec<Piece>) {
        let Some(mut pause) = self.pause.take() else {
            return;
        };
        let pause_was = pause.late.min(late);
        if pause_was > TOLERANCE {
            self.fill(pause_was, pieces);
        }
        self.until += self.duration(pause.held);
        pieces.append(&mut pause.pieces);
    }

    /// Silence for at most that long.
    fn fill(&mut self, quiet: Duration, pieces: &mut Vec<Piece>) {
        let samples = quiet.as_nanos() * u128::from(self.hz) / 1_000_000_000;
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.until += self.duration(samples);
        pieces.push(Piece::Silence(samples));
    }

    fn duration(&self, samples: u64) -> Duration {
        let hz = u64::from(self.hz);
        let rest = samples % hz * 1_000_000_000 / hz;
        Duration::from_secs(samples / hz) + Duration::from_nanos(rest)
    }
}

impl Pause {
    /// What is held back takes as much as so many samples.
    fn cost(&self) -> u64 {
        self.held + self.frames * FRAME_COST
    }
}

fn append(heard: Heard, pieces: &mut Vec<Piece>) {
    if heard.lost > 0 {
        pieces.push(Piece::Silence(heard.lost));
    }
    pieces.push(Piece::Audio(heard.samples));
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const FRAME: u64 = 160;

    /// Frames of 20 ms at 8 kHz that come at these times, in milliseconds; gives what the
    /// recording is made of, silence in milliseconds and frames by their number.
    struct Caller {
        began: Instant,
        timeline: Timeline,
        frames: i16,
        pieces: Vec<Piece>,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Part {
        Quiet(u64),
        Frame(i16),
    }
    use Part::{Frame, Quiet};

    impl Caller {
        fn new(pauses: Pauses) -> Self {
            let began = Instant::now();
            Self {
                began,
                timeline: Timeline::new(SampleRate::Hz8000, began, pauses),
                frames: 0,
                pieces: Vec::new(),
            }
        }

        fn frames(mut self, at: impl IntoIterator<Item = u32>) -> Self {
            for at in at {
                let heard = Heard {
                    at: self.began + MS * at,
                    rate: SampleRate::Hz8000,
                    lost: 0,
                    samples: vec![self.frames; FRAME as usize],
                };
                self.frames = self.frames.wrapping_add(1);
                self.timeline.take(heard, &mut self.pieces);
            }
            self
        }

        fn tick(mut self, at: u32) -> Self {
            self.timeline.tick(self.began + MS * at, &mut self.pieces);
            self
        }

        fn end(mut self, at: u32) -> Vec<Part> {
            self.timeline.end(self.began + MS * at, &mut self.pieces);
            self.parts()
        }

        fn parts(&self) -> Vec<Part> {
            let part = |piece: &Piece| match piece {
                Piece::Silence(samples) => Quiet(samples / 8),
                Piece::Audio(samples) => Frame(samples[0]),
            };
            self.pieces.iter().map(part).collect()
        }
    }

    fn frames(numbers: std::ops::Range<i16>) -> impl Iterator<Item = Part> {
        numbers.map(Frame)
    }

    #[test]
    fn steady_audio_is_as_it_came() {
        let call = Caller::new(Pauses::Keep).frames((0..50).map(|frame| 20 * (frame + 1)));
        assert_eq!(call.end(1_000), frames(0..50).collect::<Vec<_>>());
    }

    #[test]
    fn jitter_is_no_pause() {
        let late = [0, 180, 0, 30, 199, 5];
        let at = (0..60).map(|frame| 20 * (frame + 1) + late[frame as usize % late.len()]);
        let call = Caller::new(Pauses::Keep).frames(at);
        assert_eq!(call.end(1_200), frames(0..60).collect::<Vec<_>>());
    }

    #[test]
    fn a_burst_at_the_start_is_no_gap_and_shortens_the_next_pause() {
        // Ten frames at once, 200 ms of audio after 10 ms; then in step; then a second of nothing.
        let burst = [10; 10].into_iter().chain((1..=10).map(|n| 10 + 20 * n));
        let call = Caller::new(Pauses::Keep).frames(burst);
        let call = call.frames((1..=30).map(|n| 1_210 + 20 * n));
        let recorded = call.end(1_810);
        let quiet = 1_810 - 50 * 20;
        let wanted = frames(0..20).chain([Quiet(quiet)]).chain(frames(20..50));
        assert_eq!(recorded, wanted.collect::<Vec<_>>());
    }

    #[test]
    fn a_pause_has_the_length_of_the_time_that_passed() {
        let call = Caller::new(Pauses::Keep).frames([20, 40]);
        // Resumes late by different amounts, of which the least is how long the pause was.
        let call = call.frames([5_060, 5_065, 5_090, 5_120]).tick(5_600);
        let wanted = [Frame(0), Frame(1), Quiet(4_985)];
        let wanted = wanted.into_iter().chain(frames(2..6)).collect::<Vec<_>>();
        assert_eq!(call.parts(), wanted);
    }

    #[test]
    fn audio_that_was_only_held_up_is_not_torn_apart() {
        // Two seconds of nothing, then the two seconds of audio, then as before.
        let call = Caller::new(Pauses::Keep).frames([20, 40]);
        let call = call.frames((0..100).map(|n| 2_040 + n / 10));
        let call = call.frames((0..50).map(|n| 2_060 + 20 * n));
        assert_eq!(call.end(3_040), frames(0..152).collect::<Vec<_>>());
    }

    #[test]
    fn a_word_between_two_pauses_is_where_it_was_said() {
        let call = Caller::new(Pauses::Keep).frames([20, 3_020, 6_020]);
        let wanted = [Frame(0), Quiet(2_980), Frame(1), Quiet(2_980), Frame(2)];
        assert_eq!(call.end(6_020), wanted);
    }

    #[test]
    fn the_beginning_and_the_end_are_part_of_the_call() {
        let call = Caller::new(Pauses::Keep).frames([1_720]);
        assert_eq!(call.end(4_720), [Quiet(1_700), Frame(0), Quiet(3_000)]);
    }

    #[test]
    fn a_long_pause_is_recorded_while_it_lasts() {
        let call = (1..=60).fold(Caller::new(Pauses::Keep).frames([20]), |call, second| {
            call.tick(20 + 1_000 * second)
        });
        let quiet = |parts: &[Part]| -> u64 {
            let quiet = parts.iter().map(|part| match part {
                Quiet(ms) => *ms,
                Frame(_) => 0,
            });
            quiet.sum()
        };
        assert_eq!(quiet(&call.parts()), 50_000);
        let call = call.frames([60_040]);
        assert_eq!(quiet(&call.end(60_040)), 60_000);
    }

    #[test]
    fn pauses_can_be_left_out() {
        let call = Caller::new(Pauses::Skip).frames([1_000, 30_000]);
        let call = call.tick(90_000);
        assert_eq!(call.end(100_000), [Frame(0), Frame(1)]);
    }

    #[test]
    fn what_was_lost_is_silence_of_its_length() {
        for pauses in [Pauses::Keep, Pauses::Skip] {
            let mut call = Caller::new(pauses).frames([20]);
            let heard = Heard {
                at: call.began + MS * 100,
                rate: SampleRate::Hz8000,
                lost: 3 * FRAME,
                samples: vec![7; FRAME as usize],
            };
            call.timeline.take(heard, &mut call.pieces);
            assert_eq!(call.end(100), [Frame(0), Quiet(60), Frame(7)]);
        }
    }

    #[test]
    fn what_is_held_back_is_bounded() {
        // An hour of audio within a moment, after an hour of nothing.
        let mut call = Caller::new(Pauses::Keep);
        let mut most = 0;
        for _ in 0..3_600 * 50 {
            call = call.frames([3_600_000]);
            call.pieces.clear();
            let held = call.timeline.pause.as_ref().map_or(0, Pause::cost);
            most = most.max(held);
        }
        assert!((1..=MAX_HELD).contains(&most), "{most}");
    }
}
