//! Recordings of what callers hear.

use std::io;
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_proto::Audio;
use audiosocket_record::{Gaps, Recorder, Track};
use audiosocket_testing::load::CallTap;
use serde::Serialize;
use tokio::time::sleep;
use uuid::Uuid;

/// In the name of a file, this stands for the call's UUID.
pub(super) const PLACEHOLDER: &str = "{uuid}";

/// About the jitter buffer of a telephone: audio that is at most this late follows the audio before it without a gap.
const LONGEST_UNHEARD: Duration = Duration::from_millis(60);

/// The most bytes that wait for the disk: 1,700 frames of a call at 8 kHz, and 64 MiB of all calls.
/// If the disk is slower, recordings fail: no call waits for it, and no signal does.
const MAX_WAITING_PER_CALL: usize = 768 << 10;
const MAX_WAITING: usize = 64 << 20;

/// How long to wait for the disk after the last call.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to look whether all audio is written.
const LOOK: Duration = Duration::from_millis(5);

/// The results of all recordings.
#[derive(Debug, Default, Serialize)]
pub(super) struct Recordings {
    pub(super) written: u64,
    pub(super) failed: u64,
    /// Why the first of them failed.
    pub(super) error: Option<String>,
}

/// Records what the caller of one call hears. `None` if the recorder has no room for the call; it counts such calls.
#[derive(Debug)]
pub(super) struct RecordedCall(Option<Track>);

impl RecordedCall {
    pub(super) fn start(recorder: &Recorder, uuid: Uuid) -> Self {
        Self(recorder.track(uuid).ok())
    }
}

impl CallTap for RecordedCall {
    fn received(&mut self, audio: Audio<'_>, at: Instant) {
        if let Some(track) = &mut self.0 {
            track.write(at, audio);
        }
    }
}

/// Starts a recorder whose files have this name.
pub(super) fn start(name: &str) -> io::Result<Recorder> {
    let name = name.to_owned();
    Recorder::to_files(move |uuid| name.replace(PLACEHOLDER, &uuid.to_string()).into())
        .input_rate(SampleRate::Hz8000)
        .gaps(Gaps::Playback {
            jitter_buffer: LONGEST_UNHEARD,
        })
        .sync(false)
        .max_waiting_per_call(MAX_WAITING_PER_CALL)
        .max_waiting(MAX_WAITING)
        .start()
}

/// Waits until all audio is written, but not beyond `stop`, nor for longer than [`PATIENCE`]. All
/// tracks have ended.
pub(super) async fn finish(recorder: Recorder, name: &str, stop: impl Future) -> Recordings {
    recorder.shut_down();
    let written = async {
        while !recorder.is_finished() {
            sleep(LOOK).await;
        }
    };
    let in_time = tokio::select! {
        () = written => true,
        _ = stop => false,
        () = sleep(PATIENCE) => false,
    };
    let stats = if in_time {
        recorder.finish()
    } else {
        recorder.stats()
    };
    let failed = stats.started - stats.complete;
    let unfinished = || format!("{}: not written in time", name.escape_debug());
    Recordings {
        written: stats.complete,
        failed,
        error: stats.first_error.or_else(|| (failed > 0).then(unfinished)),
    }
}
