//! Wide audio is written in whole frames, at most one segment at a time.

use std::task::Poll;

use crate::rig::Rig;

/// Frames of 20 ms.
fn frames(kind: u8, count: usize) -> Vec<u8> {
    let len = if kind == 0x10 { 320u16 } else { 640 };
    let [high, low] = len.to_be_bytes();
    let frame = [vec![kind, high, low], vec![7; usize::from(len)]].concat();
    frame.repeat(count)
}

fn writes(rig: &Rig) -> Vec<String> {
    let log = rig.log().into_iter();
    log.filter(|line| line.starts_with("write")).collect()
}

#[test]
fn frames_of_16_khz_are_written_whole_and_two_at_a_time() {
    let mut rig = Rig::talking();
    let said = frames(0x12, 5);
    rig.reads([&said[..]]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), said);
    assert_eq!(writes(&rig), ["write frames"; 3]);
}

#[test]
fn frames_of_8_khz_leave_in_one_write() {
    let mut rig = Rig::talking();
    let said = frames(0x10, 9);
    rig.reads([&said[..]]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), said);
    assert_eq!(writes(&rig), ["write"]);
}

/// The rest of a cut frame goes as bytes, and the next frame is whole again.
#[test]
fn a_short_write_inside_a_frame_loses_no_byte() {
    for written in [1, 2, 3, 642, 643, 1000, 1285] {
        let mut rig = Rig::talking();
        let said = frames(0x12, 3);
        rig.script().writes.push_back(Poll::Ready(Ok(written)));
        rig.reads([&said[..]]);
        assert!(rig.poll().is_pending());
        assert_eq!(rig.sent(), said, "{written}");
        let next = frames(0x12, 1);
        rig.log();
        rig.reads([&next[..]]);
        assert!(rig.poll().is_pending());
        assert_eq!(rig.sent(), next, "{written}");
        assert_eq!(writes(&rig), ["write frames"], "{written}");
    }
}
