use std::sync::mpsc;

use crate::queue::QueueLimits;

use super::*;

fn limits() -> QueueLimits {
    QueueLimits::default()
}

fn start(queue: &WriterQueue, at: Instant) -> Result<Track, TrackError> {
    queue.start(Uuid::nil(), at, SystemTime::UNIX_EPOCH)
}

#[test]
fn lost_audio_of_a_flood_is_silence_of_the_time_it_took() {
    let (sender, messages) = mpsc::channel();
    let began = Instant::now();
    let mut track = start(
        &WriterQueue::new(sender, limits(), None, Sides::Caller),
        began,
    )
    .unwrap();
    let audio = Audio::new(SampleRate::Hz8000, &[1; 65_534]);
    // The test writes 655 MB in a tenth of a second, while the writer takes nothing.
    for frame in 0..10_000 {
        track.write(began + Duration::from_micros(10) * frame, audio);
    }
    let waiting: Vec<_> = messages.try_iter().collect();
    let is_frame = |message: &&WriterMessage| matches!(message, WriterMessage::Frame(..));
    let frames = waiting.iter().filter(is_frame).count();
    assert_eq!(frames, limits().per_call / (65_534 + FRAME_COST));
    drop(waiting);
    track.write(began + Duration::from_secs(2), audio);
    let Ok(WriterMessage::Frame(_, _, frame, _)) = messages.recv() else {
        panic!("the queue has room again");
    };
    assert_eq!(frame.lost.frames, 10_000 - frames as u64);
    let seconds = frame.lost.bytes / 16_000;
    assert!((2..=3).contains(&seconds), "{seconds}");
}

#[test]
fn calls_that_are_behind_take_no_quota_from_a_call_that_is_not() {
    let (sender, messages) = mpsc::channel();
    let queue = WriterQueue::new(sender, limits(), None, Sides::Caller);
    let at = Instant::now();
    let mut track = start(&queue, at).unwrap();
    let mut behind = start(&queue, at).unwrap();
    behind.write(at, Audio::new(SampleRate::Hz8000, &[1; 65_534]));
    // This is the quota of hundreds of calls.
    let others = QuotaPermit::take(limits().all_calls, [queue.shared.waiting.clone()]);
    for _ in 0..100 {
        for _ in 0..GUARANTEED_PER_CALL / (320 + FRAME_COST) {
            track.write(at, Audio::new(SampleRate::Hz8000, &[1; 320]));
            behind.write(at, Audio::new(SampleRate::Hz8000, &[1; 320]));
        }
        assert_eq!(track.caller.lost.frames, 0);
        // The writer takes all frames of the one call, and none of the other.
        let (behind, rest) = messages
            .try_iter()
            .partition::<Vec<_>, _>(|message| matches!(message, WriterMessage::Frame(1, ..)));
        drop(rest);
        std::mem::forget(behind);
    }
    drop(others);
    assert_eq!(
        behind.caller.lost.frames, 3_600,
        "it has more than its share"
    );
}

#[test]
fn new_calls_are_refused_when_the_disk_hangs() {
    let (sender, messages) = mpsc::channel();
    let queue = WriterQueue::new(sender, limits(), None, Sides::Caller);
    let going_on = start(&queue, Instant::now()).unwrap();
    let calls = std::iter::from_fn(|| start(&queue, Instant::now()).ok());
    assert_eq!(calls.take(1_000_000).count(), MAX_EVENTS / 2);
    let refused = start(&queue, Instant::now()).err();
    assert_eq!(refused, Some(TrackError::DiskTooSlow));
    // An end is never refused.
    drop(going_on);
    let waiting: Vec<_> = messages.try_iter().collect();
    assert_eq!(waiting.len(), MAX_EVENTS + 2);
    drop(waiting);
    assert!(start(&queue, Instant::now()).is_ok(), "the disk is back");
}

#[test]
fn a_call_is_refused_after_the_recorder_has_ended() {
    let (sender, _) = mpsc::channel();
    let queue = WriterQueue::new(sender, limits(), None, Sides::Caller);
    let refused = start(&queue, Instant::now()).err();
    assert_eq!(refused, Some(TrackError::RecorderEnded));
}
