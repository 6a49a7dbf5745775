//! Silence while the queue is empty.

use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, Bytes, Playout, PlayoutOutput, Ptime, SampleRate, SessionConfig,
};

use crate::rig::{FRAME, PTIME, RATE, Rig, frame, millis, silence, speech};

const WIDE: SampleRate = SampleRate::Hz16000;

fn times(outputs: &[(Duration, PlayoutOutput)]) -> Vec<u64> {
    let times = outputs.iter().map(|(at, _)| at.as_millis() as u64);
    times.collect()
}

fn wide_silence() -> PlayoutOutput {
    PlayoutOutput::Frame(AudioBuf::new(WIDE, Bytes::from_static(&[0; 640])))
}

#[test]
fn silence_begins_with_the_call() {
    let mut rig = Rig::with_silence();
    let outputs = rig.run(millis(100));
    assert_eq!(times(&outputs), [0, 20, 40, 60, 80, 100]);
    assert!(outputs.iter().all(|(_, output)| *output == silence()));
    assert_eq!(rig.playout.stats().silence, 6);
    assert_eq!(rig.playout.stats().frames, 0);
}

#[test]
fn silence_has_the_ptime_and_the_rate_of_the_call() {
    for rate in SampleRate::ALL {
        for ptime in [
            Ptime::Ms10,
            Ptime::Ms20,
            Ptime::Ms30,
            Ptime::Ms40,
            Ptime::Ms60,
        ] {
            let mut rig = Rig::with(|config| config.ptime(ptime));
            rig.playout.received(rate);
            // 16 kHz at most.
            let rate = rate.min(WIDE);
            let zeros = vec![0; ptime.frame_len(rate)];
            let frame = PlayoutOutput::Frame(AudioBuf::new(rate, zeros));
            assert_eq!(
                rig.run(ptime.duration()),
                [(Duration::ZERO, frame.clone()), (ptime.duration(), frame)]
            );
        }
    }
}

/// The caller's audio changes the rate only before audio was sent. A call that moves to another process remembers that.
#[test]
fn a_restored_playout_keeps_the_rate_of_the_last_audio() {
    for (played, expected) in [(false, silence()), (true, wide_silence())] {
        let mut rig = Rig::with_silence();
        rig.playout.received(WIDE);
        if played {
            rig.try_play(WIDE, &speech(2)).unwrap();
        }
        rig.poll();
        let snapshot = rig.playout.snapshot(|_| None).unwrap();
        rig.playout = Playout::restore(&SessionConfig::new(), snapshot, |_| 0);
        rig.playout.received(RATE);
        rig.pass(PTIME);
        assert_eq!(rig.poll(), expected, "played: {played}");
    }
}

#[test]
fn without_fill_silence_there_is_no_silence() {
    let mut rig = Rig::new();
    rig.play(&speech(1));
    assert_eq!(rig.rest(), [frame(&speech(1))]);
    assert_eq!(rig.playout.stats().silence, 0);
    rig.sent(RATE, PTIME);
    assert_eq!(rig.due(), None);
}

/// Silence has the rate of the audio that was sent last, or the rate of the caller's audio if none was sent.
#[test]
fn silence_has_the_rate_of_the_last_audio() {
    let mut rig = Rig::with_silence();
    let next = |rig: &mut Rig| {
        let output = rig.poll();
        rig.pass(PTIME);
        output
    };
    assert_eq!(next(&mut rig), silence(), "8 kHz by default");
    rig.playout.received(WIDE);
    assert_eq!(next(&mut rig), wide_silence());
    rig.playout.received(RATE);
    assert_eq!(next(&mut rig), silence());
    rig.try_play(WIDE, &speech(2)).unwrap();
    next(&mut rig);
    rig.playout.received(RATE);
    assert_eq!(
        next(&mut rig),
        wide_silence(),
        "the rate of the played audio"
    );
    rig.sent(RATE, Duration::ZERO);
    rig.pass(millis(200));
    assert_eq!(next(&mut rig), silence(), "the rate of the sent audio");
    rig.play(&speech(1));
    rig.clear();
    rig.try_play(WIDE, &speech(2)).unwrap();
    rig.clear();
    assert_eq!(next(&mut rig), silence(), "cleared audio does not count");
}

#[test]
fn silence_begins_200_ms_after_sent_audio() {
    let mut rig = Rig::with_silence();
    rig.run(millis(95));
    rig.sent(RATE, millis(60));
    let outputs = rig.run(millis(400));
    assert_eq!(times(&outputs), [355, 375, 395, 415, 435, 455, 475, 495]);
    // An echo.
    for _ in 0..100 {
        rig.sent(RATE, PTIME);
        assert_eq!(rig.run(millis(20)), []);
    }
    let outputs = rig.run(millis(220));
    assert_eq!(times(&outputs), [495 + 2000 + 200, 495 + 2000 + 220]);
}

/// The durations of all sent frames add up.
#[test]
fn silence_begins_200_ms_after_the_end_of_all_sent_audio() {
    let mut rig = Rig::with_silence();
    rig.run(millis(95));
    rig.sent(RATE, millis(1000));
    rig.pass(millis(5));
    rig.sent(RATE, PTIME);
    let outputs = rig.run(millis(1210));
    assert_eq!(times(&outputs), []);
    let outputs = rig.run(millis(20));
    assert_eq!(times(&outputs), [95 + 1000 + 20 + 200]);
}

/// Sent audio delays silence. It does not delay played audio.
#[test]
fn played_audio_goes_on_while_audio_is_sent() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(3 * FRAME));
    rig.poll();
    rig.pass(millis(5));
    rig.sent(RATE, PTIME);
    let outputs = rig.run(millis(300));
    assert_eq!(times(&outputs), [20, 40, 225, 245, 265, 285, 305]);
    assert_eq!(rig.playout.stats().late, 0);
}

/// Speech begins at once. Silence follows 200 ms after the end of the sent audio.
#[test]
fn speech_begins_at_once_while_silence_is_delayed() {
    let mut rig = Rig::with_silence();
    rig.sent(RATE, PTIME);
    rig.pass(millis(100));
    rig.play(&speech(FRAME));
    assert_eq!(times(&rig.run(millis(200))), [100, 220, 240, 260, 280, 300]);
}

/// Silence is not speech: it is never counted as late or as an underrun.
#[test]
fn after_a_stall_of_silence_nothing_bursts_and_nothing_is_counted() {
    let mut rig = Rig::with_silence();
    rig.run(millis(40));
    rig.pass(millis(500));
    let outputs = rig.run(millis(60));
    assert_eq!(times(&outputs), [540, 560, 580, 600]);
    let stats = rig.playout.stats();
    assert_eq!((stats.late, stats.underruns), (0, 0));
}
