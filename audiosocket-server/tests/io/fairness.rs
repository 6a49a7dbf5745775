//! What a busy call costs others, and what its deadlines cost it.

use std::task::Poll;
use std::time::Duration;

use crate::rig::{AUDIO, HANGUP, Rig};
use crate::runtime::{pass, timers_touched};

/// A peer that always has something to say.
fn flood(rig: &Rig) {
    rig.reads([AUDIO; 1000]);
}

#[test]
fn a_flood_is_read_in_turns() {
    let mut rig = Rig::talking();
    flood(&rig);
    let mut turns = 0;
    loop {
        assert!(rig.poll().is_pending());
        let reads = rig.log().iter().filter(|line| *line == "read").count();
        assert!(reads <= 100, "{reads} at once");
        turns += 1;
        // Others get their turn, and then it again.
        if rig.bell.wake_count() == 0 {
            break;
        }
    }
    assert!((10..=1000).contains(&turns), "{turns} turns");
    assert_eq!(rig.sent(), AUDIO.repeat(1000));
}

#[test]
fn a_flood_puts_no_deadline_off() {
    let mut rig = Rig::talking();
    rig.reads([&HANGUP[..]]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.told(), ["end"]);
    flood(&rig);
    assert!(rig.poll().is_pending());
    pass(Duration::from_secs(1));
    assert!(rig.poll().is_ready());
    assert!(!rig.script().reads.is_empty());
}

/// Nor a command, which is looked at in each turn.
#[test]
fn a_flood_puts_no_command_off() {
    let mut rig = Rig::talking();
    flood(&rig);
    assert!(rig.poll().is_pending());
    rig.calls.abandon();
    assert!(rig.poll().is_ready());
    assert_eq!(rig.told().last().unwrap(), "end");
}

/// A deadline that moves with every frame lets a timer that is not moved easily ring in vain now and then
/// instead.
#[test]
fn frames_do_not_touch_the_timer() {
    let mut rig = Rig::talking_with(|config| config.idle_timeout(Some(Duration::from_secs(10))));
    let before = timers_touched();
    for _ in 0..500 {
        pass(Duration::from_millis(20));
        rig.reads([AUDIO]);
        assert!(rig.poll().is_pending());
    }
    assert_eq!(timers_touched() - before, 1, "it rang once in ten seconds");
    assert_eq!(rig.told().len(), 500);

    // And it rings when it matters.
    pass(Duration::from_millis(9_999));
    assert!(rig.poll().is_pending());
    assert_eq!(rig.told(), [""; 0]);
    pass(Duration::from_millis(1));
    assert!(rig.poll().is_pending());
    let idle = "the peer sent nothing for too long";
    assert_eq!(rig.told(), [idle, "end"]);
}

#[test]
fn a_deadline_that_comes_nearer_moves_the_timer() {
    let mut rig = Rig::talking_with(|config| config.idle_timeout(Some(Duration::from_secs(60))));
    let before = timers_touched();
    rig.script().writes.extend((0..9).map(|_| Poll::Pending));
    rig.reads([AUDIO]);
    assert!(rig.poll().is_pending());
    assert_eq!(timers_touched() - before, 1);
    pass(Duration::from_secs(30));
    assert!(rig.poll().is_ready());
    let stalled = "the peer read nothing for too long";
    assert_eq!(rig.told(), ["audio 4", stalled, "end"]);
}
