//! A hangup after the queued audio.

use std::time::Duration;

use audiosocket_proto::{Playout, PlayoutOutput, SendError, SessionConfig};

use crate::rig::{FRAME, PTIME, RATE, Rig, frame, millis, silence, speech};

const SECOND: Duration = Duration::from_secs(1);

/// The caller has heard the last frame at that time.
#[test]
fn the_hangup_comes_one_ptime_after_the_last_frame_was_due() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        rig.play(&speech(FRAME + 1));
        rig.playout.hangup();
        let mut delays = [millis(0), millis(9), millis(0)].into_iter();
        let outputs = rig.run_delayed(SECOND, || delays.next().unwrap());
        assert_eq!(
            outputs,
            [
                (millis(0), frame(&speech(FRAME))),
                (millis(29), frame(&speech(FRAME + 1)[FRAME..])),
                (millis(40), PlayoutOutput::Hangup),
            ]
        );
    }
}

#[test]
fn with_an_empty_queue_the_hangup_comes_when_the_next_frame_is_due() {
    let mut rig = Rig::new();
    rig.pass(SECOND);
    rig.playout.hangup();
    assert_eq!(rig.poll(), PlayoutOutput::Hangup);

    let mut rig = Rig::with_silence();
    assert_eq!(rig.poll(), silence());
    rig.pass(millis(1));
    rig.playout.hangup();
    assert_eq!(rig.due(), Some(PTIME));
    rig.pass(millis(19));
    assert_eq!(rig.poll(), PlayoutOutput::Hangup);
}

#[test]
fn after_a_clear_the_hangup_comes_when_the_next_frame_is_due() {
    let mut rig = Rig::new();
    rig.play(&speech(100 * FRAME));
    rig.playout.hangup();
    rig.poll();
    rig.clear();
    assert_eq!(rig.run(SECOND), [(PTIME, PlayoutOutput::Hangup)]);
}

/// Like a frame, the hangup waits until all earlier bytes are written.
#[test]
fn the_hangup_waits_for_the_peer() {
    let mut rig = Rig::new();
    rig.play(&speech(FRAME));
    rig.playout.hangup();
    rig.poll();
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    assert!(rig.playout.awaits_drain());
    assert_eq!(rig.due(), None);
    assert_eq!(rig.poll(), PlayoutOutput::Hangup);
}

/// Returns the times of silence, and the time of the hangup.
fn silences_before_hangup(rig: &mut Rig) -> (Vec<u64>, u64) {
    let mut outputs = rig.run(SECOND);
    let (at, last) = outputs.pop().unwrap();
    assert_eq!(last, PlayoutOutput::Hangup);
    let silences = outputs.into_iter().map(|(at, output)| {
        assert_eq!(output, silence());
        at.as_millis() as u64
    });
    (silences.collect(), at.as_millis() as u64)
}

/// The tail begins at the end of the audio, however late the hangup is requested.
#[test]
fn the_hangup_comes_one_tail_after_the_end_of_the_audio() {
    for fill_silence in [true, false] {
        for requested_after in [0, 10, 20, 59, 60, 99] {
            let mut rig = Rig::with(|config| {
                config
                    .fill_silence(fill_silence)
                    .hangup_tail(Duration::from_millis(60))
            });
            rig.play(&speech(FRAME));
            rig.poll();
            // The audio ends at 20 ms.
            rig.run(millis(requested_after));
            rig.playout.hangup();
            let (mut silences, hangup) = silences_before_hangup(&mut rig);
            assert_eq!(
                hangup,
                if requested_after == 99 && fill_silence {
                    100
                } else {
                    requested_after.max(80)
                }
            );
            silences.retain(|at| *at > requested_after);
            let expected: Vec<_> = [20, 40, 60]
                .into_iter()
                .filter(|at| fill_silence && *at > requested_after)
                .collect();
            assert_eq!(silences, expected);
        }
    }
}

/// The hangup leaves with the next frame that is due at the end of the tail or later.
#[test]
fn a_tail_is_rounded_up_to_whole_frames_of_silence() {
    let mut rig = Rig::with(|config| config.hangup_tail(millis(61)));
    rig.play(&speech(FRAME));
    rig.playout.hangup();
    rig.poll();
    assert_eq!(
        silences_before_hangup(&mut rig),
        (vec![20, 40, 60, 80], 100)
    );
}

/// There is no audio whose end could be lost.
#[test]
fn without_played_audio_there_is_no_tail() {
    let tail = |config: SessionConfig| config.hangup_tail(SECOND);
    let mut rig = Rig::with(tail);
    rig.playout.hangup();
    assert_eq!(rig.poll(), PlayoutOutput::Hangup);
    // Cleared.
    let mut rig = Rig::with(|config| tail(config).fade_cuts(false));
    rig.play(&speech(100 * FRAME));
    rig.playout.hangup();
    rig.poll();
    rig.clear();
    assert_eq!(rig.run(SECOND), [(PTIME, PlayoutOutput::Hangup)]);
}

#[test]
fn nothing_can_be_played_once_a_hangup_is_queued() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(FRAME));
    rig.playout.hangup();
    assert_eq!(rig.try_play(RATE, &[1, 2]), Err(SendError::NoCall));
    rig.playout.hangup();
    rig.clear();
    assert_eq!(rig.try_play(RATE, &[1, 2]), Err(SendError::NoCall));
    assert_eq!(rig.poll(), PlayoutOutput::Hangup);
    assert_eq!(rig.try_play(RATE, &[1, 2]), Err(SendError::NoCall));
    assert_eq!(rig.rest(), [], "no silence");
}

#[test]
fn the_hangup_comes_once() {
    let mut rig = Rig::new();
    rig.playout.hangup();
    rig.playout.hangup();
    assert_eq!(rig.poll(), PlayoutOutput::Hangup);
    rig.playout.hangup();
    assert_eq!(rig.rest(), []);
}

#[test]
fn a_hangup_before_or_after_the_call_is_ignored() {
    let mut playout: Playout<u32> = Playout::new(&SessionConfig::default());
    playout.hangup();
    let mut rig = Rig::new();
    playout.start(rig.now);
    let output = playout.poll(rig.now, true, &mut Vec::new());
    assert_eq!(output, silence());

    rig.close();
    rig.playout.hangup();
    assert_eq!(rig.rest(), []);
}
