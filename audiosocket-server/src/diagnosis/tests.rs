use std::time::Duration;

use super::AudioFault::{
    HandlerTooSlow, LateFrames, NothingReceived, NothingSent, PeerNotReading, ReceivingStopped,
    SilenceReceived, SilenceSent, Starved,
};
use super::*;

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns the times of a call of a minute on which both sides have sound until the end.
fn healthy() -> (CallStats, CallTimes) {
    let mut stats = CallStats::default();
    stats.session.audio_frames_received = 3000;
    stats.session.audio_frames_sent = 3000;
    stats.playout.frames = 3000;
    let times = CallTimes {
        last_received: Some(at(59_980)),
        last_sound_received: Some(at(59_980)),
        last_sound_sent: Some(at(59_980)),
        ..CallTimes::default()
    };
    (stats, times)
}

/// Returns the faults of a healthy call of a minute that was changed.
fn faults(change: impl FnOnce(&mut CallStats, &mut CallTimes)) -> Vec<(AudioFault, u64, u64)> {
    faults_after(60_000, change)
}

fn faults_after(
    millis: u64,
    change: impl FnOnce(&mut CallStats, &mut CallTimes),
) -> Vec<(AudioFault, u64, u64)> {
    let (mut stats, mut times) = healthy();
    change(&mut stats, &mut times);
    let all = Diagnosis::all(&stats, &times, at(millis));
    let found: Vec<_> = all
        .map(|it| (it.fault, it.since.as_millis() as u64, it.count))
        .collect();
    let first = Diagnosis::of(&stats, &times, at(millis)).map(|it| it.fault);
    assert_eq!(first, found.first().map(|(fault, ..)| *fault));
    found
}

#[test]
fn a_healthy_call_has_no_fault() {
    assert_eq!(faults(|_, _| {}), []);
}

#[test]
fn a_caller_without_frames_is_a_fault_after_two_seconds() {
    let change = |_: &mut CallStats, times: &mut CallTimes| {
        (times.last_received, times.last_sound_received) = (None, None);
    };
    assert_eq!(faults_after(1_999, change), []);
    assert_eq!(faults_after(2_000, change), [(NothingReceived, 0, 0)]);
}

#[test]
fn a_server_that_sends_no_frame_is_the_first_fault_after_two_seconds() {
    let change = |stats: &mut CallStats, times: &mut CallTimes| {
        stats.session.audio_frames_sent = 0;
        (times.last_received, times.last_sound_received) = (None, None);
        times.last_sound_sent = None;
    };
    assert_eq!(faults_after(1_999, change), []);
    let all = faults_after(2_000, change);
    let all: Vec<_> = all.into_iter().map(|(fault, ..)| fault).collect();
    // Asterisk sends nothing to a server that sends nothing.
    assert_eq!(all, [NothingSent, NothingReceived, SilenceSent]);
}

#[test]
fn a_caller_with_only_silence_is_a_fault_after_two_seconds() {
    let change = |_: &mut CallStats, times: &mut CallTimes| times.last_sound_received = None;
    assert_eq!(faults_after(1_999, change), []);
    assert_eq!(faults(change), [(SilenceReceived, 0, 0)]);
    // Sound at any time is enough: a caller may listen for long.
    let sound_at_first = |_: &mut CallStats, times: &mut CallTimes| {
        times.last_sound_received = Some(at(400));
    };
    assert_eq!(faults(sound_at_first), []);
}

#[test]
fn a_caller_whose_frames_stop_five_seconds_before_the_end_is_a_fault() {
    let stop_at = |millis| {
        move |_: &mut CallStats, times: &mut CallTimes| {
            times.last_received = Some(at(millis));
            times.last_sound_received = Some(at(millis));
        }
    };
    assert_eq!(faults(stop_at(55_001)), []);
    assert_eq!(faults(stop_at(55_000)), [(ReceivingStopped, 55_000, 0)]);
}

#[test]
fn a_server_without_sound_is_a_fault_after_two_seconds() {
    let change = |_: &mut CallStats, times: &mut CallTimes| times.last_sound_sent = None;
    assert_eq!(faults_after(1_999, change), []);
    assert_eq!(faults(change), [(SilenceSent, 0, 0)]);
}

