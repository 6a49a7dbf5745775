//! `CallHandle::play`, which waits for room.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::{AudioBuf, SampleRate, SendError};
use audiosocket_server::Play;

use crate::handles::CountingWaker;
use crate::playing::{PTIME, RATE, speech};
use crate::recorder::{RecordingAcceptor, TestConnection};
use crate::wire::frame;

const FRAME: usize = 320;

/// A call whose playout has room for this many frames.
fn talking(max_frames: u32) -> TestConnection<RecordingAcceptor> {
    TestConnection::talking_with(RecordingAcceptor::new(), |config| {
        config.max_playout(PTIME * max_frames)
    })
}

fn poll(play: &mut Play) -> Poll<Result<(), SendError>> {
    poll_with(play, Waker::noop())
}

fn poll_with(play: &mut Play, waker: &Waker) -> Poll<Result<(), SendError>> {
    Pin::new(play).poll(&mut Context::from_waker(waker))
}

/// Moves the clock until the next frame leaves.
fn frame_leaves(line: &mut TestConnection<RecordingAcceptor>) -> Vec<u8> {
    line.wait(PTIME);
    line.flush()
}

#[test]
fn audio_is_queued_at_once_if_it_fits() {
    let mut line = talking(2);
    let handle = line.driver.handle().clone();
    assert_eq!(
        poll(&mut handle.play((RATE, speech(2)))),
        Poll::Ready(Ok(()))
    );
    assert_eq!(handle.stats().playout.depth, PTIME * 2);
    line.poll_commands();
    assert_eq!(line.flush(), frame(0x10, &speech(1)));
}

#[test]
fn a_future_that_is_not_polled_queues_nothing() {
    let line = talking(2);
    drop(line.driver.handle().play((RATE, speech(1))));
    assert_eq!(line.driver.handle().stats().playout.depth, Duration::ZERO);
}

/// The reply can have an odd number of bytes, which ends in half a sample.
#[test]
fn a_reply_longer_than_the_playout_is_played_to_its_end_in_order() {
    for len in [40 * FRAME, 40 * FRAME + 1, 39 * FRAME + 7] {
        let reply: Vec<u8> = (0..len).map(|place| (place % 251) as u8).collect();
        let mut line = talking(10);
        let handle = line.driver.handle().clone();
        let bell = Arc::new(CountingWaker::default());
        let waker = Waker::from(bell.clone());
        let mut play = handle.play((RATE, reply.clone()));
        let mut is_queued = poll_with(&mut play, &waker).is_ready();
        assert!(!is_queued);
        let mut played = Vec::new();
        let mut wakes = 0;
        line.poll_commands();
        played.extend(line.flush().into_iter().skip(3));
        while played.len() < len {
            assert!(handle.stats().playout.depth <= PTIME * 10);
            let frame = frame_leaves(&mut line);
            assert!(!frame.is_empty(), "a gap after {} bytes", played.len());
            played.extend(frame.into_iter().skip(3));
            if bell.wake_count() > wakes && !is_queued {
                wakes = bell.wake_count();
                is_queued = poll_with(&mut play, &waker).is_ready();
                line.poll_commands();
            }
        }
        assert!(is_queued);
        played.truncate(len);
        assert!(played == reply);
        // The task is not woken for each frame.
        assert!(wakes <= 7, "woken {wakes} times");
        assert_eq!(handle.stats().playout.underruns, 0);
    }
}

#[test]
fn a_playout_of_no_length_takes_one_frame_at_a_time() {
    let mut line = talking(0);
    let handle = line.driver.handle().clone();
    let mut play = handle.play((RATE, speech(3)));
    assert_eq!(poll(&mut play), Poll::Pending);
    line.poll_commands();
    line.flush();
    assert_eq!(poll(&mut play), Poll::Pending);
    line.poll_commands();
    frame_leaves(&mut line);
    assert_eq!(poll(&mut play), Poll::Ready(Ok(())));
}

#[test]
fn several_plays_keep_their_order() {
    let mut line = talking(1);
    let handle = line.driver.handle().clone();
    let bell = Arc::new(CountingWaker::default());
    let mut first = handle.play((RATE, vec![1; 2 * FRAME]));
    let mut second = handle.play((RATE, vec![2; FRAME]));
    assert_eq!(poll(&mut first), Poll::Pending);
    assert_eq!(poll_with(&mut second, &bell.clone().into()), Poll::Pending);
    // `try_play` does not pass the plays that wait.
    let full = handle.try_play((RATE, vec![3; 2]));
    assert!(
        matches!(full, Err(SendError::PlayoutFull { .. })),
        "{full:?}"
    );
    line.poll_commands();
    assert_eq!(line.flush(), frame(0x10, &[1; FRAME]));
    assert_eq!(poll(&mut second), Poll::Pending, "the first has its place");
    assert_eq!(poll(&mut first), Poll::Ready(Ok(())));
    assert_eq!(frame_leaves(&mut line), frame(0x10, &[1; FRAME]));
    assert_eq!(poll(&mut second), Poll::Ready(Ok(())));
    assert_eq!(frame_leaves(&mut line), frame(0x10, &[2; FRAME]));
    handle.try_play((RATE, vec![3; 2])).unwrap();
}

