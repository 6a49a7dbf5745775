//! The times at which frames leave.

use std::time::Duration;

use audiosocket_proto::{PlayoutOutput, Ptime};

use crate::rig::{FRAME, PTIME, Rig, frame, millis, silence, speech};

const NANO: Duration = Duration::from_nanos(1);

/// Pseudo-random durations below `most`, the same in every run (Knuth's LCG).
fn delays(seed: u64, most: Duration) -> impl FnMut() -> Duration {
    let mut state = seed;
    let most = most.as_nanos() as u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Duration::from_nanos((state >> 33) % most)
    }
}

/// Each poll comes up to half a ptime late. Each frame still counts its time from the first one.
#[test]
fn frames_do_not_drift_in_ten_minutes() {
    for ptime in [Ptime::Ms10, Ptime::Ms20, Ptime::Ms60] {
        let frames = 600_000 / ptime.duration().as_millis() as u32;
        let mut rig = Rig::with(|config| config.fill_silence(false).ptime(ptime));
        let len = ptime.frame_len(Default::default());
        rig.play(&vec![1; len * frames as usize]);
        let half = ptime.duration() / 2;
        let outputs = rig.run_delayed(Duration::from_secs(700), delays(4, half));
        assert_eq!(outputs.len(), frames as usize);
        let first = outputs[0].0;
        for (n, (at, _)) in outputs.iter().enumerate() {
            let due = first + ptime.duration() * n as u32;
            assert!(*at >= due && *at - due < half, "frame {n} at {at:?}");
        }
        assert_eq!(rig.playout.stats().late, 0);
    }
}

/// Speech that begins during silence does not move the schedule.
#[test]
fn speech_and_silence_share_one_schedule() {
    let mut rig = Rig::with_silence();
    assert_eq!(rig.poll(), silence());
    let mut delay = delays(5, PTIME / 2);
    for minute in 0..10 {
        let outputs = rig.run_delayed(Duration::from_secs(60), &mut delay);
        for (n, (at, _)) in outputs.iter().enumerate() {
            let late = at.as_nanos() % PTIME.as_nanos();
            assert!(
                late < PTIME.as_nanos() / 2,
                "{n} in minute {minute}: {at:?}"
            );
        }
        // One per ptime. The last can leave just after the minute.
        assert!((3000..=3001).contains(&outputs.len()), "{}", outputs.len());
        rig.play(&speech(10 * FRAME + 1));
    }
    assert_eq!(rig.playout.stats().late, 0);
}

#[test]
fn the_first_frame_on_an_idle_call_leaves_at_once() {
    let mut rig = Rig::new();
    assert_eq!(rig.due(), None);
    rig.pass(millis(12_345));
    rig.play(&speech(FRAME + 1));
    let outputs = rig.run(Duration::from_secs(1));
    let times: Vec<_> = outputs.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [millis(12_345), millis(12_365)]);
    assert_eq!(rig.playout.stats().late, 0);
}

/// The frame leaves at least one ptime after the last frame of silence.
#[test]
fn the_first_frame_after_silence_keeps_the_schedule() {
    let mut rig = Rig::with_silence();
    assert_eq!(rig.poll(), silence());
    rig.pass(millis(45));
    assert_eq!(rig.poll(), silence(), "late by 25 ms");
    rig.pass(NANO);
    rig.play(&speech(FRAME));
    assert_eq!(rig.poll(), PlayoutOutput::Idle);
    assert_eq!(rig.due(), Some(millis(60)));
    rig.pass(PTIME);
    assert_eq!(rig.poll(), frame(&speech(FRAME)));
}

/// The speech leaves at least one ptime after the last frame of the speech before it.
#[test]
fn speech_after_speech_is_not_early() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME));
    assert_eq!(rig.poll(), frame(&speech(FRAME)));
    rig.pass(millis(7));
    rig.play(&speech(FRAME));
    assert_eq!(rig.due(), Some(PTIME));
    rig.pass(millis(7));
    assert_eq!(rig.poll(), PlayoutOutput::Idle);
}

