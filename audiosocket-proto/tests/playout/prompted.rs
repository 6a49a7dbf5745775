//! What leaves with the caller's frames.

use std::time::Duration;

use audiosocket_proto::PlayoutOutput;

use crate::rig::{FRAME, Output, PTIME, RATE, Rig, delays, millis, speech};

const MICRO: Duration = Duration::from_micros(1);

/// The caller's frames come at these times since the start; all that leaves until then, with them, and in
/// a ptime after the last.
fn listen(rig: &mut Rig, comes: impl IntoIterator<Item = Duration>) -> Vec<Output> {
    let mut outputs = Vec::new();
    for at in comes {
        outputs.extend(rig.run(at - rig.elapsed()));
        rig.heard(RATE);
        let prompted = rig.poll();
        if prompted != PlayoutOutput::Idle {
            outputs.push((rig.elapsed(), prompted));
        }
    }
    outputs.extend(rig.run(PTIME));
    outputs
}

fn times(outputs: &[Output]) -> Vec<Duration> {
    outputs.iter().map(|(at, _)| *at).collect()
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// A frame of the caller's every 20 ms, the first after so many.
fn every_ptime(first: u64, count: u32) -> impl Iterator<Item = Duration> {
    (0..count).map(move |n| millis(first) + PTIME * n)
}

/// Wherever the caller's frames come: within a second ours leave with them, and until then none is so much
/// later or earlier that anybody hears it.
#[test]
fn speech_and_silence_fall_in_with_the_caller() {
    for first in 0..80 {
        let first = micros(first * 250 + 1);
        for mut rig in [Rig::new(), Rig::with_silence()] {
            rig.play(&speech(100 * FRAME));
            let comes: Vec<_> = (0..100).map(|n| first + PTIME * n).collect();
            let times = times(&listen(&mut rig, comes.iter().copied()));
            let gaps = times.windows(2).map(|two| two[1] - two[0]);
            let (least, most) = (PTIME * 7 / 8 - PTIME / 64, PTIME * 9 / 8);
            assert!(
                gaps.clone().all(|gap| gap >= least && gap <= most),
                "{times:?}"
            );
            assert!(gaps.skip(50).take(48).all(|gap| gap == PTIME), "{times:?}");
            assert!(times.contains(&comes[50]), "{first:?}: {times:?}");
        }
    }
}

/// Ten minutes of speech to a caller whose frames come up to 1 ms early or late: each leaves with one of
/// them, and in the end the last is about where it would be without.
#[test]
fn speech_leaves_with_the_caller_and_does_not_drift() {
    const FRAMES: u32 = 30_000;
    let mut rig = Rig::new();
    rig.play(&vec![1; FRAME * FRAMES as usize]);
    let mut jitter = delays(11, millis(2));
    let comes: Vec<_> = (1..=FRAMES)
        .map(|n| PTIME * n + jitter() - millis(5))
        .collect();
    let outputs = listen(&mut rig, comes.iter().copied());
    let times = times(&outputs);
    assert_eq!(times.len(), FRAMES as usize);
    assert_eq!(times[50..], comes[49..comes.len() - 1]);
    let last = times[FRAMES as usize - 1];
    assert!(last.abs_diff(PTIME * (FRAMES - 1)) <= PTIME / 2, "{last:?}");
    assert_eq!(rig.playout.stats().late, 0);
}

/// The clock of a caller that is a thousandth too fast, or too slow, is followed for no more than a ptime.
#[test]
fn a_caller_is_followed_for_a_ptime_at_most() {
    const FRAMES: u32 = 3_000;
    for theirs in [PTIME - PTIME / 1_000, PTIME + PTIME / 1_000] {
        let mut rig = Rig::new();
        rig.play(&vec![1; FRAME * FRAMES as usize]);
        let outputs = listen(&mut rig, (1..FRAMES).map(|n| theirs * n));
        let last = times(&outputs)[FRAMES as usize - 10];
        let due = PTIME * (FRAMES - 10);
        let off = last.abs_diff(due);
        assert!(off <= PTIME * 5 / 4 && off >= PTIME * 3 / 4, "{off:?}");
    }
}

#[test]
fn a_caller_that_falls_silent_is_not_waited_for() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(100 * FRAME));
    listen(&mut rig, every_ptime(7, 50));
    let due = rig.due().unwrap();
    let on_schedule: Vec<_> = (0..9).map(|n| due + PTIME * n).collect();
    assert_eq!(
        times(&rig.run(due + PTIME * 8 - rig.elapsed())),
        on_schedule
    );
}

/// The bounds, and that they are not the same both ways: or frames of a caller that come about then
/// would have ours leave now early, now on time.
#[test]
fn a_quarter_of_a_ptime_early_is_the_most() {
    let part = PTIME / 16;
    // How long before it is due the caller's frame comes, and then the next one's; and which leave with it.
    let cases = [
        (2 * part, 2 * part, [true, true]),
        (2 * part + MICRO, 2 * part, [false, true]),
        // Behind one that left so a quarter.
        (2 * part, 4 * part, [true, true]),
        (2 * part, 4 * part + MICRO, [true, false]),
        // Not behind one that did not.
        (6 * part, 2 * part + MICRO, [false, false]),
    ];
    for (first, second, leave) in cases {
        let mut rig = Rig::new();
        rig.play(&speech(100 * FRAME));
        rig.poll();
        let mut left = Vec::new();
        for ahead in [first, second] {
            let due = rig.due().unwrap();
            rig.run(due - ahead - rig.elapsed());
            rig.heard(RATE);
            left.push(rig.poll() != PlayoutOutput::Idle);
            rig.run(due - rig.elapsed());
        }
        assert_eq!(left, leave, "{first:?} and {second:?} ahead");
    }
}

/// One that was late is not followed by one that is early.
#[test]
fn three_quarters_of_a_ptime_lie_between() {
    for (late, leaves) in [(8_000, false), (3_000, true)] {
        let mut rig = Rig::new();
        rig.play(&speech(100 * FRAME));
        rig.poll();
        rig.pass(PTIME + micros(late));
        assert_ne!(rig.poll(), PlayoutOutput::Idle);
        rig.pass(millis(18) - micros(late));
        rig.heard(RATE);
        let left = rig.poll() != PlayoutOutput::Idle;
        assert_eq!(left, leaves, "behind one that was {late} us late");
    }
}

/// A caller may send as often as it likes.
#[test]
fn a_flood_hurries_nothing() {
    for (play, silence) in [(600, false), (0, true)] {
        let mut rig = Rig::with(|config| config.fill_silence = silence);
        rig.play(&speech(play * FRAME + 1));
        let outputs = listen(&mut rig, (0..10_000).map(millis));
        let count = outputs.len();
        assert!(
            (499..=503).contains(&count),
            "{count} frames in ten seconds"
        );
    }
}

/// What waits for the peer leaves when that has taken what is ahead, and counts as late if that was late.
#[test]
fn what_was_to_leave_with_the_caller_waits_for_the_peer() {
    let mut rig = Rig::new();
    rig.play(&speech(100 * FRAME));
    rig.poll();
    rig.pass(millis(18));
    rig.heard(RATE);
    assert_eq!(rig.due(), Some(micros(17_500)), "now, so to say");
    assert_eq!(rig.playout.poll(rig.now, false), PlayoutOutput::Idle);
    assert_eq!(rig.due(), None);
    rig.pass(millis(12));
    assert_ne!(rig.poll(), PlayoutOutput::Idle);
    assert_eq!((rig.due(), rig.playout.stats().late), (Some(millis(40)), 0));
}