#[test]
fn a_play_that_is_dropped_gives_its_place_to_the_next() {
    let mut line = talking(1);
    let handle = line.driver.handle().clone();
    let bell = Arc::new(CountingWaker::default());
    let mut first = handle.play((RATE, vec![1; 3 * FRAME]));
    let mut second = handle.play((RATE, vec![2; FRAME]));
    assert_eq!(poll(&mut first), Poll::Pending);
    assert_eq!(poll_with(&mut second, &bell.clone().into()), Poll::Pending);
    drop(first);
    assert_eq!(bell.wake_count(), 1);
    line.poll_commands();
    assert_eq!(line.flush(), frame(0x10, &[1; FRAME]), "it was queued");
    assert_eq!(poll(&mut second), Poll::Ready(Ok(())));
    assert_eq!(frame_leaves(&mut line), frame(0x10, &[2; FRAME]));
    assert_eq!(frame_leaves(&mut line), [0; 0]);
}

/// All ways in which a play that waits fails. Each one wakes its task.
#[test]
fn a_play_that_waits_fails_when_the_call_ends_or_is_cleared() {
    type End = fn(TestConnection<RecordingAcceptor>) -> Option<TestConnection<RecordingAcceptor>>;
    let ends: [(End, SendError); 5] = [
        (
            |line| {
                line.driver.handle().clear();
                Some(line)
            },
            SendError::Cleared,
        ),
        (
            |line| {
                line.driver.handle().hangup_after_playout();
                Some(line)
            },
            SendError::NoCall,
        ),
        (
            |mut line| {
                line.driver.handle().hangup();
                line.poll_commands();
                Some(line)
            },
            SendError::NoCall,
        ),
        (
            |mut line| {
                line.eof();
                Some(line)
            },
            SendError::NoCall,
        ),
        (|_| None, SendError::NoCall),
    ];
    for (end, error) in ends {
        let line = talking(1);
        let bell = Arc::new(CountingWaker::default());
        let mut play = line.driver.handle().play((RATE, speech(3)));
        assert_eq!(poll_with(&mut play, &bell.clone().into()), Poll::Pending);
        let _line = end(line);
        assert_eq!(bell.wake_count(), 1, "{error}");
        assert_eq!(poll(&mut play), Poll::Ready(Err(error)));
    }
}

/// A `clear` does not affect plays that begin later.
#[test]
fn a_clear_ends_only_the_plays_that_wait() {
    let line = talking(1);
    let handle = line.driver.handle().clone();
    let mut cleared = handle.play((RATE, speech(3)));
    assert_eq!(poll(&mut cleared), Poll::Pending);
    assert_eq!(handle.clear().duration, PTIME);
    let mut new = handle.play((RATE, speech(2)));
    assert_eq!(poll(&mut new), Poll::Pending);
    assert_eq!(poll(&mut cleared), Poll::Ready(Err(SendError::Cleared)));
    assert_eq!(handle.stats().playout.depth, PTIME);
    assert_eq!(handle.clear().duration, PTIME);
    assert_eq!(poll(&mut new), Poll::Ready(Err(SendError::Cleared)));
}

#[test]
fn errors_that_cannot_change_are_returned_at_once() {
    let mut line = TestConnection::new(RecordingAcceptor::new());
    let handle = line.driver.handle().clone();
    let play = |audio: AudioBuf| poll(&mut handle.play(audio));
    let audio = AudioBuf::new(RATE, speech(1));
    assert_eq!(play(audio.clone()), Poll::Ready(Err(SendError::NoCall)));
    line.receive(&crate::call::uuid_frame());
    assert_eq!(
        play(AudioBuf::default()),
        Poll::Ready(Err(SendError::EmptyAudio))
    );
    assert_eq!(play(audio.clone()), Poll::Ready(Ok(())));
    line.eof();
    assert_eq!(play(audio), Poll::Ready(Err(SendError::NoCall)));
}

#[test]
fn the_sample_rate_is_that_of_the_callers_audio() {
    let mut line = TestConnection::talking(RecordingAcceptor::echo());
    let handle = line.driver.handle().clone();
    assert_eq!(handle.sample_rate(), None);
    assert_eq!(handle.answer_rate().hz(), 8_000);
    line.receive(&frame(0x12, &[1, 2]));
    assert_eq!(handle.sample_rate().map(|rate| rate.hz()), Some(16_000));
    assert_eq!(handle.answer_rate().hz(), 16_000);
    line.poll_commands();
    // The rate of the echo.
    assert_eq!(handle.stats().rate_sent, Some(SampleRate::Hz16000));
    line.receive(&frame(0x18, &[1, 2]));
    assert_eq!(handle.sample_rate().map(|rate| rate.hz()), Some(192_000));
    assert_eq!(handle.answer_rate().hz(), 16_000);
}
