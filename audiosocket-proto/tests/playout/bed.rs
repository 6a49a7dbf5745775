//! The bed: audio that loops under played audio and in place of silence.

use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, Bed, Bytes, Playout, PlayoutOutput, SampleRate, SendError, SessionConfig,
};

use crate::rig::{FRAME, PTIME, RATE, Rig, frame, millis, samples, silence};

/// Audio at a constant level.
fn level(level: i16, samples: usize) -> AudioBuf {
    AudioBuf::from_samples(RATE, &vec![level; samples])
}

fn set_bed(rig: &mut Rig, bed: impl Into<Bed>) {
    rig.playout.set_bed(bed.into(), &mut Vec::new()).unwrap();
}

/// The samples of the next `frames` frames.
fn run(rig: &mut Rig, frames: u32) -> Vec<i16> {
    let outputs = rig.run(PTIME * frames - Duration::from_nanos(1));
    rig.pass(Duration::from_nanos(1));
    outputs
        .iter()
        .flat_map(|(_, output)| samples(output))
        .collect()
}

/// The bed has 100 samples, so the loop does not begin with a frame. The volume rises within the first frame.
#[test]
fn a_bed_loops_in_place_of_silence() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        let bed: Vec<i16> = (1..=100).collect();
        set_bed(&mut rig, AudioBuf::from_samples(RATE, &bed));
        let heard = run(&mut rig, 10);
        assert_eq!(heard.len(), 1600);
        for (at, sample) in heard.into_iter().enumerate() {
            let rising = (at as i32).min(160);
            assert_eq!(
                i32::from(sample),
                i32::from(bed[at % 100]) * rising / 160,
                "sample {at}"
            );
        }
        assert_eq!(rig.playout.stats().silence, 10);
    }
}

/// Played audio keeps its times and its samples. The bed falls within its first frame, and rises slowly after it.
#[test]
fn a_bed_is_ducked_under_played_audio() {
    let mut rig = Rig::with_silence();
    set_bed(
        &mut rig,
        Bed::new(level(8000, 800)).volume(0.5).ducked(0.25),
    );
    run(&mut rig, 2);
    rig.play(level(100, 320).bytes());
    let heard = run(&mut rig, 10);
    let (falling, rest) = heard.split_at(160);
    let falls = |pair: &[i16]| pair[0] >= pair[1];
    assert!(falling.windows(2).all(falls) && falling[0] == 4100 && falling[159] < 2150);
    let (ducked, rising) = rest.split_at(160);
    assert_eq!(ducked, [2100; 160]);
    // A twentieth of the full volume in each frame.
    let ends: Vec<_> = rising.chunks(160).map(|frame| frame[159]).collect();
    assert!(rising.is_sorted() && rising[0] == 2000, "{ends:?}");
    assert_eq!(rising[159], 2000 + 400 - 3);
    assert_eq!(rising[160 * 6..], [4000; 320]);
    assert_eq!(
        (rig.playout.stats().frames, rig.playout.stats().late),
        (2, 0)
    );
}

/// No sample of the bed leaves twice or is left out while audio is played at another rate.
#[test]
fn audio_at_another_rate_has_no_bed_and_the_bed_goes_on() {
    let mut rig = Rig::with_silence();
    let bed: Vec<i16> = (0..1600).collect();
    set_bed(&mut rig, AudioBuf::from_samples(RATE, &bed));
    run(&mut rig, 2);
    let wide = AudioBuf::from_samples(SampleRate::Hz16000, &[7; 320]);
    rig.try_play(wide.rate(), wide.bytes()).unwrap();
    assert_eq!(rig.poll(), PlayoutOutput::Frame(wide));
    rig.pass(PTIME);
    assert_eq!(samples(&rig.poll())[159], 480 + 158 - 3);
    rig.pass(PTIME);
    assert_eq!(samples(&rig.poll()), bed[640..800]);
}

/// With a bed at another rate than the caller's, silence keeps the rate of the bed after its end.
#[test]
fn frames_without_played_audio_have_the_rate_of_the_bed() {
    let mut rig = Rig::with_silence();
    rig.playout.received(RATE);
    set_bed(
        &mut rig,
        AudioBuf::from_samples(SampleRate::Hz16000, &[1000; 50]),
    );
    for _ in 0..2 {
        assert_eq!(samples(&rig.poll()).len(), 320);
        rig.pass(PTIME);
    }
    rig.playout.remove_bed(&mut Vec::new());
    for _ in 0..2 {
        assert_eq!(samples(&rig.poll()).len(), 320);
        rig.pass(PTIME);
    }
}

#[test]
fn a_bed_that_is_removed_or_replaced_fades_out_over_5_ms() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        set_bed(&mut rig, level(4000, 7));
        run(&mut rig, 2);
        let mut dropped = Vec::new();
        rig.playout.remove_bed(&mut dropped);
        assert_eq!(dropped, [level(4000, 7).into_bytes()]);
        let fade: Vec<i16> = (0..160).map(|at| 100 * (40_i16 - at).max(0)).collect();
        assert_eq!(samples(&rig.poll()), fade);
        rig.playout.remove_bed(&mut Vec::new());
        let rest = rig.run(millis(100));
        assert!(rest.iter().all(|(_, output)| *output == silence()));
    }
    let mut rig = Rig::with_silence();
    set_bed(&mut rig, level(4000, 7));
    run(&mut rig, 1);
    set_bed(&mut rig, level(-4000, 7));
    let heard = samples(&rig.poll());
    assert_eq!(
        (heard[0], heard[39], heard[40], heard[159]),
        (4000, 100 - 975, -1000, -3975)
    );
}

