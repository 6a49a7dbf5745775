//! Silence while there is nothing to play.

use std::time::Duration;

use audiosocket_proto::{AudioBuf, Bytes, PlayoutOutput, Ptime, SampleRate};

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
fn it_begins_with_the_call_and_goes_on() {
    let mut rig = Rig::with_silence();
    let outputs = rig.run(millis(100));
    assert_eq!(times(&outputs), [0, 20, 40, 60, 80, 100]);
    assert!(outputs.iter().all(|(_, output)| *output == silence()));
    assert_eq!(rig.playout.stats().silence, 6);
    assert_eq!(rig.playout.stats().frames, 0);
}

#[test]
fn it_is_of_every_ptime_and_rate() {
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
            let zeros = vec![0; ptime.frame_len(rate)];
            let frame = PlayoutOutput::Frame(AudioBuf::new(rate, zeros));
            assert_eq!(
                rig.run(ptime.duration()),
                [(Duration::ZERO, frame.clone()), (ptime.duration(), frame)]
            );
        }
    }
}

#[test]
fn switched_off_there_is_none() {
    let mut rig = Rig::new();
    rig.play(&speech(1));
    assert_eq!(rig.rest(), [frame(&speech(1))]);
    assert_eq!(rig.playout.stats().silence, 0);
    rig.sent(RATE, PTIME);
    assert_eq!(rig.due(), None);
}

/// The rate of what we sent last, by whichever means, else of what the caller sends.
#[test]
fn its_rate_is_that_of_what_was_sent_or_else_heard() {
    let mut rig = Rig::with_silence();
    let next = |rig: &mut Rig| {
        let output = rig.poll();
        rig.pass(PTIME);
        output
    };
    assert_eq!(next(&mut rig), silence(), "8 kHz, as of nothing");
    rig.playout.received(WIDE);
    assert_eq!(next(&mut rig), wide_silence());
    rig.playout.received(RATE);
    assert_eq!(next(&mut rig), silence());
    rig.try_play(WIDE, &speech(2)).unwrap();
    next(&mut rig);
    rig.playout.received(RATE);
    assert_eq!(next(&mut rig), wide_silence(), "we have spoken");
    rig.sent(RATE, Duration::ZERO);
    rig.pass(millis(200));
    assert_eq!(next(&mut rig), silence(), "and spoken otherwise");
    rig.play(&speech(1));
    rig.clear();
    rig.try_play(WIDE, &speech(2)).unwrap();
    rig.clear();
    assert_eq!(next(&mut rig), silence(), "what was cleared was not spoken");
}

#[test]
fn it_pauses_until_200_ms_after_what_was_sent() {
    let mut rig = Rig::with_silence();
    rig.run(millis(95));
    rig.sent(RATE, millis(60));
    let outputs = rig.run(millis(400));
    assert_eq!(times(&outputs), [355, 375, 395, 415, 435, 455, 475, 495]);
    // An echo, frame by frame.
    for _ in 0..100 {
        rig.sent(RATE, PTIME);
        assert_eq!(rig.run(millis(20)), []);
    }
    let outputs = rig.run(millis(220));
    assert_eq!(times(&outputs), [495 + 2000 + 200, 495 + 2000 + 220]);
}

/// However many frames it was sent in.
#[test]
fn it_pauses_until_all_that_was_sent_is_over() {
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

/// Speech does not pause for it.
#[test]
fn speech_goes_on_beside_what_is_sent() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(3 * FRAME));
    rig.poll();
    rig.pass(millis(5));
    rig.sent(RATE, PTIME);
    let outputs = rig.run(millis(300));
    assert_eq!(times(&outputs), [20, 40, 225, 245, 265, 285, 305]);
    assert_eq!(rig.playout.stats().late, 0);
}

/// Speech that begins while silence is put off begins at once, and silence follows it only when
/// what was sent is over.
#[test]
fn speech_begins_while_silence_is_put_off() {
    let mut rig = Rig::with_silence();
    rig.sent(RATE, PTIME);
    rig.pass(millis(100));
    rig.play(&speech(FRAME));
    assert_eq!(times(&rig.run(millis(200))), [100, 220, 240, 260, 280, 300]);
}

/// It is no speech: a late one counts as nothing, and it never runs dry.
#[test]
fn a_stall_of_silence_is_no_burst_and_not_counted() {
    let mut rig = Rig::with_silence();
    rig.run(millis(40));
    rig.pass(millis(500));
    let outputs = rig.run(millis(60));
    assert_eq!(times(&outputs), [540, 560, 580, 600]);
    let stats = rig.playout.stats();
    assert_eq!((stats.late, stats.underruns), (0, 0));
}
