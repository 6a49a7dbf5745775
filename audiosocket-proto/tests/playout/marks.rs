//! What tells how far playing has come.

use audiosocket_proto::MarkOutcome::{Cleared, Played};
use audiosocket_proto::SendError;

use crate::rig::{FRAME, PTIME, Rig, speech};

#[test]
fn a_mark_is_reached_when_the_last_sample_before_it_is_written() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME + 1));
    rig.playout.mark(1).unwrap();
    rig.poll();
    assert_eq!(rig.marks(true), [], "a byte is left");
    rig.pass(PTIME);
    rig.poll();
    assert!(rig.playout.awaits_drain());
    assert_eq!(rig.marks(false), [], "not written yet");
    assert_eq!(rig.marks(true), [(1, Played)]);
    assert_eq!(rig.marks(true), []);
    assert!(!rig.playout.awaits_drain());
}

/// A mark in the middle of a frame is reached with that frame, one at its end not earlier.
#[test]
fn marks_come_in_their_order_wherever_a_frame_ends() {
    let mut rig = Rig::new();
    for (mark, len) in [(1, 100), (2, 100), (3, 120), (4, 1), (5, FRAME - 1), (6, 2)] {
        rig.play(&speech(len));
        rig.playout.mark(mark).unwrap();
    }
    let mut reached = Vec::new();
    while rig.playout.poll_timeout().is_some() {
        rig.poll();
        reached.push(rig.marks(true));
        rig.pass(PTIME);
    }
    let reached: Vec<Vec<_>> = reached
        .into_iter()
        .map(|marks| marks.into_iter().map(|(mark, _)| mark).collect())
        .collect();
    // And a last poll, by which the playout learns that there is no more.
    assert_eq!(reached, [vec![1, 2, 3], vec![4, 5], vec![6], vec![]]);
}

#[test]
fn on_an_empty_queue_it_is_reached_once_all_is_written() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        rig.playout.mark(1).unwrap();
        rig.playout.mark(2).unwrap();
        assert!(rig.playout.awaits_drain());
        assert_eq!(rig.marks(false), []);
        assert_eq!(rig.marks(true), [(1, Played), (2, Played)]);
    }
}

#[test]
fn cleared_marks_are_told_whether_all_is_written_or_not() {
    for drained in [true, false] {
        let mut rig = Rig::new();
        rig.play(&speech(FRAME));
        rig.playout.mark(1).unwrap();
        rig.play(&speech(1));
        rig.playout.mark(2).unwrap();
        rig.clear();
        assert!(rig.playout.awaits_drain());
        assert_eq!(rig.marks(drained), [(1, Cleared), (2, Cleared)]);
        assert!(!rig.playout.awaits_drain());
    }
}

/// Of audio of which a part was played and the rest cleared, the rest counts.
#[test]
fn a_mark_behind_a_rest_that_is_cleared_is_cleared() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME + 1));
    rig.playout.mark(1).unwrap();
    rig.poll();
    rig.clear();
    assert_eq!(rig.marks(true), [(1, Cleared)]);
}

/// Marks come in the order in which they were set, whatever became of them.
#[test]
fn played_and_cleared_marks_keep_their_order() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME));
    rig.playout.mark(1).unwrap();
    rig.play(&speech(FRAME));
    rig.playout.mark(2).unwrap();
    rig.poll();
    rig.clear();
    rig.playout.mark(3).unwrap();
    rig.play(&speech(FRAME));
    rig.playout.mark(4).unwrap();
    rig.clear();
    assert_eq!(rig.marks(false), [], "the first is not written yet");
    assert_eq!(
        rig.marks(true),
        [(1, Played), (2, Cleared), (3, Played), (4, Cleared)]
    );
}

/// Nothing can be played behind a hangup, so a mark that is set there is about what is ahead of it.
#[test]
fn behind_a_hangup_it_is_reached_before_that() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME));
    rig.playout.hangup();
    rig.playout.mark(1).unwrap();
    rig.poll();
    assert_eq!(rig.marks(true), [(1, Played)]);

    let mut rig = Rig::new();
    rig.play(&speech(FRAME));
    rig.playout.hangup();
    rig.clear();
    rig.playout.mark(1).unwrap();
    assert_eq!(rig.marks(true), [(1, Played)], "nothing is ahead of it");
}

#[test]
fn without_a_call_there_are_none() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME));
    rig.playout.mark(1).unwrap();
    rig.close();
    assert_eq!(rig.marks(true), []);
    assert!(!rig.playout.awaits_drain());
    assert_eq!(rig.playout.mark(2), Err(SendError::NoCall));

    let mut playout = audiosocket_proto::Playout::new(&Default::default());
    assert_eq!(playout.mark(1), Err(SendError::NoCall));
}
