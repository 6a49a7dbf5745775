use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};

use audiosocket_tokio::{Audio, SampleRate, Uuid};

/// The most bytes that wait to be written for one call: 45 seconds at 8 kHz in frames of 20 ms.
pub(super) const MAX_OF_CALL: usize = 1 << 20;

/// The most for all calls, but for what each may have in any case.
const MAX_OF_ALL: usize = 256 << 20;

/// What each call may have in any case: three quarters of a second at 8 kHz. So calls that have much
/// waiting take nothing from those that have little.
const SHARE_OF_CALL: usize = 16 * 1024;

/// How many beginnings and ends may wait before calls are refused: on a disk that hangs, calls that
/// come and go would leave more and more behind.
const MAX_EVENTS: usize = 4096;

/// What a frame takes beside its audio.
const FRAME_COST: usize = 128;

/// What is lost is silence for as long as it took to come, or that much longer, since it may come in
/// bursts; but not for as long as a caller could pretend.
const BURST: Duration = Duration::from_secs(1);

/// A call's number among those of this process.
pub(super) type CallId = u64;

/// What the writer is told, in the order in which it happened.
#[derive(Debug)]
pub(super) enum Job {
    Begin(CallId, Begun, Room<1>),
    Frame(CallId, Frame, Room<2>),
    End(CallId, Ended, Room<1>),
    Tick(Instant),
    /// The server has ended; calls that have not are over too.
    Shutdown(Instant),
}

#[derive(Debug)]
pub(super) struct Begun {
    pub(super) uuid: Uuid,
    pub(super) at: Instant,
    /// The same by the calendar.
    pub(super) utc: SystemTime,
}

/// Audio as it came.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) at: Instant,
    pub(super) rate: SampleRate,
    pub(super) payload: Vec<u8>,
    /// What is missing just ahead of it; at its rate.
    pub(super) lost: Lost,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) at: Instant,
    /// How many frames are missing at the end.
    pub(super) lost: u64,
}

/// Audio that there was no room for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lost {
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

/// The way to the writer, which never waits for it.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    jobs: Sender<Job>,
    next: Arc<AtomicU64>,
    /// In bytes.
    waiting: Arc<AtomicUsize>,
    /// Beginnings and ends that wait.
    events: Arc<AtomicUsize>,
}

impl Queue {
    pub(super) fn new(jobs: Sender<Job>) -> Self {
        Self {
            jobs,
            next: Arc::default(),
            waiting: Arc::default(),
            events: Arc::default(),
        }
    }

    /// A call begins, unless too many wait for a disk that does not keep up.
    pub(super) fn begin(&self, begun: Begun) -> Option<Track> {
        let (room, waiting) = self.event();
        if waiting > MAX_EVENTS {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let uuid = begun.uuid;
        if self.jobs.send(Job::Begin(id, begun, room)).is_err() {
            tracing::error!(%uuid, "not recorded: the writer has died");
        }
        Some(Track {
            id,
            queue: self.clone(),
            waiting: Arc::default(),
            rate: SampleRate::Hz8000,
            lost: Lost::default(),
            lost_since: None,
            ended: false,
        })
    }

    /// Counts a beginning or an end, and tells how many wait with it.
    fn event(&self) -> (Room<1>, usize) {
        let (room, [waiting]) = Room::take(1, [self.events.clone()]);
        (room, waiting)
    }

    /// The server has ended.
    pub(super) fn shut_down(&self, at: Instant) {
        let _ = self.jobs.send(Job::Shutdown(at));
    }
}

/// One call's part of the queue. What finds no room is left out and counted: that is the newest,
/// so that what waits stays in one piece.
#[derive(Debug)]
pub(super) struct Track {
    id: CallId,
    queue: Queue,
    /// How many bytes of this call wait.
    waiting: Arc<AtomicUsize>,
    /// Of the latest audio.
    rate: SampleRate,
    /// Since the last frame that found room.
    lost: Lost,
    lost_since: Option<Instant>,
    ended: bool,
}

impl Track {
    /// Audio came.
    pub(super) fn audio(&mut self, at: Instant, audio: Audio<'_>) {
        let (rate, payload) = (audio.rate(), audio.payload());
        // However the rate changes meanwhile, what is lost keeps the time that it took.
        let (old, new) = (u64::from(self.rate.hz()), u64::from(rate.hz()));
        self.lost.bytes = self.lost.bytes * new / old;
        self.rate = rate;
        let Some(room) = self.room(payload.len() + FRAME_COST) else {
            return self.lose(at, 1, payload.len() as u64);
        };
        let frame = Frame {
            at,
            rate,
            payload: payload.to_vec(),
            lost: self.take_lost(at),
        };
        self.send(Job::Frame(self.id, frame, room));
    }

    /// Audio is missing, of the rate of what came last.
    pub(super) fn lose(&mut self, at: Instant, frames: u64, bytes: u64) {
        self.lost.frames += frames;
        self.lost.bytes += bytes;
        self.lost_since.get_or_insert(at);
    }

