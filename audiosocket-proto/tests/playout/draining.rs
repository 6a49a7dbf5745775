//! A peer that takes nothing.

use audiosocket_proto::PlayoutOutput;

use crate::rig::{FRAME, PTIME, Rig, frame, millis, silence, speech};

/// What is due waits in the queue, with no deadline, and leaves when the peer has taken what was
/// sent before; the others follow at their pace.
#[test]
fn frames_are_held_and_do_not_burst() {
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
fn before_a_frame_is_due_nothing_is_held() {
    let mut rig = Rig::new();
    rig.play(&speech(2 * FRAME));
    rig.poll();
    rig.pass(millis(19));
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    assert!(!rig.playout.awaits_drain());
    assert_eq!(rig.due(), Some(PTIME));
}

/// Silence does not pile up before a peer that takes nothing, either.
#[test]
fn silence_is_held_too() {
    let mut rig = Rig::with_silence();
    assert_eq!(rig.poll(), silence());
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    assert_eq!(rig.due(), None);
    rig.pass(millis(1000));
    assert_eq!(rig.poll(), silence());
    assert_eq!(rig.due(), Some(millis(1040)));
}

/// A peer that has taken it just in time has not held anything up.
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

/// What the peer did not take when the call ended does not wait for anything any more.
#[test]
fn a_closed_playout_awaits_nothing() {
    let mut rig = Rig::new();
    rig.play(&speech(3 * FRAME));
    rig.poll();
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    rig.close();
    assert!(!rig.playout.awaits_drain());
    assert_eq!(rig.poll(), PlayoutOutput::Idle);
}
