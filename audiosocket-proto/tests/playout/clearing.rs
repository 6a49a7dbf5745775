//! Barge-in: `clear` drops the queued audio at once.

use audiosocket_proto::{AudioBuf, Dropped, PlayoutOutput, Ptime, SampleRate, SessionConfig};

use crate::rig::{FRAME, PTIME, RATE, Rig, frame, millis, samples, silence, speech};

const OLD: u8 = 0x55;
const NEW: u8 = 0x66;

/// Without fades. Clears queues of 0, 1, 2 and 1,500 frames after 0 to 60 ms. Later frames contain no old sample, and
/// new speech leaves within one ptime.
#[test]
fn after_a_clear_no_old_audio_leaves() {
    for fill_silence in [true, false] {
        for frames in [0, 1, 2, 1500] {
            for after in 0..=60 {
                let config =
                    |config: SessionConfig| config.fill_silence(fill_silence).fade_cuts(false);
                let mut rig = Rig::with(config);
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
    let mut rig = Rig::with(|config| config.fade_cuts(false));
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
    assert_eq!(
        samples(&rig.poll())[40..],
        [i16::from_le_bytes([NEW; 2]); 120]
    );
    assert_eq!(rig.rest(), []);
}

/// Speech at a constant level.
fn level(level: i16, samples: usize) -> Vec<u8> {
    level.to_le_bytes().repeat(samples)
}

/// 5 ms that fall from `level` to zero, then `rest`.
fn faded(level: i16, rest: i16) -> Vec<i16> {
    let fade = (0..40).map(|at| (i32::from(level) * (40 - at) / 40) as i16 + rest);
    fade.chain([rest; 120]).collect()
}

/// The frame that is due next has the fade, so the old speech does not last longer than one frame after the clear.
#[test]
fn a_clear_fades_over_the_first_5_ms_of_the_next_frame() {
    for fill_silence in [true, false] {
        for after in [0, 1, 19] {
            let mut rig = Rig::with(|config| config.fill_silence(fill_silence));
            rig.play(&level(-20_000, 1600));
            rig.run(millis(20));
            rig.pass(millis(after));
            assert_eq!(
                rig.clear().samples,
                1600 - 320,
                "the fade counts as dropped"
            );
            let outputs = rig.run(millis(40));
            assert_eq!(outputs[0].0, millis(40));
            assert_eq!(samples(&outputs[0].1), faded(-20_000, 0));
            let rest = [(millis(60), silence())];
            assert_eq!(outputs[1..], rest[..usize::from(fill_silence)]);
            let stats = rig.playout.stats();
            assert_eq!(
                (stats.frames, stats.samples_played, stats.underruns),
                (2, 320, 0)
            );
        }
    }
}

/// New audio is not delayed by the fade.
#[test]
fn a_fade_is_mixed_into_new_audio() {
    let mut rig = Rig::with_silence();
    rig.play(&level(1000, 800));
    rig.poll();
    rig.clear();
    rig.play(&level(-400, 160));
    rig.pass(PTIME);
    assert_eq!(samples(&rig.poll()), faded(1000, -400));
    rig.pass(PTIME);
    assert_eq!(rig.poll(), silence());
}

#[test]
fn a_fade_that_is_too_loud_for_new_audio_is_clamped() {
    let mut rig = Rig::with_silence();
    rig.play(&level(i16::MAX, 800));
    rig.poll();
    rig.clear();
    rig.play(&level(i16::MAX, 160));
    rig.pass(PTIME);
    assert_eq!(samples(&rig.poll()), [i16::MAX; 160]);
}

/// The samples of all rates and ptimes fall to zero within 5 ms.
#[test]
fn a_fade_lasts_5_ms_at_each_rate_and_ptime() {
    for rate in SampleRate::ALL {
        for ptime in [Ptime::Ms10, Ptime::Ms60] {
            let mut rig = Rig::with(|config| config.ptime(ptime));
            let len = ptime.frame_len(rate);
            rig.try_play(rate, &level(8000, len)).unwrap();
            rig.poll();
            rig.clear();
            rig.pass(ptime.duration());
            let PlayoutOutput::Frame(frame) = rig.poll() else {
                panic!()
            };
            assert_eq!((frame.rate(), frame.bytes().len()), (rate, len));
            let fade = rate.samples_in(millis(5)) as usize;
            let samples: Vec<i16> = frame.samples().collect();
            assert!(samples[..fade].is_sorted_by(|a, b| a > b) && samples[0] == 8000);
            assert!(samples[fade - 1] > 0 && samples[fade..].iter().all(|sample| *sample == 0));
        }
    }
}

/// Small pieces and marks do not shorten the fade. The end of the audio does, and so does a change of the rate.
#[test]
fn a_fade_takes_the_audio_of_several_pieces() {
    let mut rig = Rig::with_silence();
    rig.play(&level(4000, 160));
    for piece in level(4000, 40).chunks(3) {
        rig.playout.mark(1).unwrap();
        rig.play(piece);
    }
    rig.poll();
    rig.clear();
    rig.pass(PTIME);
    assert_eq!(samples(&rig.poll()), faded(4000, 0));

    rig.play(&level(4000, 160 + 2));
    rig.try_play(SampleRate::Hz16000, &level(4000, 320))
        .unwrap();
    rig.pass(PTIME);
    rig.poll();
    rig.clear();
    rig.pass(PTIME);
    assert_eq!(samples(&rig.poll())[..4], [4000, 2000, 0, 0]);
}

/// There is no speech that could click.
#[test]
fn a_clear_outside_of_speech_has_no_fade() {
    let mut rig = Rig::with_silence();
    // Before the first frame.
    rig.play(&level(4000, 800));
    rig.clear();
    assert_eq!(rig.poll(), silence());
    // After the last frame.
    rig.play(&level(4000, 160));
    rig.run(PTIME);
    rig.clear();
    rig.pass(PTIME);
    assert_eq!(rig.poll(), silence());
    // After a gap.
    rig.play(&level(4000, 160));
    rig.clear();
    rig.pass(PTIME);
    assert_eq!(rig.poll(), silence());
    // At another rate than the audio that left.
    rig.play(&level(4000, 160));
    rig.try_play(SampleRate::Hz16000, &level(4000, 320))
        .unwrap();
    rig.pass(PTIME);
    rig.poll();
    rig.clear();
    rig.pass(PTIME);
    assert_eq!(rig.poll(), silence());
}

/// Audio that is sent after the clear takes the time of the fade.
#[test]
fn sent_audio_replaces_a_fade() {
    let mut rig = Rig::with_silence();
    rig.play(&level(4000, 800));
    rig.poll();
    rig.clear();
    rig.sent(RATE, PTIME);
    assert_eq!(rig.run(millis(219)), []);
    assert_eq!(rig.run(millis(1)), [(millis(220), silence())]);
}

/// New audio at another rate has no room for the fade.
#[test]
fn a_fade_is_left_out_before_audio_at_another_rate() {
    let mut rig = Rig::with_silence();
    rig.play(&level(4000, 800));
    rig.poll();
    rig.clear();
    let wide = level(7, 320);
    rig.try_play(SampleRate::Hz16000, &wide).unwrap();
    rig.pass(PTIME);
    let frame = AudioBuf::new(SampleRate::Hz16000, wide);
    assert_eq!(rig.poll(), PlayoutOutput::Frame(frame));
}
