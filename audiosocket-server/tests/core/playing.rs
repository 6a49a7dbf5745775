//! What a handler plays on its own call.

use std::time::Duration;

use audiosocket_proto::{Bytes, Dropped, SampleRate, SendError, Transmit};
use audiosocket_server::{Call, Lag};

use crate::acceptors::{Recorded, Transcript, echo, silent};
use crate::call::HANGUP;
use crate::connection::Connection;
use crate::wire::frame;

pub(crate) const RATE: SampleRate = SampleRate::Hz8000;
pub(crate) const PTIME: Duration = Duration::from_millis(20);

/// `frames` frames of audio, none of whose samples is silence.
pub(crate) fn speech(frames: usize) -> Bytes {
    vec![7; frames * 320].into()
}

/// The frame of it that is sent.
pub(crate) fn spoken() -> Vec<u8> {
    frame(0x10, &[7; 320])
}

pub(crate) fn silence() -> Vec<u8> {
    frame(0x10, &[0; 320])
}

/// A acceptor that does this when the call begins.
fn at_start(act: impl Fn(&mut Call<'_>) + Send + Sync + 'static) -> (Recorded, Transcript) {
    let acceptor = silent().in_call(move |call, record| {
        if record.callback() == "on_start" {
            act(call);
        }
    });
    let transcript = acceptor.transcript();
    (acceptor, transcript)
}

/// What is written in each of so many ptimes, now and after them.
fn listen(connection: &mut Connection<Recorded>, ptimes: usize) -> Vec<Vec<u8>> {
    let mut heard = vec![connection.flush()];
    for _ in 0..ptimes {
        connection.wait(PTIME);
        heard.push(connection.flush());
    }
    heard
}

#[test]
fn audio_leaves_in_frames_at_its_times() {
    let (acceptor, _) = at_start(|call| call.play(RATE, speech(2)).unwrap());
    let mut connection = Connection::talking(acceptor);
    let start = connection.now;
    assert_eq!(connection.driver.poll_timeout(), Some(start + PTIME));
    assert_eq!(
        listen(&mut connection, 3),
        [spoken(), spoken(), vec![], vec![]]
    );
    assert_eq!(connection.driver.poll_timeout(), None);
}

#[test]
fn silence_surrounds_it_and_begins_with_the_call() {
    let (acceptor, _) = at_start(|_| {});
    let mut connection = Connection::talking_with(acceptor, |config| config.fill_silence = true);
    assert_eq!(listen(&mut connection, 1), [silence(), silence()]);
    connection.driver.handle().play(RATE, speech(1)).unwrap();
    connection.poll_commands();
    assert_eq!(connection.flush(), [0; 0], "it is not due yet");
    connection.wait(PTIME);
    assert_eq!(listen(&mut connection, 1), [spoken(), silence()]);
}

/// Silence has the rate of what the caller sends, and gives way to an echo of it.
#[test]
fn silence_follows_the_caller_and_gives_way_to_answers() {
    let mut connection = Connection::talking_with(echo(), |config| config.fill_silence = true);
    assert_eq!(connection.flush(), silence());
    for _ in 0..50 {
        connection.receive(&frame(0x12, &[1; 640]));
        assert_eq!(connection.flush(), frame(0x12, &[1; 640]));
        connection.wait(PTIME);
        assert_eq!(connection.flush(), [0; 0], "beside an echo");
    }
    // 20 ms after the last one, whose own 20 ms are over: 200 ms more.
    connection.wait(Duration::from_nanos(199_999_999));
    assert_eq!(connection.flush(), [0; 0]);
    connection.wait(Duration::from_nanos(1));
    assert_eq!(connection.flush(), frame(0x12, &[0; 640]));

    let mut connection = Connection::talking_with(silent(), |config| config.fill_silence = true);
    assert_eq!(connection.flush(), silence());
    connection.receive(&frame(0x12, &[1; 640]));
    connection.wait(PTIME);
    assert_eq!(connection.flush(), frame(0x12, &[0; 640]));
}

#[test]
fn silence_waits_for_the_end_of_all_answers() {
    let mut connection = Connection::talking_with(echo(), |config| config.fill_silence = true);
    assert_eq!(connection.flush(), silence());
    connection.receive(&[frame(0x10, &[1; 16_000]), frame(0x10, &[1; 320])].concat());
    connection.flush();
    connection.wait(Duration::from_millis(1219));
    assert_eq!(connection.flush(), [0; 0]);
    connection.wait(Duration::from_millis(1));
    assert_eq!(connection.flush(), silence());
}

#[test]
fn answers_leave_beside_what_is_played() {
    let acceptor = echo().in_call(|call, record| {
        if record.callback() == "on_start" {
            call.play(RATE, speech(3)).unwrap();
        }
    });
    let mut connection = Connection::talking(acceptor);
    assert_eq!(connection.flush(), spoken());
    connection.pass(Duration::from_millis(5));
    connection.receive(&frame(0x10, b"echo"));
    assert_eq!(connection.flush(), frame(0x10, b"echo"));
    connection.wait(Duration::from_millis(15));
    assert_eq!(listen(&mut connection, 1), [spoken(), spoken()]);
}

/// A frame that is due while something waits to be written leaves when that has gone.
#[test]
fn it_waits_for_the_peer() {
    let (acceptor, transcript) = at_start(|call| {
        call.play(RATE, speech(2)).unwrap();
        call.mark(1).unwrap();
    });
    let mut connection = Connection::talking(acceptor);
    connection.wait(PTIME);
    connection.wait(Duration::from_secs(1));
    assert_eq!(
        connection.transmit(),
        Transmit::Bytes(&spoken()),
        "and no more"
    );
    // A part of it is not all of it.
    connection.driver.transmitted(connection.now, 322);
    assert_eq!(connection.transmit(), Transmit::Bytes(&[7]));
    connection.driver.transmitted(connection.now, 1);
    assert_eq!(connection.transmit(), Transmit::Bytes(&spoken()));
    assert_eq!(
        transcript.take_lines()[2..],
        [""; 0],
        "the mark is not written yet"
    );
    connection.flush();
    assert_eq!(transcript.take_lines(), ["mark 1: Played"]);
}

#[test]
fn a_callback_can_clear_what_it_plays() {
    let acceptor = silent().in_call(|call, record| match record.callback() {
        "on_start" => {
            call.play(RATE, speech(1500)).unwrap();
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
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    transcript.take_lines();
    assert_eq!(connection.flush(), spoken());
    connection.receive(&frame(0x10, b"but"));
    assert_eq!(
        transcript.take_lines(),
        ["audio slin 3 bytes", "mark 1: Cleared"]
    );
    assert_eq!(listen(&mut connection, 5), [const { Vec::new() }; 6]);
}

#[test]
fn a_call_is_hung_up_behind_what_it_plays() {
    let (acceptor, transcript) = at_start(|call| {
        call.play(RATE, speech(2)).unwrap();
        call.hangup_after_playout();
        call.mark(1).unwrap();
        assert_eq!(call.play(RATE, speech(1)), Err(SendError::NoCall));
    });
    let mut connection = Connection::talking(acceptor);
    assert_eq!(
        listen(&mut connection, 2),
        [spoken(), spoken(), HANGUP.to_vec()]
    );
    assert_eq!(
        transcript.take_lines()[2..],
        ["mark 1: Played", "end: hung up by this side", "drop"]
    );
    connection.see_to_close();
}

#[test]
fn a_hangup_does_not_wait_for_what_it_plays() {
    let (acceptor, transcript) = at_start(|call| {
        call.play(RATE, speech(100)).unwrap();
        call.mark(1).unwrap();
        call.hangup();
    });
    let mut connection = Connection::talking(acceptor);
    assert_eq!(connection.flush(), HANGUP);
    assert_eq!(
        transcript.take_lines()[2..],
        ["end: hung up by this side", "drop"]
    );
    connection.see_to_close();
    assert_eq!(transcript.take_lines(), [""; 0]);
}

/// In `on_end` there is no call to play on, and after it nothing is left to be told.
#[test]
fn nothing_is_played_at_the_end() {
    let acceptor = silent().in_call(|call, record| match record.callback() {
        "on_start" => call.play(RATE, speech(100)).unwrap(),
        "on_end" => {
            assert_eq!(call.play(RATE, speech(1)), Err(SendError::NoCall));
            assert_eq!(call.mark(1), Err(SendError::NoCall));
            call.hangup_after_playout();
            assert_eq!(call.clear(), Dropped::default(), "it has been already");
            // The first of its frames is on its way.
            assert_eq!(call.stats().playout.samples_dropped, 99 * 160);
        }
        _ => {}
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    connection.flush();
    connection.eof();
    assert_eq!(
        transcript.take_lines()[2..],
        ["end: closed by the peer", "drop"]
    );
    assert_eq!(connection.driver.poll_timeout(), None);
    assert_eq!(connection.transmit(), Transmit::Close);
}

/// A peer that takes nothing more: what is read from it is still answered, and nothing is played.
#[test]
fn nothing_is_played_to_a_side_that_is_closed() {
    let (acceptor, transcript) = at_start(|call| {
        call.play(RATE, speech(100)).unwrap();
        call.mark(1).unwrap();
    });
    let mut connection = Connection::talking_with(acceptor, |config| config.fill_silence = true);
    connection.write_error(std::io::ErrorKind::BrokenPipe);
    connection.wait(Duration::from_secs(10));
    assert_eq!(connection.transmit(), Transmit::Idle);
    assert_eq!(connection.driver.poll_timeout(), None);
    let handle = connection.driver.handle().clone();
    assert_eq!(handle.play(RATE, speech(1)), Err(SendError::NoCall));
    connection.receive(&frame(0x03, b"1"));
    assert_eq!(transcript.take_lines()[2..], ["dtmf 1"]);
}

/// It comes to a point where others get their turn, and the call goes on.
#[test]
fn a_mark_that_is_answered_with_a_mark_for_ever_hangs_nothing() {
    let acceptor = silent().in_call(|call, record| {
        if record.callback() == "on_start" || record.callback() == "on_mark" {
            call.mark(1).unwrap();
        }
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    for _ in 0..10 {
        let told = transcript.take_lines().len();
        assert!((1..=1000).contains(&told), "{told}");
        assert_eq!(
            connection.driver.poll_timeout(),
            Some(connection.now),
            "there is more"
        );
        connection.driver.handle_timeout(connection.now);
    }
    connection.driver.handle().hangup();
    connection.poll_commands();
    assert_eq!(transcript.take_lines().last().unwrap(), "drop");
    assert_eq!(connection.flush(), HANGUP);
}

/// No input may ever come again on which it could be noticed.
#[test]
fn what_is_played_when_a_lag_is_told_leaves_at_once() {
    let acceptor = silent().in_call(|call, record| {
        if record.callback() == "on_exception" {
            call.play(RATE, speech(1)).unwrap();
            call.mark(1).unwrap();
        }
    });
    let transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    connection.driver.handle_lag(connection.now, Lag::default());
    assert_eq!(connection.flush(), spoken());
    assert_eq!(transcript.take_lines().last().unwrap(), "mark 1: Played");
}

#[test]
fn stats_tell_of_the_playout() {
    let (acceptor, _) = at_start(|call| {
        call.play(RATE, speech(10)).unwrap();
        assert_eq!(call.stats().playout.depth, PTIME * 10);
    });
    let mut connection = Connection::talking(acceptor);
    listen(&mut connection, 3);
    connection.poll_commands();
    let stats = connection.driver.handle().stats();
    assert_eq!(stats.audio_frames_sent, 4);
    assert_eq!(stats.playout.frames, 4);
    assert_eq!(stats.playout.depth, PTIME * 6);
    // Of the playout, right now.
    connection.driver.handle().clear();
    assert_eq!(
        connection.driver.handle().stats().playout.depth,
        Duration::ZERO
    );
}
