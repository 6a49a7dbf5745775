//! Pauses: the queue stops and continues.

use audiosocket_proto::{MarkOutcome, Playout, PlayoutOutput, SendError, SessionConfig};

use crate::rig::{FRAME, Output, PTIME, RATE, Rig, frame, millis, samples, silence, speech};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

fn rig_without_fades(fill_silence: bool) -> Rig {
    Rig::with(|config| config.fill_silence(fill_silence).fade_cuts(false))
}

fn bytes(outputs: &[Output]) -> Vec<u8> {
    let frames = outputs.iter().map(|(_, output)| match output {
        PlayoutOutput::Frame(frame) => frame.bytes().clone(),
        other => panic!("expected a frame, got {other:?}"),
    });
    frames.flatten().collect()
}

/// Pauses at each millisecond of three frames. Every byte leaves once, and silence fills the pause.
#[test]
fn a_pause_takes_effect_with_the_next_frame_and_loses_nothing() {
    for fill_silence in [true, false] {
        for after in 0..60 {
            let mut rig = rig_without_fades(fill_silence);
            let all = speech(10 * FRAME);
            rig.play(&all);
            let mut played = bytes(&rig.run(millis(after)));
            rig.pause();
            assert!(rig.playout.is_paused());
            let before = rig.playout.stats();
            let paused = rig.run(SECOND);
            assert!(paused.iter().all(|(_, output)| *output == silence()));
            assert_eq!(
                paused.len(),
                if fill_silence { 50 } else { 0 },
                "{after} ms"
            );
            let stats = rig.playout.stats();
            assert_eq!(stats.samples_played, played.len() as u64 / 2);
            assert_eq!(
                (stats.samples_played, stats.depth),
                (before.samples_played, before.depth)
            );
            rig.resume();
            let resumed_at = rig.elapsed();
            let rest = rig.run(millis(200));
            assert!(rest[0].0 - resumed_at <= PTIME);
            let rest = bytes(&rest);
            played.extend(&rest[..all.len() - played.len()]);
            assert_eq!(played, all);
            let stats = rig.playout.stats();
            assert_eq!((stats.late, stats.underruns, stats.frames), (0, 0, 10));
            assert_eq!(stats.samples_played, 1600);
        }
    }
}

#[test]
fn padding_is_not_counted_as_played() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(FRAME + 6));
    rig.run(millis(60));
    rig.play(&speech(5));
    rig.run(millis(60));
    assert_eq!(rig.playout.stats().samples_played, 160 + 3 + 3);
}

/// The frame after the pause begins with a fade of the next 5 ms. After the pause, the same 5 ms rise.
#[test]
fn a_pause_fades_out_and_in_at_the_same_sample() {
    let mut rig = Rig::with_silence();
    let all: Vec<i16> = (1..=800).map(|n| n * 10).collect();
    let slin: Vec<u8> = all.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    rig.play(&slin);
    rig.run(millis(20));
    rig.pause();
    let paused = rig.run(millis(100));
    let gain = |sample: i16, gain: i32| (i32::from(sample) * gain / 40) as i16;
    let fade_out = (0..40).map(|at| gain(all[320 + at], 40 - at as i32));
    let expected: Vec<_> = fade_out.chain([0; 120]).collect();
    assert_eq!(samples(&paused[0].1), expected);
    assert!(paused[1..].iter().all(|(_, output)| *output == silence()));
    assert_eq!(rig.playout.stats().samples_played, 320);
    rig.resume();
    let rest = rig.run(millis(60));
    let fade_in = (0..40).map(|at| gain(all[320 + at], at as i32));
    let expected: Vec<_> = fade_in.chain(all[360..480].iter().copied()).collect();
    assert_eq!(samples(&rest[0].1), expected);
    assert_eq!(samples(&rest[1].1), all[480..640]);
    assert_eq!(samples(&rest[2].1), all[640..]);
}

/// It ends within the time after which a gap is no underrun.
#[test]
fn a_short_pause_is_no_underrun() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(4 * FRAME));
    rig.run(millis(20));
    rig.pause();
    assert_eq!(rig.run(millis(100)).len(), 5);
    rig.resume();
    rig.run(millis(100));
    let stats = rig.playout.stats();
    assert_eq!((stats.frames, stats.underruns), (4, 0));
}

