use std::time::{Duration, Instant};

/// Time between two key presses of a caller in a hurry; shorter if the call is.
const DIGIT_GAP: Duration = Duration::from_millis(100);

/// What a caller does when. Absolute: what is done late does not delay what follows.
#[derive(Debug)]
pub(super) struct Schedule {
    first_frame: Instant,
    ptime: Duration,
    frames: u64,
    next_frame: u64,
    first_digit: Instant,
    digit_gap: Duration,
    digits: u64,
    next_digit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Press the digit with this index.
    Digit(usize),
    /// Send the frame with this number.
    Frame(u64),
}

impl Schedule {
    /// `frames` frames, the first of them `phase` after `start`, and `digits` digits from `start`
    /// on: Asterisk's callers press keys before they are heard, too.
    pub(super) fn new(
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
            first_frame: start + phase,
            ptime,
            frames,
            next_frame: 0,
            first_digit: start,
            digit_gap,
            digits,
            next_digit: 0,
        }
    }

    /// When there is something to do next; `None` if all is done.
    pub(super) fn next(&self) -> Option<Instant> {
        let digit = self.next_digit();
        digit.into_iter().chain(self.next_frame()).min()
    }

    /// Takes what is due at `now`, with the time at which it was due.
    pub(super) fn take(&mut self, now: Instant) -> Option<(Due, Instant)> {
        let due_at = self.next().filter(|due| *due <= now)?;
        let due = if self.next_digit() == Some(due_at) {
            self.next_digit += 1;
            Due::Digit((self.next_digit - 1) as usize)
        } else {
            self.next_frame += 1;
            Due::Frame(self.next_frame - 1)
        };
        Some((due, due_at))
    }

    fn next_digit(&self) -> Option<Instant> {
        (self.next_digit < self.digits)
            .then(|| self.first_digit + times(self.digit_gap, self.next_digit))
    }

    fn next_frame(&self) -> Option<Instant> {
        (self.next_frame < self.frames)
            .then(|| self.first_frame + times(self.ptime, self.next_frame))
    }
}

/// `count` times `step`, without the rounding that a sum would gather.
fn times(step: Duration, count: u64) -> Duration {
    let nanos = step.as_nanos().saturating_mul(count.into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    fn play(mut schedule: Schedule, start: Instant) -> Vec<(u128, Due)> {
        let mut done = Vec::new();
        while let Some(due) = schedule.next() {
            let (what, due_at) = schedule.take(due).unwrap();
            assert_eq!(due_at, due);
            done.push(((due - start).as_millis(), what));
        }
        done
    }

    #[test]
    fn frames_and_digits_come_in_the_order_of_their_times() {
        let start = Instant::now();
        let schedule = Schedule::new(start, Duration::from_millis(7), PTIME, 7, 2);
        assert_eq!(
            play(schedule, start),
            [
                (0, Due::Digit(0)),
                (7, Due::Frame(0)),
                (27, Due::Frame(1)),
                (47, Due::Frame(2)),
                (67, Due::Frame(3)),
                (70, Due::Digit(1)),
                (87, Due::Frame(4)),
                (107, Due::Frame(5)),
                (127, Due::Frame(6)),
            ]
        );
    }

    #[test]
    fn what_is_late_is_taken_at_once_and_shifts_nothing() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, Duration::ZERO, PTIME, 4, 0);
        let late = start + Duration::from_millis(50);
        let mut taken = Vec::new();
        while let Some((Due::Frame(number), due)) = schedule.take(late) {
            taken.push((number, (due - start).as_millis()));
        }
        assert_eq!(taken, [(0, 0), (1, 20), (2, 40)]);
        assert_eq!(schedule.next(), Some(start + Duration::from_millis(60)));
    }

    #[test]
    fn an_hour_ends_on_the_nanosecond() {
        let start = Instant::now();
        let ptime = Duration::from_nanos(19_999_999);
        let mut schedule = Schedule::new(start, Duration::ZERO, ptime, 180_001, 0);
        schedule.next_frame = 180_000;
        assert_eq!(schedule.next(), Some(start + ptime * 180_000));
    }
}
