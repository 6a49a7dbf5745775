//! Playing on a call from its handler.

mod from_elsewhere;
mod played;
mod waits;

use std::time::Duration;

use audiosocket_proto::{Bytes, Dropped, Ptime, SampleRate, SendError, Transmit};
use audiosocket_server::{Call, Lag};

use crate::call::HANGUP;
use crate::recorder::{RecordingAcceptor, TestConnection, Transcript};
use crate::wire::frame;

pub(crate) const RATE: SampleRate = SampleRate::Hz8000;
pub(crate) const PTIME: Duration = Duration::from_millis(20);

/// Returns `frames` frames of audio without silence.
pub(crate) fn speech(frames: usize) -> Bytes {
    vec![7; frames * 320].into()
}

/// Returns one frame of this audio, as it is sent.
pub(crate) fn spoken() -> Vec<u8> {
    frame(0x10, &[7; 320])
}

pub(crate) fn silence() -> Vec<u8> {
    frame(0x10, &[0; 320])
}

/// Returns an acceptor that runs `act` at the start of a call.
fn at_start(
    act: impl Fn(&mut Call<'_>) + Send + Sync + 'static,
) -> (RecordingAcceptor, Transcript) {
    let desk = RecordingAcceptor::new().on_any(move |name, call| {
        if name == "on_start" {
            act(call);
        }
    });
    let transcript = desk.transcript.clone();
    (desk, transcript)
}

/// Returns the bytes that are written now, and after each of `ptimes` ptimes.
fn listen(line: &mut TestConnection<RecordingAcceptor>, ptimes: usize) -> Vec<Vec<u8>> {
    let mut heard = vec![line.flush()];
    for _ in 0..ptimes {
        line.wait(PTIME);
        heard.push(line.flush());
    }
    heard
}

#[test]
fn audio_leaves_in_frames_on_schedule() {
    let (desk, _) = at_start(|call| call.try_play((RATE, speech(2))).unwrap());
    let mut line = TestConnection::talking(desk);
    let start = line.now;
    assert_eq!(line.driver.poll_timeout(), Some(start + PTIME));
    assert_eq!(listen(&mut line, 3), [spoken(), spoken(), vec![], vec![]]);
    assert_eq!(line.driver.poll_timeout(), None);
}

/// A frame that fits one TCP segment, or equal frames at the same time.
#[test]
fn wide_audio_leaves_in_frames_that_fit_one_tcp_segment() {
    for (rate, kind, frames) in [
        (SampleRate::Hz24000, 0x13, vec![960]),
        (SampleRate::Hz32000, 0x14, vec![1280]),
        (SampleRate::Hz44100, 0x15, vec![882; 2]),
        (SampleRate::Hz48000, 0x16, vec![960; 2]),
        (SampleRate::Hz192000, 0x18, vec![1280; 6]),
    ] {
        assert_leaves_in_frames(Ptime::Ms20, rate, kind, &frames);
    }
    // 30 ms are 1,440 bytes, and 60 ms are 5,292 bytes. Each part has whole samples.
    assert_leaves_in_frames(Ptime::Ms30, SampleRate::Hz24000, 0x13, &[720; 2]);
    let parts = [1060, 1060, 1060, 1060, 1052];
    assert_leaves_in_frames(Ptime::Ms60, SampleRate::Hz44100, 0x15, &parts);
}

#[track_caller]
fn assert_leaves_in_frames(ptime: Ptime, rate: SampleRate, kind: u8, frames: &[usize]) {
    let len = frames.iter().sum();
    let (desk, _) = at_start(move |call| call.try_play((rate, vec![7; len])).unwrap());
    let mut line = TestConnection::talking_with(desk, |config| config.ptime(ptime));
    let sent: Vec<_> = frames
        .iter()
        .map(|len| frame(kind, &vec![7; *len]))
        .collect();
    assert_eq!(line.flush(), sent.concat(), "{rate}");
}

#[test]
fn silence_leaves_before_and_after_played_audio() {
    let (desk, _) = at_start(|_| {});
    let mut line = TestConnection::talking_with(desk, |config| config.fill_silence(true));
    assert_eq!(listen(&mut line, 1), [silence(), silence()]);
    line.driver.handle().try_play((RATE, speech(1))).unwrap();
    line.poll_commands();
    assert_eq!(line.flush(), [0; 0], "it is not due yet");
    line.wait(PTIME);
    assert_eq!(listen(&mut line, 1), [spoken(), silence()]);
}

/// Silence has the rate of the caller. It stops while an echo is sent.
#[test]
fn silence_has_the_rate_of_the_caller_and_stops_for_answers() {
    let mut line = TestConnection::talking_with(RecordingAcceptor::echo(), |config| {
        config.fill_silence(true)
    });
    assert_eq!(line.flush(), silence());
    for _ in 0..50 {
        line.receive(&frame(0x12, &[1; 640]));
        assert_eq!(line.flush(), frame(0x12, &[1; 640]));
        line.wait(PTIME);
        assert_eq!(line.flush(), [0; 0], "beside an echo");
    }
    // 20 ms after the last echo, that echo is over. Silence begins 200 ms later.
    line.wait(Duration::from_nanos(199_999_999));
    assert_eq!(line.flush(), [0; 0]);
    line.wait(Duration::from_nanos(1));
    assert_eq!(line.flush(), frame(0x12, &[0; 640]));

    let mut line =
        TestConnection::talking_with(RecordingAcceptor::new(), |config| config.fill_silence(true));
    assert_eq!(line.flush(), silence());
    line.receive(&frame(0x12, &[1; 640]));
    line.wait(PTIME);
    assert_eq!(line.flush(), frame(0x12, &[0; 640]));
}

#[test]
fn silence_waits_for_the_end_of_all_answers() {
    let mut line = TestConnection::talking_with(RecordingAcceptor::echo(), |config| {
        config.fill_silence(true)
    });
    assert_eq!(line.flush(), silence());
    line.receive(&[frame(0x10, &[1; 16_000]), frame(0x10, &[1; 320])].concat());
    line.flush();
    line.wait(Duration::from_millis(1219));
    assert_eq!(line.flush(), [0; 0]);
    line.wait(Duration::from_millis(1));
    assert_eq!(line.flush(), silence());
}

#[test]
fn answers_leave_between_frames_of_played_audio() {
    let desk = RecordingAcceptor::echo().on_any(|name, call| {
        if name == "on_start" {
            call.try_play((RATE, speech(3))).unwrap();
        }
    });
    let mut line = TestConnection::talking(desk);
    assert_eq!(line.flush(), spoken());
    line.pass(Duration::from_millis(5));
    line.receive(&frame(0x10, b"echo"));
    assert_eq!(line.flush(), frame(0x10, b"echo"));
    line.wait(Duration::from_millis(15));
    assert_eq!(listen(&mut line, 1), [spoken(), spoken()]);
}

/// A frame that is due while earlier bytes wait leaves after these bytes.
#[test]
fn played_audio_waits_for_a_peer_that_does_not_read() {
    let (desk, transcript) = at_start(|call| {
        call.try_play((RATE, speech(2))).unwrap();
        call.mark(1).unwrap();
    });
    let mut line = TestConnection::talking(desk);
    line.wait(PTIME);
    line.wait(Duration::from_secs(1));
    assert_eq!(line.transmit(), Transmit::Bytes(&spoken()), "and no more");
    // The peer takes a part of the bytes.
    line.driver.transmitted(line.now, 322);
    assert_eq!(line.transmit(), Transmit::Bytes(&[7]));
    line.driver.transmitted(line.now, 1);
    assert_eq!(line.transmit(), Transmit::Bytes(&spoken()));
    assert_eq!(
        transcript.take()[2..],
        [""; 0],
        "the mark is not written yet"
    );
    line.flush();
    assert_eq!(transcript.take(), ["mark 1 Played"]);
}

#[test]
fn a_callback_can_clear_the_audio_that_it_plays() {
    let desk = RecordingAcceptor::new().on_any(|name, call| match name {
        "on_start" => {
            call.try_play((RATE, speech(1500))).unwrap();
            call.mark(1).unwrap();
        }
        "on_audio" => {
            let dropped = call.clear();
            assert_eq!(dropped.samples, 1499 * 160);
            assert_eq!(dropped.duration, PTIME * 1499);
            assert_eq!(call.clear(), Dropped::default());
            assert_eq!(call.stats().playout.samples_dropped, 1499 * 160);
        }
        _ => {}
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    transcript.take();
    assert_eq!(line.flush(), spoken());
    line.receive(&frame(0x10, b"but"));
    assert_eq!(transcript.take(), ["audio slin 3", "mark 1 Cleared"]);
    assert_eq!(listen(&mut line, 5), [const { Vec::new() }; 6]);
}

#[test]
fn a_callback_can_hang_up_after_the_playout() {
    let (desk, transcript) = at_start(|call| {
        call.try_play((RATE, speech(2))).unwrap();
        call.hangup_after_playout();
        call.mark(1).unwrap();
        assert_eq!(call.try_play((RATE, speech(1))), Err(SendError::NoCall));
    });
    let mut line = TestConnection::talking(desk);
    assert_eq!(listen(&mut line, 2), [spoken(), spoken(), HANGUP.to_vec()]);
    assert_eq!(
        transcript.take()[2..],
        ["mark 1 Played", "end HungUp", "drop"]
    );
    line.expect_close();
}

#[test]
fn a_hangup_does_not_wait_for_the_playout() {
    let (desk, transcript) = at_start(|call| {
        call.try_play((RATE, speech(100))).unwrap();
        call.mark(1).unwrap();
        call.hangup();
    });
    let mut line = TestConnection::talking(desk);
    assert_eq!(line.flush(), HANGUP);
    assert_eq!(transcript.take()[2..], ["end HungUp", "drop"]);
    line.expect_close();
    assert_eq!(transcript.take(), [""; 0]);
}

/// `on_end` cannot play: the call is over. There is no callback after it.
#[test]
fn nothing_is_played_at_the_end() {
    let desk = RecordingAcceptor::new().on_any(|name, call| match name {
        "on_start" => call.try_play((RATE, speech(100))).unwrap(),
        "on_end" => {
            assert_eq!(call.try_play((RATE, speech(1))), Err(SendError::NoCall));
            assert_eq!(call.mark(1), Err(SendError::NoCall));
            call.hangup_after_playout();
            assert_eq!(
                call.clear(),
                Dropped::default(),
                "the playout is empty already"
            );
            // The first frame has left.
            assert_eq!(call.stats().playout.samples_dropped, 99 * 160);
        }
        _ => {}
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    line.flush();
    line.eof();
    assert_eq!(transcript.take()[2..], ["end Closed", "drop"]);
    assert_eq!(line.driver.poll_timeout(), None);
    assert_eq!(line.transmit(), Transmit::Close);
}

/// The writing side has failed. Bytes of the peer still reach the handler, and no audio is played.
#[test]
fn no_audio_is_played_after_the_writing_side_has_failed() {
    let (desk, transcript) = at_start(|call| {
        call.try_play((RATE, speech(100))).unwrap();
        call.mark(1).unwrap();
    });
    let mut line = TestConnection::talking_with(desk, |config| config.fill_silence(true));
    line.write_error(std::io::ErrorKind::BrokenPipe);
    line.wait(Duration::from_secs(10));
    assert_eq!(line.transmit(), Transmit::Idle);
    assert_eq!(line.driver.poll_timeout(), None);
    let handle = line.driver.handle().clone();
    assert_eq!(handle.try_play((RATE, speech(1))), Err(SendError::NoCall));
    line.receive(&frame(0x03, b"1"));
    assert_eq!(transcript.take()[2..], ["dtmf 1"]);
}

/// The driver stops after some marks, so that other calls run, and continues later.
#[test]
fn endless_marks_in_on_mark_do_not_block_the_driver() {
    let desk = RecordingAcceptor::new().on_any(|name, call| {
        if name == "on_start" || name == "on_mark" {
            call.mark(1).unwrap();
        }
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    for _ in 0..10 {
        let marks = transcript.take().len();
        assert!((1..=1000).contains(&marks), "{marks}");
        assert_eq!(line.driver.poll_timeout(), Some(line.now), "there is more");
        line.driver.handle_timeout(line.now);
    }
    line.driver.handle().hangup();
    line.poll_commands();
    assert_eq!(transcript.take().last().unwrap(), "drop");
    assert_eq!(line.flush(), HANGUP);
}

/// The driver may get no later input, so it must poll the playout after the lag.
#[test]
fn audio_that_is_played_at_a_lag_leaves_at_once() {
    let desk = RecordingAcceptor::new().on_any(|name, call| {
        if name == "on_exception" {
            call.try_play((RATE, speech(1))).unwrap();
            call.mark(1).unwrap();
        }
    });
    let transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    line.driver.handle_lag(line.now, Lag::default());
    assert_eq!(line.flush(), spoken());
    assert_eq!(transcript.take().last().unwrap(), "mark 1 Played");
}

#[test]
fn stats_have_the_counters_of_the_playout() {
    let (desk, _) = at_start(|call| {
        call.try_play((RATE, speech(10))).unwrap();
        assert_eq!(call.stats().playout.depth, PTIME * 10);
    });
    let mut line = TestConnection::talking(desk);
    listen(&mut line, 3);
    line.poll_commands();
    let stats = line.driver.handle().stats();
    assert_eq!(stats.session.audio_frames_sent, 4);
    assert_eq!(stats.playout.frames, 4);
    assert_eq!(stats.rate_sent, Some(RATE));
    assert_eq!(stats.playout.depth, PTIME * 6);
    // The counters of the playout are current.
    line.driver.handle().clear();
    assert_eq!(line.driver.handle().stats().playout.depth, Duration::ZERO);
}
