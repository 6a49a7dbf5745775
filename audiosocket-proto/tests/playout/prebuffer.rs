//! Audio that comes in parts waits until enough of it is queued.

use std::time::Duration;

use audiosocket_proto::{Playout, PlayoutOutput, SessionConfig};

use crate::rig::{FRAME, PTIME, RATE, Rig, frame, millis, silence, speech};

/// The frames of five ptimes.
const AMOUNT: Duration = Duration::from_millis(100);

fn part() -> Vec<u8> {
    speech(FRAME)
}

#[test]
fn audio_in_parts_begins_when_the_prebuffer_is_full() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        rig.playout.prebuffer(AMOUNT);
        for _ in 0..4 {
            rig.play(&part());
            assert!(
                rig.run(millis(300))
                    .iter()
                    .all(|(_, output)| *output == silence())
            );
        }
        assert_eq!(rig.playout.stats().frames, 0);
        rig.play(&part());
        let filled_at = rig.elapsed();
        let outputs = rig.run(PTIME * 4);
        assert!(outputs[0].0 - filled_at <= PTIME);
        assert!(outputs.iter().all(|(_, output)| *output == frame(&part())));
        let stats = rig.playout.stats();
        assert_eq!((stats.late, stats.underruns), (0, 0));
    }
}

/// After a gap of any length, the prebuffer fills again. Each gap is an underrun, since the audio is incomplete.
#[test]
fn after_an_underrun_the_prebuffer_fills_again() {
    let mut rig = Rig::with_silence();
    rig.playout.prebuffer(AMOUNT);
    for round in 0..3 {
        rig.play(&part().repeat(4));
        rig.run(millis(2000));
        assert_eq!(rig.playout.stats().frames, round * 5, "a frame is missing");
        rig.play(&part());
        rig.run(millis(2000));
        let stats = rig.playout.stats();
        assert_eq!((stats.frames, stats.underruns), (round * 5 + 5, round));
    }
}

/// The last frame of the audio is padded.
#[test]
fn complete_audio_leaves_at_once() {
    for mut rig in [Rig::new(), Rig::with_silence()] {
        rig.playout.prebuffer(AMOUNT);
        rig.play(&speech(FRAME + 2));
        rig.run(millis(500));
        rig.playout.complete();
        let complete_at = rig.elapsed();
        let outputs = rig.run(PTIME * 2);
        assert!(outputs[0].0 - complete_at <= PTIME);
        assert_eq!(outputs[0].1, frame(&speech(FRAME)));
        assert_eq!(outputs[1].1, frame(&speech(FRAME + 2)[FRAME..]));
        // Later audio does not wait.
        rig.run(millis(500));
        rig.play(&part());
        assert_eq!(rig.run(PTIME)[0].1, frame(&part()));
    }
}

/// The pause before the audio is no underrun, even if it is short.
#[test]
fn the_first_part_after_other_audio_is_no_underrun() {
    let mut rig = Rig::with_silence();
    rig.play(&part());
    rig.run(millis(100));
    rig.playout.prebuffer(AMOUNT);
    rig.play(&part().repeat(5));
    rig.run(millis(300));
    assert_eq!(rig.playout.stats().frames, 6);
    assert_eq!(rig.playout.stats().underruns, 0);
}

/// Audio that is already leaving is the prebuffer of what follows.
#[test]
fn audio_that_is_leaving_goes_on() {
    let mut rig = Rig::with_silence();
    rig.play(&part().repeat(3));
    rig.poll();
    rig.playout.prebuffer(AMOUNT);
    rig.play(&part());
    let outputs = rig.run(PTIME * 4);
    let expected = [frame(&part()), frame(&part()), frame(&part()), silence()];
    assert_eq!(
        outputs
            .into_iter()
            .map(|(_, output)| output)
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn a_hangup_and_a_clear_end_the_prebuffer() {
    let mut rig = Rig::new();
    rig.playout.prebuffer(AMOUNT);
    rig.play(&part());
    rig.playout.hangup();
    let outputs = rig.run(PTIME);
    assert_eq!(
        outputs,
        [(millis(0), frame(&part())), (PTIME, PlayoutOutput::Hangup)]
    );

    let mut rig = Rig::new();
    rig.playout.prebuffer(AMOUNT);
    rig.play(&part());
    rig.clear();
    rig.play(&part());
    assert_eq!(rig.poll(), frame(&part()));
}

#[test]
fn after_a_pause_the_prebuffer_fills_again() {
    let mut rig = Rig::with(|config| config.fade_cuts(false));
    rig.playout.prebuffer(AMOUNT);
    rig.play(&part().repeat(5));
    rig.poll();
    rig.pause();
    rig.run(millis(100));
    rig.resume();
    assert!(
        rig.run(millis(100))
            .iter()
            .all(|(_, output)| *output == silence())
    );
    rig.play(&part());
    assert_eq!(rig.run(PTIME)[0].1, frame(&part()));
    assert_eq!(rig.playout.stats().underruns, 0);
}

/// A prebuffer that the queue cannot hold would never be full.
#[test]
fn the_amount_is_at_most_half_of_the_longest_playout() {
    let mut rig = Rig::with(|config| config.max_playout(PTIME * 4));
    rig.playout.prebuffer(Duration::MAX);
    rig.play(&part());
    assert_eq!(rig.poll(), silence());
    rig.play(&part());
    assert_eq!(rig.run(PTIME), [(PTIME, frame(&part()))]);
}

/// The limit of pieces and marks, with pieces that are shorter than the amount together.
#[test]
fn a_queue_that_takes_no_more_pieces_begins() {
    let mut rig = Rig::with_silence();
    rig.playout.prebuffer(Duration::from_secs(10));
    while rig.try_play(RATE, &[1, 1]).is_ok() {}
    assert!(rig.playout.stats().depth < Duration::from_secs(10));
    assert_eq!(rig.poll(), frame(&[1; FRAME]));
}

#[test]
fn a_prebuffer_outside_of_a_call_is_ignored() {
    let mut playout: Playout<u32> = Playout::new(&SessionConfig::default());
    playout.prebuffer(AMOUNT);
    playout.complete();
    let mut rig = Rig::with_silence();
    playout.start(rig.now);
    playout
        .play((RATE, part()).into(), &mut Vec::new())
        .unwrap();
    assert_eq!(playout.poll(rig.now, true, &mut Vec::new()), frame(&part()));
    rig.close();
    rig.playout.prebuffer(AMOUNT);
    assert_eq!(rig.rest(), []);
}
