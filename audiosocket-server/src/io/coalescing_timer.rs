use std::task::{Context, Poll};
use std::time::Duration;

use audiosocket_proto::{Epoch, Timestamp};

use crate::io::runtime::Timer;

/// A timer that exists only while there is a deadline, and is polled only when it may have fired.
///
/// It is set to the deadline or to an earlier time. So a deadline that moves with every frame does not move the
/// timer with every frame. A timer that is cheap to move follows the deadline at a distance, and does not fire
/// while frames come.
pub(crate) struct CoalescingTimer<T> {
    set: Option<Set<T>>,
}

struct Set<T> {
    timer: T,
    /// The time to which the timer is set. `None` if it has fired, or wakes the wrong task.
    to: Option<Timestamp>,
}

/// How far before its deadline a timer that is cheap to move may be set: several frames. Silence follows a frame after
/// 200 ms. This distance is shorter than 200 ms by more than the longest ptime. Otherwise the timer would fire between
/// frames.
const DISTANCE: Duration = Duration::from_millis(120);

impl<T> CoalescingTimer<T> {
    pub(crate) fn new() -> Self {
        Self { set: None }
    }
}

impl<T: Timer> CoalescingTimer<T> {
    /// Reports that the task is polled with a new waker, which the timer does not know.
    pub(crate) fn waker_changed(&mut self) {
        if let Some(set) = &mut self.set {
            set.to = None;
        }
    }

    /// Ready if `deadline` may have come. `deadline` and `now` count from `epoch`. `now` may be a little in the
    /// past.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        epoch: &Epoch,
        now: Timestamp,
        deadline: Option<Timestamp>,
    ) -> Poll<()> {
        let in_place = |to, due| to <= due && !is_far_behind::<T>(to, due);
        // Most polls return here, before the deadline is converted.
        if let (Some(Set { to: Some(to), .. }), Some(due)) = (&self.set, deadline)
            && now < *to
            && in_place(*to, due)
        {
            return Poll::Pending;
        }
        let due = deadline.and_then(|due| Some((due, epoch.instant(due)?)));
        let Some((due, instant)) = due else {
            self.set = None;
            return Poll::Pending;
        };
        let set = self.set.get_or_insert_with(|| Set {
            timer: T::at(instant),
            to: Some(due),
        });
        if !set.to.is_some_and(|to| in_place(to, due)) {
            set.timer.set(instant);
            set.to = Some(due);
        }
        if set.timer.poll(cx).is_ready() {
            set.to = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// Returns whether a timer that is set to `to` must follow its deadline.
fn is_far_behind<T: Timer>(to: Timestamp, due: Timestamp) -> bool {
    T::CHEAP_RESET && to + DISTANCE <= due
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::task::Waker;
    use std::time::Instant;

    use super::*;

    thread_local! {
        static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
        static SET: Cell<usize> = const { Cell::new(0) };
        static FIRED: Cell<usize> = const { Cell::new(0) };
        static START: Instant = Instant::now();
    }

    struct Clock<const CHEAP: bool>(Instant);

    impl<const CHEAP: bool> Timer for Clock<CHEAP> {
        const CHEAP_RESET: bool = CHEAP;

        fn now() -> Instant {
            START.with(|start| *start + NOW.get())
        }

        fn at(deadline: Instant) -> Self {
            Self(deadline)
        }

        fn set(&mut self, deadline: Instant) {
            SET.set(SET.get() + 1);
            self.0 = deadline;
        }

        fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
            if Self::now() < self.0 {
                return Poll::Pending;
            }
            FIRED.set(FIRED.get() + 1);
            Poll::Ready(())
        }
    }

    /// A second of frames. Each frame moves the deadline to 200 ms after it. Returns how often the timer
    /// was set, and how often it fired.
    fn frames_move_the_deadline<const CHEAP: bool>() -> (usize, usize) {
        let epoch = Epoch::new(Clock::<CHEAP>::now());
        let mut timer = CoalescingTimer::<Clock<CHEAP>>::new();
        let mut cx = Context::from_waker(Waker::noop());
        for millis in (0..1000).step_by(20) {
            NOW.set(Duration::from_millis(millis));
            let now = epoch.timestamp(Clock::<CHEAP>::now());
            let deadline = now + Duration::from_millis(200);
            while timer.poll(&mut cx, &epoch, now, Some(deadline)).is_ready() {}
        }
        NOW.set(Duration::ZERO);
        (SET.take(), FIRED.take())
    }

    #[test]
    fn a_timer_that_is_cheap_to_move_does_not_fire_while_frames_come() {
        let (set, fired) = frames_move_the_deadline::<true>();
        assert_eq!(fired, 0);
        assert!(set <= 50 / 3, "set {set} times for 50 frames");
    }

    #[test]
    fn another_timer_is_not_moved_until_it_fires() {
        let (set, fired) = frames_move_the_deadline::<false>();
        assert_eq!((set, fired), (4, 4));
    }
}