/// Frames do not leave faster after a stall. The stall is counted.
#[test]
fn after_a_stall_there_is_no_burst() {
    let mut rig = Rig::new();
    rig.play(&speech(2000 * FRAME));
    assert_eq!(rig.poll(), frame(&speech(FRAME)));
    let mut last = rig.elapsed();
    for (count, stall) in [10_000_001, 20_000_000, 75_000_000, 9_999_999_999]
        .into_iter()
        .enumerate()
    {
        let mut stall = Some(Duration::from_nanos(stall));
        let outputs = rig.run_delayed(Duration::from_secs(1), || stall.take().unwrap_or_default());
        for (at, _) in &outputs {
            let spacing = *at - last;
            assert!(spacing >= PTIME / 2, "{spacing:?} after the one before");
            last = *at;
        }
        assert!(outputs.len() <= 51);
        assert_eq!(rig.playout.stats().late, count as u64 + 1);
    }
}

/// A stall delays all calls to the same moment. Each call returns to its own schedule after it, so that
/// they are not due together from then on.
#[test]
fn calls_that_stall_together_keep_their_own_schedules() {
    for begun in (0..20).map(millis) {
        let mut rig = Rig::new();
        rig.pass(begun);
        rig.play(&speech(2000 * FRAME));
        rig.poll();
        // All calls stall until the same moments.
        for stalled_until in [millis(57), millis(1_009), millis(5_000)] {
            rig.pass(stalled_until - rig.elapsed());
            assert_ne!(rig.poll(), PlayoutOutput::Idle);
            let due = rig.due().unwrap();
            assert_eq!(due.as_nanos() % PTIME.as_nanos(), begun.as_nanos());
            let ahead = due - stalled_until;
            assert!(PTIME / 2 <= ahead && ahead < PTIME * 3 / 2, "{ahead:?}");
        }
    }
}

/// A longer delay moves the schedule by one ptime.
#[test]
fn a_delay_of_half_a_ptime_does_not_move_the_schedule() {
    for (delay, next, late) in [(PTIME / 2, 2 * PTIME, 0), (PTIME / 2 + NANO, 3 * PTIME, 1)] {
        let mut rig = Rig::new();
        rig.play(&speech(10 * FRAME));
        rig.poll();
        rig.pass(PTIME + delay);
        assert_ne!(rig.poll(), PlayoutOutput::Idle);
        assert_eq!(rig.due(), Some(next));
        assert_eq!(rig.playout.stats().late, late);
    }
}

/// Polls before the deadline return nothing and change nothing.
#[test]
fn an_early_poll_changes_nothing() {
    let mut rig = Rig::new();
    rig.play(&speech(3 * FRAME));
    for n in 0..3 {
        assert_ne!(rig.poll(), PlayoutOutput::Idle);
        assert_eq!(rig.poll(), PlayoutOutput::Idle);
        rig.pass(PTIME - NANO);
        assert_eq!(rig.poll(), PlayoutOutput::Idle);
        assert_eq!(rig.due(), Some(PTIME * (n + 1)));
        rig.pass(NANO);
    }
}

/// Sent audio delays the silence, and the queue runs empty meanwhile. Audio that is played then is not
/// late, since it did not wait.
#[test]
fn speech_while_silence_is_delayed_is_not_late() {
    for fill_silence in [true, false] {
        let mut rig = Rig::with(|config| config.fill_silence(fill_silence));
        rig.play(&speech(2 * FRAME));
        rig.poll();
        rig.sent(Default::default(), PTIME);
        assert_eq!(
            rig.run(millis(100)),
            [(PTIME, frame(&speech(2 * FRAME)[FRAME..]))]
        );
        rig.play(&speech(FRAME));
        assert_eq!(rig.poll(), frame(&speech(FRAME)));
        let stats = rig.playout.stats();
        assert_eq!((stats.late, stats.underruns), (0, 1), "{fill_silence}");
    }
}
