//! When audio came and left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use audiosocket_proto::SampleRate;
use audiosocket_server::{AudioFault, Call, CallTimes, Diagnosis};

use crate::playing::{PTIME, RATE, speech};
use crate::recorder::{RecordingAcceptor, TestConnection};
use crate::wire::frame;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const SOUND: [u8; 320] = [9; 320];
const SILENCE: [u8; 320] = [0; 320];

#[test]
fn the_times_are_those_of_the_last_frames_with_and_without_sound() {
    let mut line = TestConnection::talking(RecordingAcceptor::echo());
    assert_eq!(line.driver.handle().times(), CallTimes::default());
    for (wait, audio) in [(100, &SOUND), (20, &SOUND), (20, &SILENCE)] {
        line.wait(ms(wait));
        line.receive(&frame(0x10, audio));
        line.flush();
    }
    let times = line.driver.handle().times();
    assert_eq!(times.last_received, Some(ms(140)));
    assert_eq!(times.last_sound_received, Some(ms(120)));
    // The echo.
    assert_eq!(times.last_sound_sent, Some(ms(120)));
    assert_eq!(times.blocked_for, Duration::ZERO);
}

#[test]
fn played_sound_has_a_time_and_silence_of_the_playout_has_none() {
    let acceptor = RecordingAcceptor::new();
    let mut line = TestConnection::talking_with(acceptor, |config| config.fill_silence(true));
    line.flush();
    line.wait(ms(300));
    line.flush();
    assert_eq!(line.driver.handle().times().last_sound_sent, None);
    let handle = line.driver.handle().clone();
    handle.try_play((RATE, speech(1))).unwrap();
    line.poll_commands();
    line.wait(PTIME);
    line.flush();
    let sent = handle.times().last_sound_sent.unwrap();
    assert!((ms(300)..=ms(320)).contains(&sent), "{sent:?}");
}

/// A peer that reads nothing between 50 ms and 2 s.
#[test]
fn the_time_in_which_bytes_wait_is_measured() {
    let mut line = TestConnection::talking(RecordingAcceptor::echo());
    line.wait(ms(50));
    line.receive(&frame(0x10, &SOUND));
    for _ in 0..39 {
        line.wait(ms(50));
        line.receive(&frame(0x10, &SOUND));
    }
    line.flush();
    let times = line.driver.handle().times();
    let since = times.blocked_since.unwrap();
    assert!((ms(50)..=ms(100)).contains(&since), "{since:?}");
    assert_eq!(since + times.blocked_for, ms(2_000));
    // A later, shorter time does not replace it.
    line.wait(ms(50));
    line.receive(&frame(0x10, &SOUND));
    line.wait(ms(500));
    line.flush();
    assert_eq!(line.driver.handle().times().blocked_for, times.blocked_for);
    let stats = line.driver.handle().stats();
    let diagnosis = Diagnosis::of(&stats, &line.driver.handle().times(), ms(2_600)).unwrap();
    assert_eq!(
        (diagnosis.fault, diagnosis.since),
        (AudioFault::PeerNotReading, since)
    );
}

#[test]
fn late_frames_and_gaps_have_the_time_of_the_first() {
    let mut line = TestConnection::talking(RecordingAcceptor::new());
    let handle = line.driver.handle().clone();
    line.wait(ms(1_000));
    handle.try_play((RATE, speech(3))).unwrap();
    line.poll_commands();
    line.flush();
    assert_eq!(handle.times().first_late, None);
    // The second frame is due 20 ms later.
    line.wait(ms(45));
    line.flush();
    assert_eq!(handle.times().first_late, Some(ms(1_045)));
    line.wait(ms(100));
    line.flush();
    line.wait(ms(100));
    line.flush();
    assert_eq!(handle.times().first_underrun, None);
    handle.try_play((RATE, speech(1))).unwrap();
    line.poll_commands();
    line.flush();
    assert_eq!(handle.times().first_underrun, Some(ms(1_245)));
    // The first one stays.
    assert_eq!(handle.times().first_late, Some(ms(1_045)));
}

#[test]
fn the_last_callback_gets_the_final_times() {
    let last: Arc<Mutex<Option<CallTimes>>> = Arc::default();
    let noted = last.clone();
    let note = move |name: &'static str, call: &mut Call<'_>| {
        if name == "on_end" {
            assert_eq!(call.duration(), ms(3_000));
            *noted.lock().unwrap() = Some(call.times());
        }
    };
    let mut line = TestConnection::talking(RecordingAcceptor::new().on_any(note));
    line.wait(ms(500));
    line.receive(&frame(SampleRate::Hz16000.kind().0, &SOUND));
    line.wait(ms(2_500));
    line.receive(&crate::call::HANGUP);
    let times = last.lock().unwrap().unwrap();
    assert_eq!(times.last_sound_received, Some(ms(500)));
    assert_eq!(times, line.driver.handle().times());
}