#[test]
fn a_server_that_no_longer_answers_a_caller_with_sound_is_a_fault() {
    let silent_from = |sent, received| {
        move |_: &mut CallStats, times: &mut CallTimes| {
            times.last_sound_sent = Some(at(sent));
            times.last_sound_received = Some(at(received));
        }
    };
    assert_eq!(
        faults(silent_from(45_000, 59_980)),
        [(SilenceSent, 45_000, 0)]
    );
    assert_eq!(faults(silent_from(45_001, 59_980)), []);
    // Neither side has sound.
    assert_eq!(faults(silent_from(20_000, 45_000)), []);
}

#[test]
fn a_peer_that_does_not_read_is_a_fault_with_its_dropped_frames() {
    let blocked = |millis, dropped| {
        move |stats: &mut CallStats, times: &mut CallTimes| {
            times.blocked_since = Some(at(7_000));
            times.blocked_for = at(millis);
            stats.session.frames_dropped = dropped;
        }
    };
    assert_eq!(faults(blocked(999, 0)), []);
    assert_eq!(faults(blocked(1_000, 0)), [(PeerNotReading, 7_000, 0)]);
    assert_eq!(faults(blocked(20, 3)), [(PeerNotReading, 7_000, 3)]);
}

#[test]
fn gaps_in_speech_are_a_fault_from_the_third_on() {
    let gaps = |underruns| {
        move |stats: &mut CallStats, times: &mut CallTimes| {
            stats.playout.underruns = underruns;
            times.first_underrun = Some(at(1_250));
        }
    };
    assert_eq!(faults(gaps(2)), []);
    assert_eq!(faults(gaps(3)), [(Starved, 1_250, 3)]);
}

#[test]
fn audio_that_a_slow_handler_lost_is_a_fault() {
    let found = faults(|_, times| {
        (times.lagged_since, times.lagged_frames) = (Some(at(7_000)), 12);
    });
    assert_eq!(found, [(HandlerTooSlow, 7_000, 12)]);
}

#[test]
fn late_frames_are_a_fault_if_they_are_more_than_a_few() {
    let late = |late, frames| {
        move |stats: &mut CallStats, times: &mut CallTimes| {
            stats.playout.late = late;
            stats.playout.frames = frames;
            times.first_late = Some(at(900));
        }
    };
    assert_eq!(faults(late(4, 10)), []);
    assert_eq!(faults(late(29, 3000)), []);
    assert_eq!(faults(late(30, 3000)), [(LateFrames, 900, 30)]);
}

/// A peer that does not read makes frames late too, and a caller without frames gets no echo.
#[test]
fn the_cause_of_other_faults_is_the_first() {
    let found = faults(|stats, times| {
        times.blocked_since = Some(at(100));
        times.blocked_for = at(9_000);
        stats.playout.late = 100;
        (times.last_received, times.last_sound_received) = (None, None);
        times.last_sound_sent = None;
    });
    let order: Vec<_> = found.into_iter().map(|(fault, ..)| fault).collect();
    assert_eq!(
        order,
        [PeerNotReading, NothingReceived, SilenceSent, LateFrames]
    );
}

#[test]
fn each_fault_has_its_own_name_anchor_and_text() {
    for texts in [
        AudioFault::ALL.map(|fault| fault.name().to_owned()),
        AudioFault::ALL.map(|fault| fault.guide_anchor().to_owned()),
        AudioFault::ALL.map(|fault| fault.likely_cause().to_owned()),
        AudioFault::ALL.map(|fault| fault.to_string()),
    ] {
        let mut different = texts.to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), texts.len());
    }
    // A heading of the guide is the text of the fault, so its anchor is too.
    for fault in AudioFault::ALL {
        assert_eq!(fault.guide_anchor(), fault.to_string().replace(' ', "-"));
    }
    let silence = AudioFault::ALL.into_iter().filter(|it| it.is_silence());
    assert_eq!(silence.count(), 5);
}

#[test]
fn a_diagnosis_is_a_sentence() {
    let diagnosis = |fault, since, count| Diagnosis {
        fault,
        since: at(since),
        count,
    };
    assert_eq!(
        diagnosis(NothingReceived, 0, 0).to_string(),
        "no audio came from the caller, since 0.000 s"
    );
    assert_eq!(
        diagnosis(Starved, 1_250, 3).to_string(),
        "speech of the server had gaps, since 1.250 s, 3 times"
    );
}
