use std::time::{Duration, Instant};

/// Time between two key presses of a caller in a hurry; shorter if the call is.
const DIGIT_GAP: Duration = Duration::from_millis(100);

/// How the time that a caller is on the line is filled with audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// A frame each ptime.
    Paced,
    /// So many frames at once, and as many again as soon as they have come back.
    ClosedLoop(u32),
    /// None at all.
    Quiet,
}

/// What a caller does when. Absolute: what is done late does not delay what follows.
#[derive(Debug)]
pub(super) struct Schedule {
    manner: Manner,
    first_frame: Instant,
    ptime: Duration,
    frames: u64,
    /// What was taken of the audio: frames, or the loop's beginning and its end.
    taken: u64,
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
    /// Begin the closed loop.
    Begin,
    /// Say no more.
    Over,
}

impl Schedule {
    /// `frames` frames, or as long as they last, the first of them `phase` after `start`, and
    /// `digits` digits from `start` on: Asterisk's callers press keys before they are heard, too.
    pub(super) fn new(
        manner: Manner,
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
            manner,
            first_frame: start + phase,
            ptime,
            frames,
            taken: 0,
            first_digit: start,
            digit_gap,
            digits,
            next_digit: 0,
        }
    }

    /// When there is something to do next; `None` if all is done.
    pub(super) fn next(&self) -> Option<Instant> {
        let audio = self.next_audio().map(|(_, due_at)| due_at);
        self.next_digit().into_iter().chain(audio).min()
    }

    /// Takes what is due at `now`, with the time at which it was due.
    pub(super) fn take(&mut self, now: Instant) -> Option<(Due, Instant)> {
        let audio = self.next_audio().filter(|(_, due_at)| *due_at <= now);
        if let Some(due_at) = self.next_digit().filter(|due_at| *due_at <= now)
            && audio.is_none_or(|(_, audio_at)| due_at <= audio_at)
        {
            self.next_digit += 1;
            return Some((Due::Digit((self.next_digit - 1) as usize), due_at));
        }
        self.taken += u64::from(audio.is_some());
        audio
    }

    fn next_digit(&self) -> Option<Instant> {
        (self.next_digit < self.digits)
            .then(|| self.first_digit + times(self.digit_gap, self.next_digit))
    }

    fn next_audio(&self) -> Option<(Due, Instant)> {
        let at = |frame| self.first_frame + times(self.ptime, frame);
        match (self.manner, self.taken) {
            (Manner::Paced, frame) => (frame < self.frames).then(|| (Due::Frame(frame), at(frame))),
            (Manner::ClosedLoop(_), 0) => Some((Due::Begin, at(0))),
            (Manner::ClosedLoop(_), 1) | (Manner::Quiet, 0) => Some((Due::Over, at(self.frames))),
            _ => None,
        }
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
        let schedule = Schedule::new(Manner::Paced, start, Duration::from_millis(7), PTIME, 7, 2);
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
    fn a_closed_loop_begins_and_ends_when_a_paced_call_would() {
        let start = Instant::now();
        let phase = Duration::from_millis(7);
        let schedule = Schedule::new(Manner::ClosedLoop(16), start, phase, PTIME, 7, 1);
        assert_eq!(
            play(schedule, start),
            [(0, Due::Digit(0)), (7, Due::Begin), (147, Due::Over)]
        );
    }

    #[test]
    fn who_is_quiet_is_so_for_as_long_as_others_talk() {
        let start = Instant::now();
        let schedule = Schedule::new(Manner::Quiet, start, Duration::ZERO, PTIME, 50, 2);
        assert_eq!(
            play(schedule, start),
            [(0, Due::Digit(0)), (100, Due::Digit(1)), (1000, Due::Over),]
        );
    }

    #[test]
    fn what_is_late_is_taken_at_once_and_shifts_nothing() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Manner::Paced, start, Duration::ZERO, PTIME, 4, 0);
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
        let mut schedule = Schedule::new(Manner::Paced, start, Duration::ZERO, ptime, 180_001, 0);
        schedule.taken = 180_000;
        assert_eq!(schedule.next(), Some(start + ptime * 180_000));
    }
}
