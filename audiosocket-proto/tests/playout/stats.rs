//! The counters.

use std::time::Duration;

use audiosocket_proto::PlayoutStats;

use crate::rig::{FRAME, PTIME, Rig, millis, speech};

fn underruns(rig: &Rig) -> u64 {
    rig.playout.stats().underruns
}

#[test]
fn a_new_playout_has_zero_counters() {
    let rig = Rig::with_silence();
    assert_eq!(rig.playout.stats(), PlayoutStats::default());
}

#[test]
fn frames_depth_and_dropped_samples_are_counted() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(5 * FRAME));
    rig.run(millis(30));
    let stats = rig.playout.stats();
    assert_eq!((stats.frames, stats.silence), (2, 0));
    assert_eq!(stats.depth, PTIME * 3);
    assert_eq!(stats.samples_dropped, 0);
    rig.clear();
    rig.run(millis(10));
    rig.play(&speech(1));
    rig.close();
    let stats = rig.playout.stats();
    assert_eq!((stats.frames, stats.silence), (2, 1));
    assert_eq!(stats.samples_dropped, 480 + 1);
    assert_eq!(stats.depth, Duration::ZERO);
}

/// A pause of less than 500 ms counts as unintended.
#[test]
fn speech_that_resumes_soon_is_an_underrun() {
    for (pause, underrun) in [(1, 1), (499, 1), (500, 0), (5000, 0)] {
        for mut rig in [Rig::new(), Rig::with_silence()] {
            rig.play(&speech(2 * FRAME));
            // The last frame is over at 40 ms.
            rig.run(millis(40 + pause));
            assert_eq!(underruns(&rig), 0);
            rig.play(&speech(FRAME));
            let is_delayed = rig.due().is_some_and(|due| due > rig.elapsed());
            rig.run(millis(100));
            // After silence, speech resumes up to one ptime later.
            let underrun = if is_delayed && pause == 499 {
                0
            } else {
                underrun
            };
            assert_eq!(underruns(&rig), underrun, "after {pause} ms");
            assert_eq!(rig.playout.stats().late, 0);
        }
    }
}

#[test]
fn speech_without_a_pause_is_no_underrun() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        for _ in 0..10 {
            rig.play(&speech(FRAME));
            rig.run(PTIME - Duration::from_nanos(1));
            rig.pass(Duration::from_nanos(1));
        }
        assert_eq!(rig.playout.stats().frames, 10);
        assert_eq!(underruns(&rig), 0);
    }
}

/// There is no earlier speech that it could resume.
#[test]
fn the_first_speech_is_no_underrun() {
    let mut rig = Rig::with_silence();
    rig.run(millis(110));
    rig.play(&speech(FRAME));
    rig.run(millis(110));
    assert_eq!(rig.playout.stats().frames, 1);
    assert_eq!(underruns(&rig), 0);
}

/// Sent audio filled the pause.
#[test]
fn speech_after_sent_audio_is_no_underrun() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        rig.play(&speech(FRAME));
        rig.run(millis(10));
        rig.sent(Default::default(), PTIME);
        rig.run(millis(500));
        rig.play(&speech(FRAME));
        rig.run(millis(100));
        assert_eq!(underruns(&rig), 0);
    }
}

/// A clear is intended: the pause after it is not an underrun.
#[test]
fn speech_after_a_clear_is_no_underrun() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        // A clear during speech.
        rig.play(&speech(100 * FRAME));
        rig.run(millis(50));
        rig.clear();
        rig.run(millis(100));
        rig.play(&speech(FRAME));
        rig.run(millis(100));
        assert_eq!(underruns(&rig), 0);
        // A clear between two pieces of speech.
        rig.run(millis(5000));
        rig.clear();
        rig.run(millis(100));
        rig.play(&speech(FRAME));
        rig.run(millis(100));
        assert_eq!(underruns(&rig), 0);
    }
}

/// The first frame of speech begins the schedule, so it is punctual.
#[test]
fn the_lateness_of_each_played_frame_is_counted() {
    let mut rig = Rig::with_silence();
    rig.play(&speech(7 * FRAME));
    let mut delays = [0, 1, 3, 10, 11, 20, 150].map(millis).into_iter();
    let outputs = rig.run_delayed(millis(600), || delays.next().unwrap_or_default());
    assert!(outputs.len() > 7, "silence follows");
    let stats = rig.playout.stats();
    // The first delay is that of the first frame, which had no deadline.
    assert_eq!(stats.lateness.counts, [2, 1, 1, 2, 0, 1]);
    assert_eq!(stats.lateness.sum, millis(1 + 3 + 10 + 11 + 20 + 150));
    assert_eq!((stats.frames, stats.late), (7, 3));
}

#[test]
fn clears_that_drop_audio_are_counted() {
    let mut rig = Rig::with_silence();
    rig.clear();
    rig.play(&speech(5 * FRAME));
    rig.run(millis(30));
    rig.clear();
    rig.clear();
    rig.play(&speech(FRAME / 2));
    rig.clear();
    rig.play(&speech(50 * FRAME));
    rig.close();
    let stats = rig.playout.stats();
    assert_eq!((stats.barge_ins, stats.cleared), (2, millis(60 + 10)));
    assert_eq!(stats.samples_dropped, 480 + 80 + 50 * 160);
}
