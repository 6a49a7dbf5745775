use std::time::SystemTime;

use audiosocket_media::{Codec, SampleRate};
use audiosocket_proto::Audio;
use uuid::Uuid;

use crate::memory_disk::MemoryDisk;
use crate::track::Track;

use super::*;

const FRAME: Duration = Duration::from_millis(20);

struct Writer {
    queue: WriterQueue,
    thread: JoinHandle<()>,
}

impl Writer {
    fn start(disk: &MemoryDisk) -> Self {
        let settings = RecordingSettings {
            codec: Some(Codec::Slin),
            ..RecordingSettings::default()
        };
        let (queue, thread) = start(disk.clone(), settings, QueueLimits::default(), None).unwrap();
        Self { queue, thread }
    }

    fn track(&self, at: Instant) -> Track {
        let start = self.queue.start(Uuid::nil(), at, SystemTime::UNIX_EPOCH);
        start.unwrap()
    }

    fn finish(self) {
        self.queue.send(WriterMessage::Shutdown(Instant::now()));
        self.thread.join().unwrap();
    }
}

/// Writes one frame for each sample, which repeats it.
fn write(track: &mut Track, at: &mut Instant, samples: impl IntoIterator<Item = i16>) {
    for sample in samples {
        *at += FRAME;
        let payload = sample.to_le_bytes().repeat(160);
        track.write(*at, Audio::new(SampleRate::Hz8000, &payload));
    }
}

#[test]
fn a_disk_that_hangs_blocks_no_call_and_lost_audio_is_silence_of_its_length() {
    let disk = MemoryDisk::default();
    let writer = Writer::start(&disk);
    let mut at = Instant::now();
    let mut track = writer.track(at);
    disk.hang(true);
    // The test writes three minutes. The queue takes 45 seconds of them. The test also shows that the writes return.
    write(&mut track, &mut at, 1..=9_000);
    disk.hang(false);
    // Now the queue has room again.
    while disk.bytes() < 400_000 {
        thread::sleep(Duration::from_millis(1));
    }
    write(&mut track, &mut at, 9_001..=9_100);
    track.finish(at);
    let queue = writer.queue.clone();
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
    assert_eq!(frames[9_099], [9_100; 160], "audio is recorded again");
    let stats = queue.stats().clone();
    assert_eq!(stats.lost_frames, lost as u64);
    assert_eq!((stats.started, stats.ended), (1, 1));
    assert_eq!((stats.complete, stats.failed, stats.files), (0, 0, 1));
    let error = stats.first_error.unwrap();
    assert_eq!(error, format!("{}: the disk is too slow", Uuid::nil()));
}

#[test]
fn a_call_that_is_behind_takes_no_quota_from_another() {
    let disk = MemoryDisk::default();
    let writer = Writer::start(&disk);
    disk.hang(true);
    let start = Instant::now();
    let (mut busy, mut other) = (writer.track(start), writer.track(start));
    write(&mut busy, &mut start.clone(), (0..20_000).map(|_| 1));
    let mut at = start;
    write(&mut other, &mut at, (0..500).map(|_| 2));
    disk.hang(false);
    busy.finish(at);
    other.finish(at);
    writer.finish();
    let recordings = disk.recordings();
    assert!(recordings.iter().any(|(.., found)| *found == [2; 80_000]));
}

#[test]
fn shutdown_writes_all_audio_that_waits() {
    let disk = MemoryDisk::default();
    let writer = Writer::start(&disk);
    let mut at = Instant::now();
    let (mut ended, mut going_on) = (writer.track(at), writer.track(at));
    let start = at;
    write(&mut ended, &mut at, (0..500).map(|_| 1));
    write(&mut going_on, &mut start.clone(), (0..500).map(|_| 2));
    ended.finish(at);
    let queue = writer.queue.clone();
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
    assert_eq!(queue.stats().complete, 2);
}
