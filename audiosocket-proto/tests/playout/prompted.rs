//! What leaves with the caller's frames.

use std::time::Duration;

use audiosocket_proto::PlayoutOutput;

use crate::rig::{FRAME, Output, PTIME, RATE, Rig, delays, frame, millis, silence, speech};

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

#[test]
fn silence_falls_in_with_the_caller() {
    for first in 0..20 {
        let mut rig = Rig::with_silence();
        let outputs = listen(&mut rig, every_ptime(first, 100));
        assert!(outputs.iter().all(|(_, output)| *output == silence()));
        let times = times(&outputs);
        let falls_in = times.iter().position(|at| *at > PTIME).unwrap();
        let with_the_caller: Vec<_> = every_ptime(first, 100)
            .skip_while(|at| *at < times[falls_in])
            .collect();
        let until = falls_in + with_the_caller.len();
        assert_eq!(times[falls_in..until], with_the_caller, "{first}");
        assert!(falls_in <= 2 && with_the_caller.len() >= 98, "{first}");
    }
}

/// Ten minutes of speech to a caller whose frames come up to 2 ms early or late: each leaves with one of
/// them, and in the end the last is where it would be without.
#[test]
fn speech_leaves_with_the_caller_and_does_not_drift() {
    const FRAMES: u32 = 30_000;
    let mut rig = Rig::with_silence();
    rig.poll();
    rig.pass(millis(9));
    rig.heard(RATE);
    let schedule = rig.due().unwrap();
    rig.play(&vec![1; FRAME * FRAMES as usize]);
    let mut jitter = delays(11, millis(4));
    let comes: Vec<_> = every_ptime(29, FRAMES)
        .map(|at| at + jitter() - millis(2))
        .collect();
    let outputs = listen(&mut rig, comes.iter().copied());
    let outputs = &outputs[..FRAMES as usize];
    assert!(
        outputs
            .iter()
            .all(|(_, output)| *output == frame(&[1; FRAME]))
    );
    assert_eq!(times(outputs), comes);
    for (n, (at, _)) in outputs.iter().enumerate() {
        let due = schedule + PTIME * n as u32;
        assert!(*at <= due && due - *at <= PTIME / 4, "{n}: {at:?}, {due:?}");
    }
    assert_eq!(rig.playout.stats().late, 0);
}

#[test]
fn a_caller_that_falls_silent_is_not_waited_for() {
    let mut rig = Rig::with_silence();
    listen(&mut rig, every_ptime(7, 50));
    rig.play(&speech(10 * FRAME));
    let due = rig.due().unwrap();
    let outputs = rig.run(PTIME * 9);
    let on_schedule: Vec<_> = (0..9).map(|n| due + PTIME * n).collect();
    assert_eq!(times(&outputs), on_schedule);
}

/// Wherever the caller's first frame comes, from the next one on all leave with them. What is between the
/// first ones is not so much more or less that it is heard.
#[test]
fn speech_falls_in_with_the_callers_first_frame() {
    for first in 0..80 {
        let first = micros(first * 250 + 1);
        let comes = |n| first + PTIME * n;
        let mut rig = Rig::new();
        rig.play(&speech(100 * FRAME));
        let times = times(&listen(&mut rig, (0..100).map(comes)));
        let gaps = times.windows(2).map(|two| two[1] - two[0]);
        let (least, most) = (PTIME / 2, PTIME * 13 / 8);
        assert!(
            gaps.clone().all(|gap| gap >= least && gap <= most),
            "{times:?}"
        );
        assert!(gaps.skip(2).take(97).all(|gap| gap == PTIME), "{times:?}");
        assert!(times[2..].contains(&comes(2)), "{first:?}: {times:?}");
    }
}

/// But not again and again: speech keeps its schedule where that is not the caller's.
#[test]
fn speech_is_moved_four_times_at_most() {
    let mut rig = Rig::new();
    rig.play(&speech(100 * FRAME));
    move_four_times(&mut rig);
    let (from, due) = (rig.elapsed(), rig.due().unwrap());
    let out_of_step = (0..80).map(|n| due + PTIME * n - PTIME / 2);
    let outputs = listen(&mut rig, out_of_step);
    assert!(from < due);
    let on_schedule: Vec<_> = (0..80).map(|n| due + PTIME * n).collect();
    assert_eq!(times(&outputs)[..80], on_schedule);
}

/// A caller that is out of step each time, of a call on which something is played that had not begun.
fn move_four_times(rig: &mut Rig) {
    for n in 0..4 {
        assert_ne!(rig.poll(), PlayoutOutput::Idle);
        let due = rig.due().unwrap();
        rig.heard(RATE);
        assert!(rig.due().unwrap() > due, "{n}");
        rig.run(rig.due().unwrap() - rig.elapsed() - MICRO);
        rig.pass(MICRO);
    }
    assert_ne!(rig.poll(), PlayoutOutput::Idle);
}

/// The bounds, and that they are not the same both ways: or frames of a caller that come about then
/// would have ours leave now early, now on time.
#[test]
fn a_quarter_of_a_ptime_early_is_the_most() {
    let mut rig = Rig::new();
    rig.play(&speech(100 * FRAME));
    move_four_times(&mut rig);
    let due = rig.due().unwrap();
    let eighth = micros(2_500);
    let comes = [
        // Behind one that left by itself an eighth before it is due, and more.
        due - eighth - MICRO,
        due + PTIME - eighth,
        // Behind one that left so a quarter, and more.
        due + 2 * PTIME - 2 * eighth,
        due + 3 * PTIME - 2 * eighth - MICRO,
        // And not at once more than an eighth again.
        due + 4 * PTIME - eighth - MICRO,
    ];
    let outputs = listen(&mut rig, comes);
    let left = [due, comes[1], comes[2], due + 3 * PTIME, due + 4 * PTIME];
    assert_eq!(times(&outputs)[..5], left);
}

/// One that was late is not followed by one that is early.
#[test]
fn three_quarters_of_a_ptime_lie_between() {
    for (late, leaves) in [(8_000, false), (3_000, true)] {
        let mut rig = Rig::new();
        rig.play(&speech(100 * FRAME));
        move_four_times(&mut rig);
        let due = rig.due().unwrap() - rig.elapsed();
        rig.pass(due + micros(late));
        assert_ne!(rig.poll(), PlayoutOutput::Idle);
        rig.pass(millis(18) - micros(late));
        rig.heard(RATE);
        let left = rig.poll() != PlayoutOutput::Idle;
        assert_eq!(left, leaves, "behind one that was {late} us late");
    }
}

/// A caller may send as often as it likes.
#[test]
fn a_flood_neither_stops_silence_nor_hurries_speech() {
    let flood = |from: u64| (0..10_000).map(move |n| millis(from + n));
    let mut rig = Rig::with_silence();
    let silent = listen(&mut rig, flood(0));
    let gaps = silent.windows(2).map(|two| two[1].0 - two[0].0);
    let (least, most) = (PTIME * 3 / 4, PTIME * 17 / 8);
    assert!(gaps.clone().all(|gap| gap >= least && gap <= most));
    rig.play(&speech(600 * FRAME));
    let from = rig.elapsed().as_millis() as u64 + 1;
    let spoken = listen(&mut rig, flood(from));
    let count = spoken.len();
    assert!(
        (500..=502).contains(&count),
        "{count} frames in ten seconds"
    );
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
