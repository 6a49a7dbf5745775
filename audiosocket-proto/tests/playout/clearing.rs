//! Barge-in: `clear` drops the queued audio at once.

use audiosocket_proto::{Dropped, PlayoutOutput, SampleRate};

use crate::rig::{FRAME, PTIME, Rig, frame, millis, silence, speech};

const OLD: u8 = 0x55;
const NEW: u8 = 0x66;

/// Clears queues of 0, 1, 2 and 1,500 frames after 0 to 60 ms. Later frames contain no old sample, and
/// new speech leaves within one ptime.
#[test]
fn after_a_clear_no_old_audio_leaves() {
    for fill_silence in [true, false] {
        for frames in [0, 1, 2, 1500] {
            for after in 0..=60 {
                let mut rig = Rig::with(|config| config.fill_silence(fill_silence));
                if frames > 0 {
                    rig.play(&vec![OLD; frames * FRAME - 1]);
                }
                let before = rig.run(millis(after)).len();
                let given_out = if fill_silence {
                    rig.playout.stats().frames as usize
                } else {
                    before
                };
                let dropped = rig.clear();
                let left = (frames * FRAME)
                    .saturating_sub(1)
                    .saturating_sub(given_out * FRAME);
                assert_eq!(dropped.samples, left.div_ceil(2) as u64);
                rig.play(&[NEW; FRAME]);
                let cleared_at = rig.elapsed();
                let outputs = rig.run(millis(100));
                assert_eq!(outputs[0].1, frame(&[NEW; FRAME]));
                assert!(outputs[0].0 - cleared_at <= PTIME);
                let old = |(_, output): &(_, PlayoutOutput)| matches!(output, PlayoutOutput::Frame(frame) if frame.bytes().contains(&OLD));
                assert!(!outputs.iter().any(old));
            }
        }
    }
}

/// Bytes that do not fill a frame are cleared too.
#[test]
fn the_rest_of_a_piece_is_cleared() {
    let mut rig = Rig::with_silence();
    rig.play(&[OLD; FRAME + 10]);
    rig.poll();
    rig.clear();
    rig.pass(PTIME);
    assert_eq!(rig.poll(), silence());
    assert_eq!(rig.clear(), Dropped::default());
}

#[test]
fn clear_returns_the_dropped_samples_and_their_duration() {
    let mut rig = Rig::new();
    rig.play(&speech(8000 * 2 + 1));
    rig.try_play(SampleRate::Hz44100, &speech(441 * 2)).unwrap();
    rig.try_play(SampleRate::Hz192000, &speech(3)).unwrap();
    let dropped = rig.clear();
    assert_eq!(dropped.samples, 8000 + 441 + 2);
    // Bytes are half samples: 1 s, 1/16,000 s, 10 ms, 3/384,000 s.
    assert_eq!(
        dropped.duration.as_nanos(),
        1_000_000_000 + 62_500 + 10_000_000 + 7_812
    );
    assert_eq!(rig.clear(), Dropped::default());
    assert_eq!(rig.playout.stats().samples_dropped, 8443);
    assert_eq!(rig.rest(), []);
}

/// The peer does not read, and a frame is already due.
#[test]
fn a_frame_that_waits_for_the_peer_can_be_cleared() {
    let mut rig = Rig::new();
    rig.play(&[OLD; 3 * FRAME]);
    rig.poll();
    rig.pass(PTIME);
    assert_eq!(rig.poll_undrained(), PlayoutOutput::Idle);
    assert_eq!(rig.clear().samples, FRAME as u64);
    rig.play(&[NEW; FRAME]);
    rig.pass(PTIME);
    assert_eq!(rig.poll(), frame(&[NEW; FRAME]));
    assert_eq!(rig.rest(), []);
}
