//! The caller stays beside the server, whatever its clock and the network do.

use super::*;

#[test]
fn a_caller_stays_aligned_after_a_pause_and_after_a_delay() {
    let mut call = TestCall::new(Sides::Stereo);
    for frame in 0..400 {
        let at = 20 * frame;
        call.played(at, if frame == 399 { 9 } else { 0 });
        match at + 20 {
            // A pause of 70 ms, which is no gap in a recording of the caller only.
            1_020..1_090 => {}
            // A pause of two seconds.
            3_000..5_000 => {}
            // The network delays a second of audio.
            6_000..7_000 => {}
            7_000 => (300..=350).for_each(|late| call.caller(7_000, late)),
            // Jitter.
            now => call.caller(now + frame % 3 * 5, (now / 20) as i16),
        }
        call.tick(at + 20);
    }
    call.end(8_000);
    let [(_, 8_000, samples)] = &call.disk.recordings()[..] else {
        panic!("not one file");
    };
    let [caller, server] = channels(samples);
    assert!(
        server[399 * 160..400 * 160]
            .iter()
            .all(|sample| *sample == 9)
    );
    // A frame of the value `n` ends at 20 * n milliseconds, and arrived at most 10 ms later.
    let (mut found, mut worst) = (0, 0);
    let mut next = 0;
    for run in caller.chunk_by(|one, other| one == other) {
        let (value, len, begin) = (run[0], run.len(), next);
        next += len as i64;
        if value > 0 {
            assert_eq!(len, 160, "frame {value} is cut");
            let due = (i64::from(value) - 1) * 160;
            worst = worst.max((begin - due).abs());
            found += 1;
        }
    }
    assert_eq!(found, 400 - 4 - 100, "all frames that arrived");
    assert!(worst <= 160, "{worst} samples");
}

/// A caller who speaks for two minutes. Frame `n` arrives at `arrival(n)`. One frame in `pause` is a pause.
///
/// Returns how many spoken frames are in the recording, and how much too late the last one is, in milliseconds.
fn two_minutes(pause: u32, arrival: impl Fn(u32) -> u32) -> (usize, i32) {
    const FRAMES: u32 = 6_000;
    let mut call = TestCall::new(Sides::Stereo);
    let mut played = 0;
    for frame in 0..FRAMES {
        let at = arrival(frame);
        while played < at {
            call.played(played, 0);
            played += 20;
        }
        let value = match frame {
            _ if frame + 1 == FRAMES => 9_000,
            _ if frame % pause == 0 => 30,
            _ => 5_000,
        };
        call.caller(at, value);
        call.tick(at);
    }
    let last = arrival(FRAMES - 1);
    call.end(last);
    let [(_, 8_000, samples)] = &call.disk.recordings()[..] else {
        panic!("not one file");
    };
    let [caller, _] = channels(samples);
    let end = caller.iter().rposition(|sample| *sample == 9_000).unwrap() + 1;
    let spoken = caller.iter().filter(|sample| **sample == 5_000).count();
    (spoken / 160, end as i32 / 8 - last as i32)
}

#[test]
fn a_caller_with_a_fast_clock_loses_pauses_only() {
    // A millisecond per second.
    let fast = |frame| 20 * (frame + 1) - frame / 50;
    let (spoken, late) = two_minutes(100, fast);
    assert_eq!(spoken, 6_000 - 60 - 1);
    assert!((0..=21).contains(&late), "{late} ms");
    // No pause: all of it is there, 119 ms late.
    assert_eq!(two_minutes(u32::MAX, fast), (6_000 - 2, 119));
}

#[test]
fn a_caller_is_aligned_again_after_a_delay_that_was_recorded_as_a_gap() {
    // For two seconds, a busy machine delays each frame by 77 ms.
    let delayed = |frame| {
        20 * (frame + 1)
            + if (1_000..1_100).contains(&frame) {
                77
            } else {
                0
            }
    };
    let (spoken, late) = two_minutes(100, delayed);
    assert_eq!(spoken, 6_000 - 60 - 1);
    assert!((0..=20).contains(&late), "{late} ms");
}

#[test]
fn one_pause_is_enough_after_a_long_delay() {
    // The network delays a second of audio. A frame of it comes first, 600 ms late, and the others at its end.
    let delayed = |frame| match frame {
        1_000 => 20_620,
        1_001..1_060 => 21_200,
        _ => 20 * (frame + 1),
    };
    let mut call = TestCall::new(Sides::Stereo);
    for frame in 0..1_400 {
        let at = delayed(frame);
        call.played(20 * frame, 0);
        let is_pause = (1_250..1_300).contains(&frame);
        call.caller(at, if is_pause { 30 } else { 5_000 });
        call.tick(at);
    }
    call.end(28_000);
    let (_, _, samples) = &call.disk.recordings()[0];
    let [caller, _] = channels(samples);
    let spoken = caller.iter().filter(|sample| **sample == 5_000).count();
    assert_eq!(spoken, 1_350 * 160);
    let end = caller.iter().rposition(|sample| *sample == 5_000).unwrap() + 1;
    let late = end as i32 / 8 - 28_000;
    assert!((0..=20).contains(&late), "{late} ms");
}