/// An echo is not mixed. The bed begins again like silence, 200 ms after the end of the sent audio.
#[test]
fn sent_audio_stops_a_bed_like_silence() {
    let mut rig = Rig::new();
    set_bed(&mut rig, level(4000, 7));
    run(&mut rig, 2);
    rig.sent(RATE, PTIME);
    assert_eq!(rig.run(millis(219)), []);
    let outputs = rig.run(millis(1));
    assert_eq!(outputs[0].0, millis(260));
    let heard = samples(&outputs[0].1);
    assert_eq!((heard[0], heard[80]), (0, 2000));
}

#[test]
fn a_bed_goes_on_in_a_pause_and_after_a_clear() {
    let mut rig = Rig::with(|config| config.fade_cuts(false));
    set_bed(&mut rig, level(4000, 7));
    run(&mut rig, 1);
    rig.play(level(1, 800).bytes());
    rig.pause();
    assert_eq!(run(&mut rig, 1), [4000; 160]);
    rig.clear();
    assert_eq!(run(&mut rig, 1), [4000; 160]);
}

/// The fade of cut speech and the bed are in one frame.
#[test]
fn a_fade_is_mixed_with_the_bed() {
    let mut rig = Rig::with_silence();
    set_bed(&mut rig, Bed::new(level(1000, 7)).ducked(1.0));
    run(&mut rig, 1);
    rig.play(level(4000, 800).bytes());
    run(&mut rig, 1);
    rig.clear();
    let expected: Vec<i16> = (0..160)
        .map(|at| 1000 + 100 * (40_i16 - at).max(0))
        .collect();
    assert_eq!(run(&mut rig, 1), expected);
}

#[test]
fn a_sum_that_is_too_loud_is_clamped() {
    let mut rig = Rig::with_silence();
    set_bed(&mut rig, Bed::new(level(i16::MIN, 7)).ducked(1.0));
    run(&mut rig, 1);
    rig.play(level(i16::MIN, 160).bytes());
    assert_eq!(run(&mut rig, 1), [i16::MIN; 160]);
}

/// Volumes outside of 0 to 1 are clamped.
#[test]
fn a_bed_can_be_silent_under_played_audio() {
    let mut rig = Rig::with_silence();
    set_bed(&mut rig, Bed::new(level(4000, 7)).volume(7.0).ducked(-1.0));
    assert_eq!(run(&mut rig, 2)[160..], [4000; 160]);
    rig.play(level(5, 480).bytes());
    assert_eq!(run(&mut rig, 3)[160..], [5; 320]);
    set_bed(&mut rig, Bed::new(level(4000, 7)).volume(f32::NAN));
    assert_eq!(run(&mut rig, 2)[160..], [0; 160]);
}

#[test]
fn a_bed_needs_a_sample_and_a_call() {
    let mut dropped = Vec::new();
    let mut rig = Rig::with_silence();
    let half_a_sample = AudioBuf::new(RATE, vec![1]);
    let result = rig.playout.set_bed(half_a_sample.into(), &mut dropped);
    assert_eq!(result, Err(SendError::EmptyAudio));
    set_bed(&mut rig, AudioBuf::new(RATE, vec![1, 2, 3]));
    rig.playout.close(&mut dropped);
    let result = rig.playout.set_bed(level(1, 1).into(), &mut dropped);
    assert_eq!(result, Err(SendError::NoCall));
    assert_eq!(rig.rest(), []);
    let mut playout: Playout<u32> = Playout::new(&SessionConfig::default());
    let result = playout.set_bed(level(1, 1).into(), &mut dropped);
    assert_eq!(result, Err(SendError::NoCall));
    let lens: Vec<_> = dropped.iter().map(Bytes::len).collect();
    assert_eq!(lens, [0, 2, 2, 2], "all audio is handed back");
}

/// Frames of a call without a bed are parts of the queued bytes.
#[test]
fn without_a_bed_frames_are_not_copied() {
    let mut rig = Rig::with_silence();
    let audio = Bytes::from(vec![7; 4 * FRAME]);
    rig.play_bytes(RATE, audio.clone()).unwrap();
    let PlayoutOutput::Frame(first) = rig.poll() else {
        panic!()
    };
    assert_eq!(first.bytes().as_ptr(), audio.as_ptr());
    // A cut of an earlier clear leaves nothing behind.
    rig.clear();
    rig.run(millis(50));
    rig.play_bytes(RATE, audio.clone()).unwrap();
    let outputs = rig.run(PTIME);
    assert_eq!(outputs[0].1, frame(&[7; FRAME]));
    let PlayoutOutput::Frame(first) = &outputs[0].1 else {
        panic!()
    };
    assert_eq!(first.bytes().as_ptr(), audio.as_ptr());
}
