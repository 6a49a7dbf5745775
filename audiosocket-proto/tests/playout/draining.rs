//! A peer that does not read.

use audiosocket_proto::PlayoutOutput;

use crate::rig::{FRAME, PTIME, Rig, frame, millis, silence, speech};

/// A due frame stays in the queue, without a deadline, until all earlier bytes are written. The frames
/// after it follow one ptime apart.
#[test]
fn frames_wait_for_the_peer_and_do_not_leave_in_a_burst() {
    let audio = speech(100 * FRAME);
    let mut rig = Rig::new();
    rig.play(&audio);
    assert_eq!(rig.poll(), frame(&audio[..FRAME]));
    rig.pass(PTIME);
    for _ in 0..3 {
        assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
        assert!(rig.playout.awaits_drain());
        assert_eq!(rig.due(), None);
        rig.pass(millis(100));
    }
    assert_eq!(rig.playout.stats().depth, PTIME * 99);
    let drained = rig.elapsed();
    assert_eq!(rig.poll(), frame(&audio[FRAME..][..FRAME]));
    assert!(!rig.playout.awaits_drain());
    assert_eq!(rig.due(), Some(drained + PTIME));
    let outputs = rig.run(millis(60));
    assert_eq!(outputs.len(), 3);
    assert_eq!(outputs[2].0, drained + millis(60));
    assert_eq!(rig.playout.stats().late, 1);
}

#[test]
fn a_frame_that_is_not_due_does_not_wait_for_the_peer() {
    let mut rig = Rig::new();
    rig.play(&speech(2 * FRAME));
    rig.poll();
    rig.pass(millis(19));
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    assert!(!rig.playout.awaits_drain());
    assert_eq!(rig.due(), Some(PTIME));
}

/// Silence does not pile up while the peer does not read.
#[test]
fn silence_waits_for_the_peer_too() {
    let mut rig = Rig::with_silence();
    assert_eq!(rig.poll(), silence());
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    assert_eq!(rig.due(), None);
    rig.pass(millis(1000));
    assert_eq!(rig.poll(), silence());
    assert_eq!(rig.due(), Some(millis(1040)));
}

/// A wait of half a ptime is not late.
#[test]
fn a_short_wait_keeps_the_schedule() {
    let mut rig = Rig::new();
    rig.play(&speech(3 * FRAME));
    rig.poll();
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    rig.pass(PTIME / 2);
    assert_ne!(rig.poll(), PlayoutOutput::Idle);
    assert_eq!(rig.due(), Some(PTIME * 2));
    assert_eq!(rig.playout.stats().late, 0);
}

/// The call ended while a frame waited for the peer.
#[test]
fn a_closed_playout_does_not_wait_for_the_peer() {
    let mut rig = Rig::new();
    rig.play(&speech(3 * FRAME));
    rig.poll();
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    rig.close();
    assert!(!rig.playout.awaits_drain());
    assert_eq!(rig.poll(), PlayoutOutput::Idle);
}