/// A pause that ends before the next frame is no cut.
#[test]
fn a_pause_between_two_frames_changes_nothing() {
    let mut rig = Rig::with_silence();
    let all = speech(4 * FRAME);
    rig.play(&all);
    let mut outputs = rig.run(millis(30));
    rig.pause();
    rig.pass(millis(9));
    rig.resume();
    outputs.extend(rig.run(millis(30)));
    assert_eq!(bytes(&outputs), all);
}

/// A second pause cuts nothing: no speech has left since the first one.
#[test]
fn audio_that_begins_in_a_pause_does_not_fade_in() {
    let mut rig = Rig::with_silence();
    rig.pause();
    rig.play(&speech(2 * FRAME));
    assert_eq!(rig.poll(), silence());
    rig.resume();
    rig.pause();
    rig.pass(PTIME);
    assert_eq!(rig.poll(), silence());
    rig.resume();
    rig.pass(PTIME);
    assert_eq!(rig.poll(), frame(&speech(FRAME)));
}

#[test]
fn a_clear_ends_a_pause_and_the_next_audio_does_not_fade_in() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(3 * FRAME));
    rig.poll();
    rig.pause();
    rig.run(millis(50));
    assert_eq!(rig.clear().samples, FRAME as u64);
    assert!(!rig.playout.is_paused());
    rig.play(&speech(FRAME));
    rig.pass(millis(10));
    assert_eq!(rig.poll(), frame(&speech(FRAME)));
    assert_eq!(rig.playout.stats().samples_dropped, FRAME as u64);
}

/// A mark with no audio before it is reached at once.
#[test]
fn marks_wait_for_the_end_of_a_pause() {
    let mut rig = rig_without_fades(true);
    rig.pause();
    rig.playout.mark(1).unwrap();
    rig.play(&speech(FRAME));
    rig.playout.mark(2).unwrap();
    rig.run(SECOND);
    assert_eq!(rig.marks(true), [(1, MarkOutcome::Played)]);
    rig.resume();
    rig.run(PTIME);
    assert_eq!(rig.marks(true), [(2, MarkOutcome::Played)]);
    rig.play(&speech(FRAME));
    rig.playout.mark(3).unwrap();
    rig.pause();
    rig.clear();
    assert_eq!(rig.marks(true), [(3, MarkOutcome::Cleared)]);
}

#[test]
fn a_hangup_waits_for_the_end_of_a_pause() {
    for clear in [false, true] {
        let mut rig = rig_without_fades(false);
        rig.pause();
        rig.playout.hangup();
        assert_eq!(rig.run(SECOND), []);
        assert_eq!(rig.try_play(RATE, &[1, 2]), Err(SendError::NoCall));
        if clear {
            rig.clear();
        } else {
            rig.resume();
        }
        assert_eq!(rig.poll(), PlayoutOutput::Hangup);
        rig.pause();
        assert!(!rig.playout.is_paused());
        rig.resume();
        assert_eq!(rig.rest(), []);
    }
}

/// An echo in a pause delays the silence, as without a queue.
#[test]
fn sent_audio_delays_the_silence_of_a_pause() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(5 * FRAME));
    rig.poll();
    rig.pause();
    rig.sent(RATE, PTIME);
    assert_eq!(rig.run(millis(219)), []);
    assert_eq!(rig.run(millis(1)), [(millis(220), silence())]);
    rig.resume();
    assert_eq!(bytes(&rig.run(millis(80))), speech(5 * FRAME)[FRAME..]);
}

#[test]
fn a_playout_outside_of_a_call_is_never_paused() {
    let mut playout: Playout<u32> = Playout::new(&SessionConfig::default());
    playout.pause();
    assert!(!playout.is_paused());
    playout.resume();
    assert_eq!(playout.poll_timeout(), None);
    let mut rig = Rig::with_silence();
    rig.close();
    rig.pause();
    rig.resume();
    assert_eq!(rig.rest(), []);
}

/// The frame waits for the peer. The pause comes before the peer reads again.
#[test]
fn a_frame_that_waits_for_the_peer_can_be_paused() {
    let mut rig = rig_without_fades(true);
    rig.play(&speech(3 * FRAME));
    rig.poll();
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    rig.pause();
    assert_eq!(rig.poll(), silence());
    rig.resume();
    rig.pass(PTIME);
    assert_eq!(rig.poll(), frame(&speech(2 * FRAME)[FRAME..]));
}
