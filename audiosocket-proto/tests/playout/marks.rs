//! Marks: they report that the audio before them was played or cleared.

use audiosocket_proto::MarkOutcome::{Cleared, Played};
use audiosocket_proto::SendError;

use crate::rig::{FRAME, PTIME, Rig, speech};

#[test]
fn a_mark_is_played_when_the_last_byte_before_it_is_written() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME + 1));
    rig.playout.mark(1).unwrap();
    rig.poll();
    assert_eq!(rig.marks(true), [], "one byte is still queued");
    rig.pass(PTIME);
    rig.poll();
    assert!(rig.playout.awaits_drain());
    assert_eq!(rig.marks(false), [], "not written yet");
    assert_eq!(rig.marks(true), [(1, Played)]);
    assert_eq!(rig.marks(true), []);
    assert!(!rig.playout.awaits_drain());
}

/// A mark in the middle of a frame comes with that frame, like a mark at its end.
#[test]
fn marks_keep_their_order_within_frames() {
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
    // The last poll finds the queue empty.
    assert_eq!(reached, [vec![1, 2, 3], vec![4, 5], vec![6], vec![]]);
}

#[test]
fn on_an_empty_queue_a_mark_is_played_once_all_bytes_are_written() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        rig.playout.mark(1).unwrap();
        rig.playout.mark(2).unwrap();
        assert!(rig.playout.awaits_drain());
        assert_eq!(rig.marks(false), []);
        assert_eq!(rig.marks(true), [(1, Played), (2, Played)]);
    }
}

#[test]
fn cleared_marks_do_not_wait_for_the_peer() {
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

/// The audio before the mark was partly played, and the rest was cleared.
#[test]
fn a_mark_after_partly_cleared_audio_is_cleared() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME + 1));
    rig.playout.mark(1).unwrap();
    rig.poll();
    rig.clear();
    assert_eq!(rig.marks(true), [(1, Cleared)]);
}

/// Marks come in the order in which they were set.
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

/// A mark that is set after a hangup is about the audio before the hangup.
#[test]
fn a_mark_that_is_set_after_a_hangup_comes_before_it() {
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
    assert_eq!(rig.marks(true), [(1, Played)], "the queue is empty");
}

#[test]
fn without_a_call_there_are_no_marks() {
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
