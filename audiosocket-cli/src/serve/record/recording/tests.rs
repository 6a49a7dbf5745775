use std::time::SystemTime;

use audiosocket_media::pcm;
use audiosocket_tokio::Uuid;

use super::super::memory_disk::MemoryDisk;
use super::super::queue::Lost;
use super::*;

const FRAME: Duration = Duration::from_millis(20);
const NARROW: SampleRate = SampleRate::Hz8000;
const WIDE: SampleRate = SampleRate::Hz16000;

/// A call in which each frame comes 20 ms after the one before.
struct Caller {
    recording: Recording<MemoryDisk>,
    disk: MemoryDisk,
    at: Instant,
}

impl Caller {
    fn new(disk: &MemoryDisk, max_samples: u32) -> Self {
        let begun = Begun {
            uuid: Uuid::from_bytes([0xab; 16]),
            at: Instant::now(),
            // 2026-08-22T03:14:15.926Z
            utc: SystemTime::UNIX_EPOCH + Duration::from_millis(1_787_368_455_926),
        };
        let settings = Settings {
            max_samples,
            ..Settings::new(Codec::Slin, Pauses::Keep)
        };
        Self {
            at: begun.at,
            recording: Recording::new(begun, settings),
            disk: disk.clone(),
        }
    }

    fn say(&mut self, rate: SampleRate, samples: &[i16]) {
        for samples in samples.chunks(rate.hz() as usize / 50) {
            self.at += FRAME;
            let mut payload = Vec::new();
            pcm::to_slin(samples, &mut payload);
            let frame = Frame {
                at: self.at,
                rate,
                payload,
                lost: Lost::default(),
            };
            self.recording.frame(&self.disk, frame);
        }
    }

    fn end(&mut self) -> Outcome {
        let ended = Ended {
            at: self.at,
            lost: 0,
        };
        self.recording.end(&self.disk, ended)
    }
}

const NAME: &str = "20260822T031415.926Z-abababab-abab-abab-abab-abababababab";

fn counting(len: usize) -> Vec<i16> {
    (0..len).map(|at| at as i16).collect()
}

#[test]
fn another_rate_is_another_file_which_is_named_by_its_beginning() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    let (narrow, wide) = (counting(16_000), counting(16_000));
    caller.say(NARROW, &narrow);
    // The silence between them is at the beginning of the second.
    caller.at += Duration::from_secs(1);
    caller.say(WIDE, &wide);
    let outcome = Outcome {
        files: 2,
        lost: 0,
        failed: false,
    };
    assert_eq!(caller.end(), outcome);
    let wide = [vec![0; 16_000], wide].concat();
    let second = NAME.replace("15.926", "17.926");
    let wanted = [
        (format!("{NAME}.wav"), 8_000, narrow),
        (format!("{second}.wav"), 16_000, wide),
    ];
    assert_eq!(disk.recordings(), wanted);
    assert_eq!(disk.synced(), 2);
}

#[test]
fn a_file_that_is_full_is_followed_by_another() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, 8_000);
    let samples = counting(20_000);
    caller.say(NARROW, &samples);
    assert_eq!(caller.end().files, 3);
    let recordings = disk.recordings();
    let names: Vec<_> = recordings.iter().map(|(name, ..)| &name[8..19]).collect();
    assert_eq!(names, ["T031415.926", "T031416.926", "T031417.926"]);
    let recorded = recordings.into_iter().flat_map(|(.., samples)| samples);
    assert_eq!(recorded.collect::<Vec<_>>(), samples);
}

#[test]
fn nothing_is_overwritten() {
    let disk = MemoryDisk::default();
    for len in [160, 320, 480] {
        let mut caller = Caller::new(&disk, MAX_SAMPLES);
        caller.say(NARROW, &counting(len));
        caller.end();
    }
    let mut found = disk.recordings();
    found.sort_by_key(|(.., samples)| samples.len());
    let found: Vec<_> = found.into_iter().map(|(name, ..)| name).collect();
    let wanted = ["", "-2", "-3"].map(|suffix| format!("{NAME}{suffix}.wav"));
    assert_eq!(found, wanted);
}

#[test]
fn a_call_makes_a_limited_number_of_files() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    for _ in 0..100 {
        caller.say(NARROW, &[1; 160]);
        caller.say(WIDE, &[2; 320]);
    }
    let failure = caller.recording.failure.as_ref().unwrap();
    assert_eq!(failure.error.to_string(), "a call has 9 files at most");
    let outcome = Outcome {
        files: MAX_FILES,
        // Each of the 200 frames had another rate than the one before.
        lost: 191,
        failed: true,
    };
    assert_eq!(caller.end(), outcome);
    assert_eq!(disk.recordings().len(), MAX_FILES as usize);
}

#[test]
fn a_full_disk_ends_a_recording_and_not_the_next() {
    let disk = MemoryDisk::default();
    disk.limit(Some(44 + 2 * 12_345));
    let samples = counting(40_000);
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.say(NARROW, &samples);
    let failure = caller.recording.failure.as_ref().unwrap();
    let fragment = failure.fragment.as_ref().unwrap();
    assert_eq!(fragment.file, format!("{NAME}.wav"));
    assert_eq!(fragment.seconds, 12_345.0 / 8_000.0);
    assert_eq!(failure.error.kind(), io::ErrorKind::StorageFull);
    // There is room again, which is for other calls: this one stays in one piece.
    disk.limit(None);
    caller.say(NARROW, &samples);
    let outcome = caller.end();
    assert!(outcome.failed && outcome.lost > 250, "{outcome:?}");
    assert_eq!(disk.recordings()[0].2, samples[..12_345]);

    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.say(NARROW, &samples);
    assert!(!caller.end().failed);
    assert_eq!(disk.recordings()[0].2, samples);
}

#[test]
fn a_tick_makes_everything_playable() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.say(NARROW, &counting(7_000));
    assert!(disk.recordings()[0].2.is_empty());
    caller.recording.tick(&disk, caller.at);
    assert_eq!(disk.recordings()[0].2, counting(7_000));
}

#[test]
fn a_call_without_audio_makes_no_file() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.at += Duration::from_secs(60);
    caller.recording.tick(&disk, caller.at);
    assert_eq!(caller.end().files, 0);
    assert_eq!(disk.recordings(), []);
}