    /// The call is over. Dropping does the same.
    pub(super) fn end(&mut self, at: Instant) {
        if !std::mem::replace(&mut self.ended, true) {
            let lost = self.lost.frames;
            let (room, _) = self.queue.event();
            self.send(Job::End(self.id, Ended { at, lost }, room));
        }
    }

    fn take_lost(&mut self, at: Instant) -> Lost {
        let mut lost = std::mem::take(&mut self.lost);
        if let Some(since) = self.lost_since.take() {
            let most = at.saturating_duration_since(since) + BURST;
            let bytes = most.as_millis() * u128::from(self.rate.hz()) * 2 / 1_000;
            lost.bytes = lost.bytes.min(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
        lost
    }

    fn room(&self, bytes: usize) -> Option<Room<2>> {
        let counts = [self.waiting.clone(), self.queue.waiting.clone()];
        let (room, [of_call, of_all]) = Room::take(bytes, counts);
        let most = if of_all > MAX_OF_ALL {
            SHARE_OF_CALL
        } else {
            MAX_OF_CALL
        };
        (of_call <= most).then_some(room)
    }

    fn send(&self, job: Job) {
        // If the writer has died, that has been said.
        let _ = self.queue.jobs.send(job);
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}

/// A part of the bounds that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Room<const N: usize> {
    taken: usize,
    counts: [Arc<AtomicUsize>; N],
}

impl<const N: usize> Room<N> {
    /// Tells what is taken of each of them with it.
    fn take(taken: usize, counts: [Arc<AtomicUsize>; N]) -> (Self, [usize; N]) {
        let sums = counts
            .each_ref()
            .map(|count| count.fetch_add(taken, Ordering::Relaxed) + taken);
        (Self { taken, counts }, sums)
    }
}

impl<const N: usize> Drop for Room<N> {
    fn drop(&mut self) {
        for count in &self.counts {
            count.fetch_sub(self.taken, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_a_flood_loses_is_not_silence_for_longer_than_it_took() {
        let (sender, jobs) = mpsc::channel();
        let began = Instant::now();
        let mut track = begin(&Queue::new(sender), began).unwrap();
        let audio = Audio::new(SampleRate::Hz8000, &[1; 65_534]);
        // 655 MB within a tenth of a second, of which nothing is taken out meanwhile.
        for frame in 0..10_000 {
            track.audio(began + Duration::from_micros(10) * frame, audio);
        }
        let waiting: Vec<_> = jobs.try_iter().collect();
        let frames = waiting.iter().filter(|job| matches!(job, Job::Frame(..)));
        let frames = frames.count();
        assert_eq!(frames, MAX_OF_CALL / (65_534 + FRAME_COST));
        drop(waiting);
        track.audio(began + Duration::from_secs(2), audio);
        let Ok(Job::Frame(_, frame, _)) = jobs.recv() else {
            panic!("there is room again");
        };
        assert_eq!(frame.lost.frames, 10_000 - frames as u64);
        let seconds = frame.lost.bytes / 16_000;
        assert!((2..=3).contains(&seconds), "{seconds}");
    }
    #[test]
    fn calls_that_are_behind_take_no_room_from_one_that_is_not() {
        let (sender, jobs) = mpsc::channel();
        let queue = Queue::new(sender);
        let at = Instant::now();
        let mut track = begin(&queue, at).unwrap();
        let mut behind = begin(&queue, at).unwrap();
        behind.audio(at, Audio::new(SampleRate::Hz8000, &[1; 65_534]));
        // As much as hundreds of them can have.
        queue.waiting.fetch_add(MAX_OF_ALL, Ordering::Relaxed);
        for _ in 0..100 {
            for _ in 0..SHARE_OF_CALL / (320 + FRAME_COST) {
                track.audio(at, Audio::new(SampleRate::Hz8000, &[1; 320]));
                behind.audio(at, Audio::new(SampleRate::Hz8000, &[1; 320]));
            }
            assert_eq!(track.lost.frames, 0);
            // The writer takes what there is of the one, and never gets to the other.
            let (behind, rest) = jobs
                .try_iter()
                .partition::<Vec<_>, _>(|job| matches!(job, Job::Frame(1, ..)));
            drop(rest);
            std::mem::forget(behind);
        }
        assert_eq!(behind.lost.frames, 3_600, "it has more than its share");
    }

    #[test]
    fn calls_that_come_and_go_while_the_disk_hangs_are_refused_in_the_end() {
        let (sender, jobs) = mpsc::channel();
        let queue = Queue::new(sender);
        let going_on = begin(&queue, Instant::now()).unwrap();
        let calls = std::iter::from_fn(|| begin(&queue, Instant::now()));
        assert_eq!(calls.take(1_000_000).count(), MAX_EVENTS / 2);
        // An end is never refused.
        drop(going_on);
        let waiting: Vec<_> = jobs.try_iter().collect();
        assert_eq!(waiting.len(), MAX_EVENTS + 2);
        drop(waiting);
        assert!(begin(&queue, Instant::now()).is_some(), "the disk is back");
    }

    fn begin(queue: &Queue, at: Instant) -> Option<Track> {
        queue.begin(Begun {
            uuid: Uuid::nil(),
            at,
            utc: SystemTime::UNIX_EPOCH,
        })
    }
}
