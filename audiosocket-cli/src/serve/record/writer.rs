use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::queue::{CallId, Ended, Job, Queue};
use super::recording::{Recording, Settings};
use super::storage::Storage;
use audiosocket_server::io::LogRateLimit;

/// How often files are brought up to date. This, or a second of audio, is what a crash can take.
const TICK: Duration = Duration::from_secs(1);

/// The thread that writes all recordings: they share a disk, so that more threads would but wait
/// together.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Queue,
    thread: JoinHandle<()>,
}

impl Writer {
    pub(super) fn start(storage: impl Storage, settings: Settings) -> io::Result<Self> {
        let (sender, jobs) = mpsc::channel();
        let desk = Desk {
            storage,
            settings,
            calls: HashMap::new(),
            errors: LogRateLimit::new(),
            totals: Totals::default(),
        };
        let thread = thread::Builder::new().name("recorder".to_owned());
        Ok(Self {
            queue: Queue::new(sender.clone()),
            thread: thread.spawn(move || desk.work(&jobs, &sender))?,
        })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Ends all recordings, and waits until they are on the disk.
    pub(super) fn finish(self) {
        self.queue.shut_down(Instant::now());
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// What the thread has before it.
struct Desk<S: Storage> {
    storage: S,
    settings: Settings,
    calls: HashMap<CallId, Recording<S>>,
    errors: LogRateLimit,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    calls: u64,
    files: u64,
    failed: u64,
    lost: u64,
}

impl<S: Storage> Desk<S> {
    fn work(mut self, jobs: &Receiver<Job>, sender: &Sender<Job>) {
        let mut due = Some(Instant::now() + TICK);
        loop {
            let now = Instant::now();
            // It takes its turn: a recording that is behind must not take what it has not read
            // yet for a pause.
            if due.is_some_and(|due| due <= now) && sender.send(Job::Tick(now)).is_ok() {
                due = None;
            }
            let wait = due.map_or(TICK, |due| due - now);
            match jobs.recv_timeout(wait) {
                Ok(Job::Tick(at)) => {
                    self.tick(at);
                    due = Some(Instant::now() + TICK);
                }
                Ok(Job::Shutdown(at)) => return self.shut_down(at),
                Ok(job) => self.call(job),
                // We have a sender too, so that they cannot all be gone.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn call(&mut self, job: Job) {
        match job {
            Job::Begin(id, begun, _room) => {
                self.calls.insert(id, Recording::new(begun, self.settings));
            }
            Job::Frame(id, frame, _room) => {
                if let Some(recording) = self.calls.get_mut(&id) {
                    recording.frame(&self.storage, frame);
                    recording.log_failure(&self.errors);
                }
            }
            Job::End(id, ended, _room) => {
                if let Some(recording) = self.calls.remove(&id) {
                    self.end(recording, ended);
                }
            }
            Job::Tick(_) | Job::Shutdown(_) => {}
        }
    }

    fn tick(&mut self, now: Instant) {
        for recording in self.calls.values_mut() {
            recording.tick(&self.storage, now);
            recording.log_failure(&self.errors);
        }
    }

    fn end(&mut self, mut recording: Recording<S>, ended: Ended) {
        let outcome = recording.end(&self.storage, ended);
        recording.log_failure(&self.errors);
        self.totals.calls += 1;
        self.totals.files += u64::from(outcome.files);
        self.totals.failed += u64::from(outcome.failed);
        self.totals.lost += outcome.lost;
    }

    fn shut_down(mut self, at: Instant) {
        for (_, recording) in std::mem::take(&mut self.calls) {
            self.end(recording, Ended { at, lost: 0 });
        }
        let Totals {
            calls,
            files,
            failed,
            lost,
        } = self.totals;
        tracing::info!(calls, files, failed, lost, "all recordings ended");
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use audiosocket_tokio::{Audio, SampleRate, Uuid};

    use super::super::codec::Codec;
    use super::super::memory_disk::MemoryDisk;
    use super::super::queue::{Begun, Track};
    use super::super::timeline::Pauses;
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    fn start(disk: &MemoryDisk) -> Writer {
        Writer::start(disk.clone(), Settings::new(Codec::Slin, Pauses::Keep)).unwrap()
    }

    fn begin(writer: &Writer, at: Instant) -> Track {
        let begun = Begun {
            uuid: Uuid::nil(),
            at,
            utc: SystemTime::UNIX_EPOCH,
        };
        writer.queue().begin(begun).unwrap()
    }

    fn say(track: &mut Track, at: &mut Instant, samples: impl IntoIterator<Item = i16>) {
        for sample in samples {
            *at += FRAME;
            let payload = sample.to_le_bytes().repeat(160);
            track.audio(*at, Audio::new(SampleRate::Hz8000, &payload));
        }
    }

    #[test]
    fn a_disk_that_hangs_keeps_nobody_waiting_and_costs_no_time_of_the_recording() {
        let disk = MemoryDisk::default();
        let writer = start(&disk);
        let mut at = Instant::now();
        let mut track = begin(&writer, at);
        disk.hang(true);
        // Three minutes, of which 45 seconds find room; that this returns is half of the test.
        say(&mut track, &mut at, 1..=9_000);
        disk.hang(false);
        // Then there is room again.
        while disk.bytes() < 400_000 {
            thread::sleep(Duration::from_millis(1));
        }
        say(&mut track, &mut at, 9_001..=9_100);
        track.end(at);
        writer.finish();

        let recordings = disk.recordings();
        assert_eq!(recordings.len(), 1);
        let (frames, rest) = recordings[0].2.as_chunks::<160>();
        assert_eq!((frames.len(), rest.len()), (9_100, 0));
        let lost = frames.iter().filter(|frame| **frame == [0; 160]).count();
        assert!((5_000..8_000).contains(&lost), "{lost}");
        for (frame, number) in frames.iter().zip(1..) {
            assert!(*frame == [0; 160] || *frame == [number; 160], "{number}");
        }
        assert_eq!(frames[9_099], [9_100; 160], "it was heard again");
    }

    #[test]
    fn one_call_that_is_behind_takes_no_room_from_another() {
        let disk = MemoryDisk::default();
        let writer = start(&disk);
        disk.hang(true);
        let began = Instant::now();
        let (mut loud, mut other) = (begin(&writer, began), begin(&writer, began));
        say(&mut loud, &mut began.clone(), (0..20_000).map(|_| 1));
        let mut at = began;
        say(&mut other, &mut at, (0..500).map(|_| 2));
        disk.hang(false);
        loud.end(at);
        other.end(at);
        writer.finish();
        let recordings = disk.recordings();
        assert!(recordings.iter().any(|(.., found)| *found == [2; 80_000]));
    }

    #[test]
    fn the_end_waits_for_what_is_left_to_write() {
        let disk = MemoryDisk::default();
        let writer = start(&disk);
        let mut at = Instant::now();
        let (mut ended, mut going_on) = (begin(&writer, at), begin(&writer, at));
        let began = at;
        say(&mut ended, &mut at, (0..500).map(|_| 1));
        say(&mut going_on, &mut began.clone(), (0..500).map(|_| 2));
        ended.end(at);
        writer.finish();
        let recordings = disk.recordings();
        assert_eq!(disk.synced(), 2);
        for value in [1, 2] {
            assert!(
                recordings
                    .iter()
                    .any(|(.., found)| *found == [value; 80_000])
            );
        }
    }
}
