//! Busy calls: they do not delay other calls, and their deadlines cost few timer calls.

use std::task::Poll;
use std::time::Duration;

use crate::rig::{AUDIO, HANGUP, Rig};
use crate::runtime::{pass, timers_touched};

/// A peer that always has more bytes to read.
fn flood(rig: &Rig) {
    rig.reads([AUDIO; 1000]);
}

#[test]
fn a_flood_is_read_in_several_polls() {
    let mut rig = Rig::talking();
    flood(&rig);
    let mut turns = 0;
    loop {
        assert!(rig.poll().is_pending());
        let reads = rig.log().iter().filter(|line| *line == "read").count();
        assert!(reads <= 100, "{reads} reads in one poll");
        turns += 1;
        // Other calls run, and then this one again.
        if rig.bell.wake_count() == 0 {
            break;
        }
    }
    assert!((10..=1000).contains(&turns), "{turns} polls");
    assert_eq!(rig.sent(), AUDIO.repeat(1000));
}

#[test]
fn a_flood_does_not_delay_a_deadline() {
    let mut rig = Rig::talking();
    rig.reads([&HANGUP[..]]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.callbacks(), ["end"]);
    flood(&rig);
    assert!(rig.poll().is_pending());
    pass(Duration::from_secs(1));
    assert!(rig.poll().is_ready());
    assert!(!rig.script().reads.is_empty());
}

/// Each poll handles the commands first.
#[test]
fn a_flood_does_not_delay_a_command() {
    let mut rig = Rig::talking();
    flood(&rig);
    assert!(rig.poll().is_pending());
    rig.calls.abandon();
    assert!(rig.poll().is_ready());
    assert_eq!(rig.callbacks().last().unwrap(), "end");
}

/// The deadline moves with each frame. A timer that is expensive to move fires too early sometimes, and is set again.
#[test]
fn frames_do_not_move_the_timer() {
    let mut rig = Rig::talking_with(|config| config.idle_timeout(Some(Duration::from_secs(10))));
    let before = timers_touched();
    for _ in 0..500 {
        pass(Duration::from_millis(20));
        rig.reads([AUDIO]);
        assert!(rig.poll().is_pending());
    }
    assert_eq!(
        timers_touched() - before,
        1,
        "the timer was set once in ten seconds"
    );
    assert_eq!(rig.callbacks().len(), 500);

    // The timer fires at the deadline.
    pass(Duration::from_millis(9_999));
    assert!(rig.poll().is_pending());
    assert_eq!(rig.callbacks(), [""; 0]);
    pass(Duration::from_millis(1));
    assert!(rig.poll().is_pending());
    let idle = "the peer sent nothing for too long";
    assert_eq!(rig.callbacks(), [idle, "end"]);
}

#[test]
fn an_earlier_deadline_moves_the_timer() {
    let mut rig = Rig::talking_with(|config| config.idle_timeout(Some(Duration::from_secs(60))));
    let before = timers_touched();
    rig.script().writes.extend((0..9).map(|_| Poll::Pending));
    rig.reads([AUDIO]);
    assert!(rig.poll().is_pending());
    assert_eq!(timers_touched() - before, 1);
    pass(Duration::from_secs(30));
    assert!(rig.poll().is_ready());
    let stalled = "the peer read nothing for too long";
    assert_eq!(rig.callbacks(), ["audio 4", stalled, "end"]);
}
