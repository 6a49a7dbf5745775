//! The times at which a caller sends.

use std::time::{Duration, Instant};

use crate::load::config::LoadMode;

/// The time between two digits. It is shorter if the call is too short for all digits.
const DIGIT_GAP: Duration = Duration::from_millis(100);

/// The schedule of one call. Its times are absolute: a late event does not delay later ones.
#[derive(Debug)]
pub(in crate::load) struct Schedule {
    mode: LoadMode,
    first_frame: Instant,
    ptime: Duration,
    frames: u64,
    /// The number of audio events taken: frames, or the start and the end of a closed loop.
    taken: u64,
    first_digit: Instant,
    digit_gap: Duration,
    digits: u64,
    next_digit: u64,
    /// The number of frames that are due at the start.
    start_burst: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum ScheduledEvent {
    /// Send the digit with this index.
    Digit(usize),
    /// Send the frame with this number.
    Frame(u64),
    /// Start the closed loop.
    StartLoop,
    /// Stop sending.
    End,
}

impl Schedule {
    /// Returns a schedule of `frames` frames that starts `phase` after `start`, and of `digits` digits
    /// that starts at `start`. Asterisk also sends digits before audio.
    pub(in crate::load) fn new(
        mode: LoadMode,
        start: Instant,
        phase: Duration,
        ptime: Duration,
        frames: u64,
        digits: usize,
    ) -> Self {
        let digits = digits as u64;
        let call = times(ptime, frames);
        let digit_gap = match u32::try_from(digits) {
            Ok(digits @ 1..) => DIGIT_GAP.min(call / digits),
            _ => Duration::ZERO,
        };
        Self {
            mode,
            first_frame: start + phase,
            ptime,
            frames,
            taken: 0,
            first_digit: start,
            digit_gap,
            digits,
            next_digit: 0,
            start_burst: 1,
        }
    }

    /// Makes the first `frames` frames due at the start.
    pub(in crate::load) fn with_start_burst(mut self, frames: u32) -> Self {
        self.start_burst = frames.into();
        self
    }

    /// Returns the time of the next event, or `None` if there is none.
    pub(in crate::load) fn next(&self) -> Option<Instant> {
        let audio = self.next_audio().map(|(_, due_at)| due_at);
        self.next_digit().into_iter().chain(audio).min()
    }

    /// Takes an event that is due at `now`, and returns it with its scheduled time.
    pub(in crate::load) fn take(&mut self, now: Instant) -> Option<(ScheduledEvent, Instant)> {
        let audio = self.next_audio().filter(|(_, due_at)| *due_at <= now);
        if let Some(due_at) = self.next_digit().filter(|due_at| *due_at <= now)
            && audio.is_none_or(|(_, audio_at)| due_at <= audio_at)
        {
            self.next_digit += 1;
            return Some((
                ScheduledEvent::Digit((self.next_digit - 1) as usize),
                due_at,
            ));
        }
        self.taken += u64::from(audio.is_some());
        audio
    }

    fn next_digit(&self) -> Option<Instant> {
        (self.next_digit < self.digits)
            .then(|| self.first_digit + times(self.digit_gap, self.next_digit))
    }

    fn next_audio(&self) -> Option<(ScheduledEvent, Instant)> {
        let at = |frame: u64| {
            let after = frame.saturating_sub(self.start_burst - 1);
            self.first_frame + times(self.ptime, after)
        };
        let end = self.first_frame + times(self.ptime, self.frames);
        match (self.mode, self.taken) {
            (LoadMode::Paced, frame) => {
                (frame < self.frames).then(|| (ScheduledEvent::Frame(frame), at(frame)))
            }
            (LoadMode::ClosedLoop(_), 0) => Some((ScheduledEvent::StartLoop, at(0))),
            (LoadMode::ClosedLoop(_), 1) | (LoadMode::Quiet, 0) => Some((ScheduledEvent::End, end)),
            _ => None,
        }
    }
}

/// Returns `count` times `step`. A sum would accumulate rounding errors.
fn times(step: Duration, count: u64) -> Duration {
    let nanos = step.as_nanos().saturating_mul(count.into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    #[test]
    fn frames_and_digits_are_in_order_of_time() {
        use ScheduledEvent::{Digit, End, Frame, StartLoop};
        let paced = [
            (0, Digit(0)),
            (7, Frame(0)),
            (27, Frame(1)),
            (47, Frame(2)),
            (67, Frame(3)),
            (70, Digit(1)),
            (87, Frame(4)),
            (107, Frame(5)),
            (127, Frame(6)),
        ];
        let closed_loop = [(0, Digit(0)), (7, StartLoop), (70, Digit(1)), (147, End)];
        let quiet = [(0, Digit(0)), (70, Digit(1)), (147, End)];
        for (mode, events) in [
            (LoadMode::Paced, &paced[..]),
            (LoadMode::ClosedLoop(NonZeroU32::MIN), &closed_loop),
            (LoadMode::Quiet, &quiet),
        ] {
            let (start, phase) = (Instant::now(), Duration::from_millis(7));
            let mut schedule = Schedule::new(mode, start, phase, PTIME, 7, 2);
            let mut taken = Vec::new();
            while let Some(due) = schedule.next() {
                let (event, due_at) = schedule.take(due).unwrap();
                assert_eq!(due_at, due);
                taken.push(((due - start).as_millis(), event));
            }
            assert_eq!(taken, events);
        }
    }

    #[test]
    fn late_events_are_taken_at_once_and_delay_nothing() {
        let start = Instant::now();
        let mut schedule = Schedule::new(LoadMode::Paced, start, Duration::ZERO, PTIME, 4, 0);
        let late = start + Duration::from_millis(50);
        let mut taken = Vec::new();
        while let Some((ScheduledEvent::Frame(number), due)) = schedule.take(late) {
            taken.push((number, (due - start).as_millis()));
        }
        assert_eq!(taken, [(0, 0), (1, 20), (2, 40)]);
        assert_eq!(schedule.next(), Some(start + Duration::from_millis(60)));
    }

    #[test]
    fn the_frames_of_a_burst_are_due_at_the_start() {
        let start = Instant::now();
        let schedule = Schedule::new(LoadMode::Paced, start, Duration::ZERO, PTIME, 7, 0);
        let mut schedule = schedule.with_start_burst(5);
        let mut due_at = Vec::new();
        while let Some(due) = schedule.next() {
            due_at.push((schedule.take(due).unwrap().1 - start).as_millis());
        }
        assert_eq!(due_at, [0, 0, 0, 0, 0, 20, 40]);
    }

    #[test]
    fn an_hour_ends_on_the_nanosecond() {
        let start = Instant::now();
        let ptime = Duration::from_nanos(19_999_999);
        let mut schedule = Schedule::new(LoadMode::Paced, start, Duration::ZERO, ptime, 180_001, 0);
        schedule.taken = 180_000;
        assert_eq!(schedule.next(), Some(start + ptime * 180_000));
    }
}
